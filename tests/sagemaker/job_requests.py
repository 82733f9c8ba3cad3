"""Small data, requests and waiting, shared by the tests of SageMaker jobs."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.storage.buckets import Buckets

BUCKET = "example-bucket"
XGBOOST = "433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:latest"
ROLE = "arn:aws:iam::012345678912:role/SageMakerRole"
MINE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
TEST_ROWS = 40


class Image:
    """A configured image: a program in place of a container."""

    algorithm: str | None = None
    image: str | None = None

    def __init__(self, pattern: str, program: Path) -> None:
        self.pattern = pattern
        self.command: tuple[str, ...] | None = (sys.executable, str(program))
        self.environment: dict[str, str] = {}


def seed_buckets(root: Path) -> Buckets:
    """A bucket with `csv/train.csv`, `csv/validation.csv` and `csv/test.csv` (no label)."""
    generator = random.Random(1)

    def rows(count: int, label: bool) -> bytes:
        lines = []
        for _ in range(count):
            x, y = generator.randint(0, 100), generator.randint(0, 100)
            lines.append(f"{int(y >= 3 * x + 5)},{x},{y}" if label else f"{x},{y}")
        return ("\r\n".join(lines) + "\r\n").encode()

    buckets = Buckets(root)
    buckets.create_bucket(BUCKET)
    buckets.put(BUCKET, "csv/train.csv", rows(200, True))
    buckets.put(BUCKET, "csv/validation.csv", rows(60, True))
    buckets.put(BUCKET, "csv/test.csv", rows(TEST_ROWS, False))
    return buckets


def channel(name: str, uri: str | None = None) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri or f"s3://{BUCKET}/csv/{name}.csv"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


def definition(image: str = XGBOOST, **changes: Any) -> dict[str, Any]:
    """A training request without name and hyperparameters."""
    return {
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [channel("train"), channel("validation")],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m4.xlarge", "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **changes,
    }


def training(name: str, image: str = XGBOOST, **changes: Any) -> dict[str, Any]:
    return {"TrainingJobName": name, "HyperParameters": {"num_round": "3"}, **definition(image, **changes)}


RANGES = {
    "ContinuousParameterRanges": [{"Name": "alpha", "MinValue": "0", "MaxValue": "10"}],
    "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "6"}],
}


def tuning(
    name: str,
    *,
    total: int = 4,
    parallel: int = 2,
    static: dict[str, str] | None = None,
    image: str = XGBOOST,
    metrics: list[dict[str, str]] | None = None,
    metric: str = "validation:rmse",
    **config: Any,
) -> dict[str, Any]:
    job = definition(image)
    if metrics is not None:
        job["AlgorithmSpecification"]["MetricDefinitions"] = metrics
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": metric},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": total, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": RANGES,
            **config,
        },
        "TrainingJobDefinition": {**job, "StaticHyperParameters": static or {"num_round": "2"}},
    }


def transform(name: str, model: str, **changes: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/csv/test.csv"}
    return {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "text/csv"},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/output"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m4.xlarge"},
        **changes,
    }


SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def processing(
    name: str, script: str, inputs: Sequence[Any] = (), outputs: Sequence[Any] = (), **changes: Any
) -> dict[str, Any]:
    """A request as the SDK's `SKLearnProcessor` sends it: the script is the input `code`."""
    code = processing_input("code", f"s3://{BUCKET}/code/{script}", "/opt/ml/processing/input/code")
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {
            "ImageUri": SKLEARN,
            "ContainerEntrypoint": ["python3", f"/opt/ml/processing/input/code/{script}"],
        },
        "ProcessingInputs": [*inputs, code],
        "ProcessingOutputConfig": {"Outputs": list(outputs)},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
        },
        **changes,
    }


def processing_input(name: str, uri: str, path: str, **changes: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File", **changes}
    return {"InputName": name, "S3Input": source}


def processing_output(name: str, uri: str, mode: str = "EndOfJob") -> dict[str, Any]:
    target = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{name}", "S3UploadMode": mode}
    return {"OutputName": name, "S3Output": target}


def ended(client: LocalSageMaker, api: str, name: str) -> dict[str, Any]:
    """The Describe document once the job has ended; `api` is as in `TrainingJob`."""
    describe: Callable[..., dict[str, Any]] = getattr(
        client,
        {
            "TrainingJob": "describe_training_job",
            "HyperParameterTuningJob": "describe_hyper_parameter_tuning_job",
            "TransformJob": "describe_transform_job",
            "ProcessingJob": "describe_processing_job",
        }[api],
    )
    while (document := describe(**{f"{api}Name": name}))[f"{api}Status"] not in ("Completed", "Failed", "Stopped"):
        time.sleep(0.02)
    return document


def until(condition: Callable[[], object]) -> None:
    """Waits until the condition holds; the test's own time limit ends a wait in vain."""
    while not condition():
        time.sleep(0.02)
