"""An endpoint in a workflow: a model is trained, put into service, asked by a function and by a Task, and deleted."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = "arn:aws:iam::012345678912:role/SageMakerRole"
NAME = "$$.Execution.Name"

FUNCTION = """
import boto3

def handler(event, context):
    runtime = boto3.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="live", Body=b"1,2", ContentType="text/csv")
    return {"score": float(answer["Body"].read()), "variant": answer["InvokedProductionVariant"]}
"""


def task(resource: str, parameters: dict[str, Any], following: str, **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, **more, "Next": following}


def machine() -> dict[str, Any]:
    optimized, sdk = "arn:aws:states:::sagemaker", "arn:aws:states:::aws-sdk"
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data-bucket/train.csv"}
    training = {
        "TrainingJobName.$": NAME,
        "HyperParameters": {"num_round": "2"},
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [
            {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://data-bucket/models"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    container = {"Image": IMAGE, "ModelDataUrl.$": "$.ModelArtifacts.S3ModelArtifacts"}
    model = {"ModelName.$": NAME, "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    variant = {
        "VariantName": "all",
        "ModelName.$": NAME,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    config = {"EndpointConfigName.$": NAME, "ProductionVariants": [variant]}
    endpoint = {"EndpointName": "live", "EndpointConfigName.$": NAME}
    named = {"EndpointName": "live"}
    choices = [
        {"Variable": "$.EndpointStatus", "StringEquals": "Creating", "Next": "Wait"},
        {"Variable": "$.EndpointStatus", "StringEquals": "InService", "Next": "Function"},
    ]
    asked = {**named, "Body": "1,2", "ContentType": "text/csv"}
    function = "arn:aws:lambda:us-east-1:123456789012:function:ask"
    return {
        "StartAt": "Train",
        "States": {
            "Train": task(f"{optimized}:createTrainingJob.sync", training, "Model"),
            "Model": task(f"{optimized}:createModel", model, "Config"),
            "Config": task(f"{optimized}:createEndpointConfig", config, "Endpoint"),
            "Endpoint": task(f"{optimized}:createEndpoint", endpoint, "Look"),
            "Look": task(f"{sdk}:sagemaker:describeEndpoint", named, "Is it up?"),
            "Is it up?": {"Type": "Choice", "Choices": choices},
            "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Look"},
            "Function": task(function, {}, "Invoke", ResultPath="$.function"),
            "Invoke": task(f"{sdk}:sagemakerruntime:invokeEndpoint", asked, "Delete", ResultPath="$.task"),
            "Delete": task(f"{sdk}:sagemaker:deleteEndpoint", named, "Done", ResultPath=None),
            "Done": {"Type": "Succeed"},
        },
    }


def test_a_model_in_service(tmp_path: Path) -> None:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "ask.py").write_text(FUNCTION)
    (tmp_path / "serve.asl.json").write_text(json.dumps(machine()))
    data = tmp_path / ".asl-runner" / "s3" / "data-bucket" / "train.csv"
    data.parent.mkdir(parents=True)
    draw = random.Random(5)
    rows = [(draw.random(), draw.random()) for _ in range(60)]
    data.write_text("".join(f"{x + y},{x},{y}\n" for x, y in rows))
    done = subprocess.run(
        [sys.executable, "-m", "asl_runner", "run", "serve.asl.json", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(done.stdout)
    assert answer["status"] == "SUCCEEDED", (answer, done.stderr)
    output = answer["output"] if isinstance(answer["output"], dict) else json.loads(answer["output"])
    assert output["EndpointStatus"] == "InService"
    assert output["function"]["variant"] == output["task"]["InvokedProductionVariant"] == "all"
    assert float(output["task"]["Body"]) == output["function"]["score"]
    assert not list((tmp_path / ".asl-runner" / "jobs" / "endpoint").iterdir())
