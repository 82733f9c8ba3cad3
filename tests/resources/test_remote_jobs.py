"""Jobs on AWS as progress shows them: metrics are read from their logs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from asl_runner.resources.remote_jobs import RemoteJobs

BUILT_IN = {"TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"}
OWN = {
    "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1",
    "MetricDefinitions": [{"Name": "train:rmse", "Regex": "train-rmse:([0-9.]+)"}],
}
NOT_PYTHONS = {**OWN, "MetricDefinitions": [{"Name": "train:rmse", "Regex": "train-rmse:([0-9.]+)\\p{Z}("}]}


class Logs:
    """A log of two rounds, as CloudWatch gives it."""

    def describe_log_streams(self, **_: Any) -> dict[str, Any]:
        return {"logStreams": [{"logStreamName": "fit/algo-1"}]}

    def get_log_events(self, **request: Any) -> dict[str, Any]:
        lines = ["[0]#011train-rmse:3.5", "[1]#011train-rmse:1.5"] if "nextToken" not in request else []
        return {"events": [{"message": line} for line in lines], "nextForwardToken": "end"}


@pytest.mark.parametrize("algorithm, values", [(BUILT_IN, (3.5, 1.5)), (OWN, (3.5, 1.5)), (NOT_PYTHONS, ())])
def test_the_metrics_of_a_job_come_from_its_log(algorithm: dict[str, Any], values: tuple[float, ...]) -> None:
    jobs = RemoteJobs(Logs)
    document = {
        "TrainingJobName": "fit",
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Training",
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "AlgorithmSpecification": algorithm,
    }
    for _ in range(2):
        jobs.seen("TrainingJobName", document)
    shown = jobs.progress("training", "fit")
    assert shown is not None
    assert shown.curves.get("train:rmse", ()) == values
    assert dict(shown.metrics) == ({"train:rmse": values[-1]} if values else {})
