"""What is shown of SageMaker jobs, from the records they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asl_runner.sagemaker.records import Record, Records
from asl_runner.views.jobs import job_of
from asl_runner.views.recorded_jobs import RecordedJobs

ARN = "arn:aws:sagemaker:us-east-1:123456789012:hyper-parameter-tuning-job/two"


def tuned(name: str, metric: str, parameter: str) -> dict[str, Any]:
    ranges = {"ContinuousParameterRanges": [{"Name": parameter, "MinValue": "0", "MaxValue": "1"}]}
    objective = {"Type": "Minimize", "MetricName": metric}
    return {"DefinitionName": name, "TuningObjective": objective, "HyperParameterRanges": ranges}


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """A tuning job of two definitions with a trial of each, and a training job whose name only looks like a trial's."""
    records = Records(tmp_path)
    tuning = {
        "HyperParameterTuningJobName": "two",
        "HyperParameterTuningJobArn": ARN,
        "HyperParameterTuningJobStatus": "Completed",
        "HyperParameterTuningJobConfig": {"Strategy": "Random"},
        "TrainingJobDefinitions": [tuned("trees", "validation:rmse", "eta"), tuned("lines", "validation:mae", "alpha")],
        "BestTrainingJob": {"TrainingJobName": "two-002-bbbbbbbb"},
    }
    records.create(Record(kind="tuning", name="two", document=tuning))
    for name, parameters, value in (
        ("two-001-aaaaaaaa", {"eta": "0.5", "num_round": "3"}, 2.5),
        ("two-002-bbbbbbbb", {"alpha": "0.25", "num_round": "3"}, 1.5),
    ):
        document = {
            "TrainingJobName": name,
            "TrainingJobStatus": "Completed",
            "TuningJobArn": ARN,
            "HyperParameters": parameters,
            "FinalMetricDataList": [{"MetricName": "ObjectiveMetric", "Value": value, "Timestamp": 1.0}],
        }
        records.create(Record(kind="training", name=name, document=document))
    records.create(Record(kind="training", name="two-more", document={"TrainingJobName": "two-more"}))
    return records


def test_a_tuning_job_of_several_definitions_shows_each_trial_by_its_own(records: Records) -> None:
    shown = job_of(records.root, json.dumps({"HyperParameterTuningJobName": "two"}))
    assert shown is not None
    assert [(one["objective"], one["value"], one["parameters"], one["best"]) for one in shown["trials"]] == [
        ("validation:rmse", 2.5, {"eta": "0.5"}, False),
        ("validation:mae", 1.5, {"alpha": "0.25"}, True),
    ]


@pytest.mark.parametrize("name", ["../training/two-more", "..", "", "other"])
def test_a_name_that_is_no_job_here_shows_nothing(records: Records, name: str) -> None:
    assert job_of(records.root, json.dumps({"TrainingJobName": name})) is None


def test_a_job_of_another_process_is_followed_by_its_record_and_log(records: Records) -> None:
    algorithm = {"MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]}
    document = {
        "TrainingJobName": "fit",
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Training",
        "CreationTime": 5.0,
        "AlgorithmSpecification": algorithm,
    }
    directory = records.create(Record(kind="training", name="fit", document=document))
    jobs = RecordedJobs(records.root)
    first = jobs.progress("training", "fit")
    assert first is not None
    assert (first.status, first.secondary_status, dict(first.metrics)) == ("InProgress", "Training", {})
    with (directory / "log").open("w") as log:
        for text, values in (("loss=3\nloss=2\nlo", (3.0, 2.0)), ("ss=1\n", (3.0, 2.0, 1.0))):
            log.write(text)
            log.flush()
            found = jobs.progress("training", "fit")
            assert found is not None
            assert (found.curves["loss"], found.metrics["loss"]) == (values, values[-1])
        log.write("loss=0.5")
    records.update("training", "fit", lambda one: {**one, "TrainingJobStatus": "Stopped", "TrainingEndTime": 9.0})
    last = jobs.progress("training", "fit")
    assert last is not None
    assert (last.status, last.ended, last.metrics) == ("Stopped", 9.0, {"loss": 0.5})
    assert jobs.progress("training", "other") is None
    assert jobs.progress("endpoint", "fit") is None
