"""The SageMaker API through boto3: jobs run for real, records nobody runs are emulated."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ClientFactory, ServerProcess

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def training(name: str, bucket: str, **changes: Any) -> dict[str, Any]:
    """A request for a small XGBoost training."""
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": {"num_round": "2", "objective": "reg:squarederror"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/train/"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    return request | changes


def seed(s3: Any, bucket: str) -> None:
    draw = random.Random(7)
    rows = [[draw.random() for _ in range(3)] for _ in range(60)]
    s3.create_bucket(Bucket=bucket)
    text = "".join(f"{sum(row)},{','.join(map(str, row))}\n" for row in rows)
    s3.put_object(Bucket=bucket, Key="train/data.csv", Body=text.encode())


def test_a_training_job_runs_and_its_model_is_an_object(client: ClientFactory) -> None:
    sagemaker, s3 = client("sagemaker"), client("s3")
    seed(s3, "training-1")
    created = sagemaker.create_training_job(**training("real", "training-1", Tags=[{"Key": "team", "Value": "a"}]))
    arn = created["TrainingJobArn"]
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName="real", WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    described = sagemaker.describe_training_job(TrainingJobName="real")
    assert described["TrainingJobStatus"] == "Completed", described.get("FailureReason")
    assert described["TrainingEndTime"] >= described["TrainingStartTime"]
    key = described["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://training-1/")
    assert s3.head_object(Bucket="training-1", Key=key)["ContentLength"] > 0
    found = sagemaker.get_paginator("list_training_jobs").paginate(NameContains="real").search("TrainingJobSummaries")
    assert [each["TrainingJobArn"] for each in found] == [arn]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    with pytest.raises(ClientError) as taken:
        sagemaker.create_training_job(**training("real", "training-1"))
    assert taken.value.response["Error"]["Code"] == "ResourceInUse"


def test_a_processing_job_runs_and_its_output_is_an_object(client: ClientFactory) -> None:
    sagemaker, s3 = client("sagemaker"), client("s3")
    s3.create_bucket(Bucket="processing-1")
    script = "import pathlib; pathlib.Path('/opt/ml/processing/out/answer').write_text('42')"
    s3.put_object(Bucket="processing-1", Key="code/run.py", Body=script.encode())
    code = {"S3Uri": "s3://processing-1/code/run.py", "LocalPath": "/opt/ml/processing/input/code"}
    out = {"S3Uri": "s3://processing-1/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    arn = sagemaker.create_processing_job(
        ProcessingJobName="processed",
        RoleArn=ROLE,
        AppSpecification={
            "ImageUri": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
        },
        ProcessingInputs=[{"InputName": "code", "S3Input": {**code, "S3DataType": "S3Prefix"}}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": out}]},
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
        },
    )["ProcessingJobArn"]
    sagemaker.get_waiter("processing_job_completed_or_stopped").wait(
        ProcessingJobName="processed", WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    described = sagemaker.describe_processing_job(ProcessingJobName="processed")
    assert described["ProcessingJobStatus"] == "Completed", described.get("FailureReason")
    assert s3.get_object(Bucket="processing-1", Key="out/answer")["Body"].read() == b"42"
    pages = sagemaker.get_paginator("list_processing_jobs").paginate(NameContains="processed")
    assert [each["ProcessingJobArn"] for each in pages.search("ProcessingJobSummaries")] == [arn]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    sagemaker.stop_processing_job(ProcessingJobName="processed")


def test_an_endpoint_answers_the_runtimes_client(client: ClientFactory) -> None:
    sagemaker, s3, runtime = client("sagemaker"), client("s3"), client("sagemaker-runtime")
    seed(s3, "endpoint-1")
    sagemaker.create_training_job(**training("served", "endpoint-1"))
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName="served", WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    artifact = sagemaker.describe_training_job(TrainingJobName="served")["ModelArtifacts"]["S3ModelArtifacts"]
    sagemaker.create_model(
        ModelName="served", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact}
    )
    variant = {
        "VariantName": "all",
        "ModelName": "served",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": 1.0,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="served", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="served", EndpointConfigName="served")
    fast = {"Delay": 1, "MaxAttempts": 60}
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="served", WaiterConfig=fast)
    answer = runtime.invoke_endpoint(
        EndpointName="served", Body=b"0.1,0.2,0.3", ContentType="text/csv", Accept="application/json"
    )
    assert 0 < json.loads(answer["Body"].read())["predictions"][0]["score"] < 3
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("application/json", "all")
    with pytest.raises(runtime.exceptions.ModelError) as refused:
        runtime.invoke_endpoint(EndpointName="served", Body=b"x", ContentType="image/png")
    assert refused.value.response["OriginalStatusCode"] == 415
    assert refused.value.response["OriginalMessage"].startswith("Content-type image/png not supported")
    with pytest.raises(ClientError, match="Endpoint nobody of account 123456789012 not found") as unknown:
        runtime.invoke_endpoint(EndpointName="nobody", Body=b"x")
    assert unknown.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="Only InvokeEndpoint answers here"):
        runtime.invoke_endpoint_async(EndpointName="served", InputLocation="s3://endpoint-1/x")
    listed = sagemaker.get_paginator("list_endpoints").paginate(StatusEquals="InService").search("Endpoints")
    assert [each["EndpointName"] for each in listed] == ["served"]
    sagemaker.delete_endpoint(EndpointName="served")
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="served", WaiterConfig=fast)


def test_an_endpoint_is_there_again_after_a_kill(serve: Callable[..., ServerProcess]) -> None:
    first = serve()
    sagemaker, s3 = first.client("sagemaker"), first.client("s3")
    seed(s3, "killed-1")
    sagemaker.create_training_job(**training("kept", "killed-1"))
    fast = {"Delay": 1, "MaxAttempts": 60}
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName="kept", WaiterConfig=fast)
    artifact = sagemaker.describe_training_job(TrainingJobName="kept")["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": IMAGE, "ModelDataUrl": artifact}
    sagemaker.create_model(ModelName="kept", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "all", "ModelName": "kept", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="kept", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="kept", EndpointConfigName="kept")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="kept", WaiterConfig=fast)
    asked = {"EndpointName": "kept", "Body": b"0.1,0.2,0.3", "ContentType": "text/csv"}
    before = first.client("sagemaker-runtime").invoke_endpoint(**asked)["Body"].read()
    first.kill()
    second = serve()
    assert second.client("sagemaker").describe_endpoint(EndpointName="kept")["EndpointStatus"] == "InService"
    assert second.client("sagemaker-runtime").invoke_endpoint(**asked)["Body"].read() == before


def test_models_are_kept_through_a_kill(serve: Callable[..., ServerProcess]) -> None:
    first = serve()
    request = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}
    first.client("sagemaker").create_model(**request)
    first.kill()
    sagemaker = serve().client("sagemaker")
    assert sagemaker.describe_model(ModelName="m")["PrimaryContainer"]["Image"] == IMAGE
    sagemaker.delete_model(ModelName="m")
    assert sagemaker.list_models()["Models"] == []


@pytest.mark.parametrize(
    "call, request_, code, message",
    [
        (
            "describe_training_job",
            {"TrainingJobName": "nobody"},
            "ValidationException",
            "Requested resource not found.",
        ),
        (
            "describe_training_job",
            {"TrainingJobName": "a_b"},
            "ValidationException",
            "1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        ("list_labeling_jobs", {}, "UnknownOperationException", "ListLabelingJobs is not available here"),
    ],
)
def test_refusals(client: ClientFactory, call: str, request_: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(client("sagemaker"), call)(**request_)
    error: Any = refused.value.response["Error"]
    assert error["Code"] == code
    assert error["Message"].startswith(message)


def test_records_that_nobody_runs_are_emulated(client: ClientFactory) -> None:
    sagemaker = client("sagemaker")
    arn = sagemaker.create_experiment(ExperimentName="tried")["ExperimentArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    assert "tried" in json.dumps(sagemaker.list_experiments(), default=str)
