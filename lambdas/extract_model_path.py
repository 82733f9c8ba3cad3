"""Finds the best training job of a finished tuning job, and where its model lies.

Event: what `createHyperParameterTuningJob.sync` answers, or a document that has it under "tuning".
"""

from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer with the S3 URI of the best model and the name of the job that made it.

    No call is needed: a model lies at OutputPath/JOB/output/model.tar.gz.
    """
    tuning = event.get("tuning", event)
    best = tuning.get("BestTrainingJob", {}).get("TrainingJobName")
    if not best:
        raise ValueError(f"The tuning job {tuning.get('HyperParameterTuningJobName')} has no best training job.")
    output = tuning["TrainingJobDefinition"]["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    url = f"{output}/{best}/output/model.tar.gz"
    return {"statusCode": 200, "body": {"modelDataUrl": url, "bestTrainingJobName": best}}
