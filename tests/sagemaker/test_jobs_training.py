"""Training jobs through the client: what they do, what they say of themselves, how they end."""

from __future__ import annotations

import os
import resource
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_requests import BUCKET, MINE, XGBOOST, Image, channel, ended, seed_buckets, training, until

from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.service_model.errors import ServiceError
from asl_runner.storage.buckets import Buckets

PROGRAM = """
import json, os, pathlib, resource, signal, sys, time
root = pathlib.Path(os.environ["ASL_RUNNER_OPT_ML"])
told = json.loads((root / "input/config/hyperparameters.json").read_text())
print("score = 0.25", flush=True)
print("score = 0.75", flush=True)
(root / "model" / "weights").write_text("w")
if told.get("report"):
    (root / "output/data/report.txt").write_text("r")
if told.get("touch"):
    next((root / "input/data/train").iterdir()).write_text("changed")
if told.get("fail"):
    (root / "output" / "failure").write_text("the data is bad")
    sys.exit(3)
if told.get("hang"):
    (root / "pid").write_text(str(os.getpid()))
    time.sleep(600)
if told.get("large"):
    resource.setrlimit(resource.RLIMIT_FSIZE, [resource.getrlimit(resource.RLIMIT_FSIZE)[1]] * 2)
    (root / "model" / "weights").write_bytes(os.urandom(1_000_000))
if told.get("variable"):
    print("variable is", os.environ.get(told["variable"]))
"""


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    return seed_buckets(tmp_path / "s3")


@pytest.fixture
def client(tmp_path: Path, buckets: Buckets) -> Iterator[LocalSageMaker]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = {"AWS_ENDPOINT_URL": "http://localhost:1"}
    made = LocalSageMaker(tmp_path / "jobs", buckets, images=[Image("*/mine:*", program)], environment=environment)
    yield made
    made.close()


BROKEN = {"MetricDefinitions": [{"Name": "x", "Regex": "("}]}


def mine(name: str, hyperparameters: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    request = training(name, MINE, **changes)
    request["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": r"score = (\S+)"}]
    return {**request, "HyperParameters": hyperparameters or {}}


def test_xgboost_trains_and_leaves_its_model_at_its_place(client: LocalSageMaker, buckets: Buckets) -> None:
    answer = client.create_training_job(**training("first", Tags=[{"Key": "team", "Value": "a"}]))
    assert answer["TrainingJobArn"] == "arn:aws:sagemaker:us-east-1:123456789012:training-job/first"
    job = ended(client, "TrainingJob", "first")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": f"s3://{BUCKET}/models/first/output/model.tar.gz"}
    with tarfile.open(buckets.path(BUCKET, "models/first/output/model.tar.gz")) as archive:
        assert archive.getnames() == ["xgboost-model"]
    assert [one["Status"] for one in job["SecondaryStatusTransitions"]] == [
        *("Starting", "Downloading", "Training", "Uploading", "Completed")
    ]
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] >= 1
    metrics = {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]}
    assert set(metrics) == {"train:rmse", "validation:rmse"}
    assert 0 < metrics["validation:rmse"] < 0.5
    assert client.list_tags(ResourceArn=answer["TrainingJobArn"])["Tags"] == [{"Key": "team", "Value": "a"}]


def test_a_bad_hyperparameter_fails_as_the_container_fails(client: LocalSageMaker, buckets: Buckets) -> None:
    client.create_training_job(**{**training("bad"), "HyperParameters": {"num_round": "0"}})
    job = ended(client, "TrainingJob", "bad")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert "num_round" in job["FailureReason"]
    assert job["FailureReason"].endswith(", exit code: 1")
    assert "ModelArtifacts" not in job
    assert not list(buckets.list(BUCKET, "models/"))


def test_a_program_of_ones_own_with_metrics_and_extra_output(client: LocalSageMaker, buckets: Buckets) -> None:
    client.create_training_job(**mine("own", {"report": "1", "variable": "AWS_ENDPOINT_URL"}))
    job = ended(client, "TrainingJob", "own")
    assert [(one["MetricName"], one["Value"]) for one in job["FinalMetricDataList"]] == [("score", 0.75)]
    assert [info.key for info in buckets.list(BUCKET, "models/")] == [
        "models/own/output/model.tar.gz",
        "models/own/output/output.tar.gz",
    ]
    snapshot = client.progress("own")
    assert snapshot is not None
    assert snapshot.metrics == {"score": 0.75}


def test_local_aws_is_told_to_a_users_program_only(client: LocalSageMaker, tmp_path: Path) -> None:
    client.create_training_job(**mine("told", {"variable": "AWS_ENDPOINT_URL"}))
    ended(client, "TrainingJob", "told")
    assert "variable is http://localhost:1" in (tmp_path / "jobs/training/told/log").read_text()


def test_a_program_that_changes_its_input_does_not_change_the_bucket(client: LocalSageMaker, buckets: Buckets) -> None:
    before = buckets.path(BUCKET, "csv/train.csv").read_bytes()
    client.create_training_job(**mine("touch", {"touch": "1"}))
    assert ended(client, "TrainingJob", "touch")["TrainingJobStatus"] == "Completed"
    assert buckets.path(BUCKET, "csv/train.csv").read_bytes() == before


def test_the_failure_file_is_the_reason(client: LocalSageMaker) -> None:
    client.create_training_job(**mine("fails", {"fail": "1"}))
    assert ended(client, "TrainingJob", "fails")["FailureReason"] == "AlgorithmError: the data is bad, exit code: 3"


def test_uncompressed_output_lies_as_plain_objects(client: LocalSageMaker, buckets: Buckets) -> None:
    output = {"S3OutputPath": f"s3://{BUCKET}/plain/", "CompressionType": "NONE"}
    client.create_training_job(**mine("loose", OutputDataConfig=output))
    job = ended(client, "TrainingJob", "loose")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/plain/loose/output/model/"
    assert buckets.path(BUCKET, "plain/loose/output/model/weights").read_text() == "w"


def _hanging(client: LocalSageMaker, tmp_path: Path, name: str, **changes: Any) -> int:
    client.create_training_job(**mine(name, {"hang": "1"}, **changes))
    pid = tmp_path / "jobs/training" / name / "opt/ml/pid"
    until(lambda: pid.exists() and pid.read_text())
    return int(pid.read_text())


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_stop_ends_the_program_and_keeps_its_model(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    pid = _hanging(client, tmp_path, "stopped")
    client.stop_training_job(TrainingJobName="stopped")
    job = ended(client, "TrainingJob", "stopped")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [one["Status"] for one in job["SecondaryStatusTransitions"]][-2:] == ["Stopping", "Stopped"]
    assert _gone(pid)
    assert buckets.path(BUCKET, "models/stopped/output/model.tar.gz").is_file()
    client.stop_training_job(TrainingJobName="stopped")
    assert ended(client, "TrainingJob", "stopped")["TrainingJobStatus"] == "Stopped"


def test_the_time_limit_stops(client: LocalSageMaker, tmp_path: Path) -> None:
    pid = _hanging(client, tmp_path, "late", StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = ended(client, "TrainingJob", "late")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert _gone(pid)


def test_close_leaves_no_program_and_no_running_job(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    pid = _hanging(client, tmp_path, "closed")
    client.close()
    assert _gone(pid)
    other = LocalSageMaker(tmp_path / "jobs", buckets)
    assert ended(other, "TrainingJob", "closed")["TrainingJobStatus"] == "Stopped"
    other.close()
    with pytest.raises(ServiceError, match="shutting down"):
        client.create_training_job(**training("afterwards"))


def test_another_client_of_the_workspace_can_see_and_stop_a_job(
    client: LocalSageMaker, buckets: Buckets, tmp_path: Path
) -> None:
    pid = _hanging(client, tmp_path, "shared")
    other = LocalSageMaker(tmp_path / "jobs", buckets)
    assert other.describe_training_job(TrainingJobName="shared")["TrainingJobStatus"] == "InProgress"
    other.stop_training_job(TrainingJobName="shared")
    assert ended(other, "TrainingJob", "shared")["TrainingJobStatus"] == "Stopped"
    assert _gone(pid)
    other.close()


def test_a_name_is_used_once(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    client.create_training_job(**training("twice"))
    with pytest.raises(ServiceError) as raised:
        client.create_training_job(**training("twice"))
    assert raised.value.response["Error"] == {
        "Code": "ResourceInUse",
        "Message": "Training job names must be unique within an AWS account and region, and a training job with this "
        "name already exists (arn:aws:sagemaker:us-east-1:123456789012:training-job/twice)",
    }
    ended(client, "TrainingJob", "twice")
    again = LocalSageMaker(tmp_path / "jobs", buckets, reuse_names=True)
    again.create_training_job(**training("twice"))
    assert ended(again, "TrainingJob", "twice")["TrainingJobStatus"] == "Completed"
    again.close()


def test_an_unknown_job(client: LocalSageMaker) -> None:
    with pytest.raises(ServiceError, match="Requested resource not found") as raised:
        client.describe_training_job(TrainingJobName="none")
    assert raised.value.code == "ValidationException"


def test_missing_data_is_refused_at_once(client: LocalSageMaker) -> None:
    request = training("nodata", InputDataConfig=[channel("train", f"s3://{BUCKET}/nothing/here")])
    with pytest.raises(ServiceError, match=f'No S3 objects found under S3 URL "s3://{BUCKET}/nothing/here"'):
        client.create_training_job(**request)
    with pytest.raises(ServiceError, match="Requested resource not found"):
        client.describe_training_job(TrainingJobName="nodata")


def test_an_unknown_image_says_what_to_configure(client: LocalSageMaker) -> None:
    client.create_training_job(**training("strange", "1.dkr.ecr.us-east-1.amazonaws.com/strange:1"))
    reason = ended(client, "TrainingJob", "strange")["FailureReason"]
    assert reason.startswith("ClientError: ")
    assert "[images]" in reason


def test_jobs_are_listed_by_page_status_and_name(client: LocalSageMaker) -> None:
    for number in range(3):
        client.create_training_job(**mine(f"list-{number}", {"fail": "1"} if number == 1 else {}))
        ended(client, "TrainingJob", f"list-{number}")
    first = client.list_training_jobs(SortBy="Name", SortOrder="Ascending", MaxResults=2)
    assert [one["TrainingJobName"] for one in first["TrainingJobSummaries"]] == ["list-0", "list-1"]
    second = client.list_training_jobs(SortBy="Name", SortOrder="Ascending", MaxResults=2, NextToken=first["NextToken"])
    assert [one["TrainingJobName"] for one in second["TrainingJobSummaries"]] == ["list-2"]
    assert "NextToken" not in second
    failed = client.list_training_jobs(StatusEquals="Failed", NameContains="list")
    assert [one["TrainingJobName"] for one in failed["TrainingJobSummaries"]] == ["list-1"]
    assert client.list_training_jobs()["TrainingJobSummaries"][0]["TrainingJobName"] == "list-0"
    ever, never = "2020-01-01T00:00:00Z", "2100-01-01"
    assert len(client.list_training_jobs(CreationTimeAfter=ever)["TrainingJobSummaries"]) == 3
    assert not client.list_training_jobs(LastModifiedTimeAfter=never)["TrainingJobSummaries"]


@pytest.mark.parametrize("token", ["abc", "LTU=", "MQ"])
def test_a_token_nobody_gave_out(client: LocalSageMaker, token: str) -> None:
    with pytest.raises(ServiceError, match="NextToken is not one this API gave out"):
        client.list_training_jobs(NextToken=token)


def test_a_model_that_cannot_be_stored_is_the_machines_fault(
    client: LocalSageMaker, buckets: Buckets, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        client.create_training_job(**mine("large", {"large": "1"}))
        job = ended(client, "TrainingJob", "large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: Cannot write the files of the job: the file would be")
    assert not list(buckets.list(BUCKET, "models/"))
    assert not list((tmp_path / "jobs/training/large").glob("*.tar.gz"))


def test_a_manifest_names_the_objects(client: LocalSageMaker, buckets: Buckets) -> None:
    manifest = f'[{{"prefix": "s3://{BUCKET}/csv/"}}, "train.csv"]'
    buckets.put(BUCKET, "manifest.json", manifest.encode())
    source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/manifest.json"}
    listed = {**channel("train"), "DataSource": {"S3DataSource": source}}
    client.create_training_job(**training("listed", InputDataConfig=[listed]))
    assert ended(client, "TrainingJob", "listed")["TrainingJobStatus"] == "Completed"
    buckets.put(BUCKET, "manifest.json", manifest.replace("train.csv", "none.csv").encode())
    with pytest.raises(ServiceError, match=r"csv/none\.csv, which does not exist"):
        client.create_training_job(**training("listed-2", InputDataConfig=[listed]))


@pytest.mark.parametrize(
    "changes, text",
    [
        (
            {"TrainingJobName": "a_b"},
            "1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            {"RoleArn": None},
            "1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be "
            "null",
        ),
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "either AlgorithmName or TrainingImage"),
        ({"OutputDataConfig": {"S3OutputPath": "https://x/y"}}, "expected the form s3://bucket/key"),
        ({"OutputDataConfig": {"S3OutputPath": "s3://B_b/models"}}, "'B_b' is not a name for a bucket"),
        ({"InputDataConfig": [channel("train"), channel("train")]}, "must be unique"),
        ({"Colour": "red"}, 'Unknown parameter in input: "Colour"'),
        ({"HyperParameters": {"num_round": 5}}, "must each be a string, not a number"),
        (
            {"AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": MINE, **BROKEN}},
            "The regular expression of the metric 'x' is not valid",
        ),
    ],
)  # fmt: skip
def test_requests_that_are_refused(client: LocalSageMaker, changes: dict[str, Any], text: str) -> None:
    request = {key: value for key, value in {**training("refused"), **changes}.items() if value is not None}
    with pytest.raises(ServiceError) as raised:
        client.create_training_job(**request)
    assert raised.value.code == "ValidationException"
    assert text in raised.value.message


def test_newer_instance_types_than_the_local_list_are_taken(client: LocalSageMaker) -> None:
    resources = {"InstanceCount": 1, "InstanceType": "ml.m99.huge", "VolumeSizeInGB": 1}
    client.create_training_job(**training("newer", ResourceConfig=resources))
    assert ended(client, "TrainingJob", "newer")["TrainingJobStatus"] == "Completed"


def test_models_are_kept_and_freed(client: LocalSageMaker) -> None:
    container = {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/m.tar.gz", "Environment": {}}
    answer = client.create_model(
        ModelName="model-a", PrimaryContainer=container, ExecutionRoleArn="arn:aws:iam::012345678912:role/r"
    )
    assert set(answer) == {"ModelArn", "ResponseMetadata"}
    assert client.describe_model(ModelName="model-a")["PrimaryContainer"]["Mode"] == "SingleModel"
    with pytest.raises(ServiceError, match="Cannot create already existing model") as raised:
        client.create_model(ModelName="model-a", PrimaryContainer=container)
    assert raised.value.code == "ValidationException"
    client.add_tags(ResourceArn=answer["ModelArn"], Tags=[{"Key": "k", "Value": "v"}])
    assert client.list_tags(ResourceArn=answer["ModelArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    assert [one["ModelName"] for one in client.list_models()["Models"]] == ["model-a"]
    client.delete_model(ModelName="model-a")
    with pytest.raises(ServiceError, match='Could not find model "arn:aws:sagemaker'):
        client.describe_model(ModelName="model-a")
