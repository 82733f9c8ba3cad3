"""What is refused before an execution starts."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from asl_runner.configuration import Configuration, ImageSetting, load_configuration
from asl_runner.definition import load
from asl_runner.errors import UsageError
from asl_runner.workspace import Workspace


def mapping(name: str, inner: dict[str, Any], **config: Any) -> dict[str, Any]:
    """A scope of one Map state."""
    return {"StartAt": name, "States": {name: {"Type": "Map", "ItemProcessor": {**config, **inner}, "End": True}}}


def passing(name: str) -> dict[str, Any]:
    return {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}


async def test_a_map_that_needs_a_package_is_refused_by_name_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    bucket = {"Bucket": "data", "Key": "items.parquet"}
    inner = mapping("In", passing("A"), **distributed)
    inner["States"]["In"]["ItemReader"] = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "PARQUET"},
        "Parameters": bucket,
    }
    machine = load(mapping("Outer", inner, **distributed))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        with pytest.raises(UsageError, match=r"State 'In' cannot run here\. .* needs the package pyarrow"):
            await workspace.start(machine, {})
        assert workspace.executions() == []


IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
SAGEMAKER = "arn:aws:states:::sagemaker"
SDK = "arn:aws:states:::aws-sdk:sagemaker"
CREATE = (
    "createEndpoint, createEndpointConfig, createHyperParameterTuningJob, createModel, createProcessingJob, "
    "createTrainingJob, createTransformJob, updateEndpoint"
)


def task(resource: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, **parameters, "End": True}}}


@pytest.mark.parametrize(
    "resource, says",
    [
        (f"{SAGEMAKER}:deleteModel", f"write {SDK}:deleteModel. As sagemaker:…, available are {CREATE}."),
        (
            f"{SAGEMAKER}:createLabelingJob",
            f"createLabelingJob is not available here; available are {CREATE}.",
        ),
        (f"{SDK}:createLabelingJob", "createTransformJob, deleteEndpoint, deleteEndpointConfig, deleteModel"),
        (f"{SDK}:close", "SageMaker's close is not available"),
        (f"{SAGEMAKER}:createModel.sync", f"available: {SAGEMAKER}:createModel (answers once asked)."),
        (f"{SAGEMAKER}:createTrainingJob.waitForTaskToken", f"and {SAGEMAKER}:createTrainingJob.sync (waits"),
        (f"{SAGEMAKER}:createTrainingJob.sync:2", f"and {SAGEMAKER}:createTrainingJob.sync (waits"),
        (f"{SDK}:createTrainingJob.waitForTaskToken", f"available: {SDK}:createTrainingJob (answers once asked)."),
        (
            "arn:aws:states:::aws-sdk:events:putEvents",
            "no AWS service 'events' in aws-sdk resources. Did you mean eventbridge",
        ),
        ("arn:aws:states:::aws-sdk:s3:getobject", "no action 'getobject'. Did you mean getObject"),
        ("arn:aws:states:::aws-sdk:s3:getObject.sync", "AWS SDK integrations have no .sync"),
        ("arn:aws:states:::dynamodb:query", "no action 'query'; it has deleteItem, getItem, putItem, updateItem."),
        ("arn:aws:states:::sqs:sendmessage", "did you mean sendMessage?"),
        ("arn:aws:states:::ecs:runTask.sync:2", "it has .sync, .waitForTaskToken and it can be called without"),
        ("arn:aws:states:::lambda:invoke.sync", "available: arn:aws:states:::lambda:invoke, which waits"),
    ],
)
async def test_actions_and_patterns_that_are_not_here(tmp_path: Path, resource: str, says: str) -> None:
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        with pytest.raises(UsageError, match=re.escape(says)):
            await workspace.start(load(task(resource, {})), {})
    assert not (tmp_path / ".asl-runner" / "workspace.db").exists()


@pytest.mark.parametrize(
    "resource, request_",
    [
        (f"{SAGEMAKER}:createTrainingJob.sync", {"AlgorithmSpecification": {"TrainingImage": IMAGE}}),
        (f"{SAGEMAKER}:createModel", {"Containers": [{"Image": IMAGE}]}),
        (f"{SDK}:createModel", {"PrimaryContainer": {"Image": IMAGE}}),
        (
            f"{SAGEMAKER}:createHyperParameterTuningJob",
            {"TrainingJobDefinitions": [{"AlgorithmSpecification": {"TrainingImage": IMAGE}}]},
        ),
    ],
)
@pytest.mark.parametrize("field", ["Parameters", "Arguments"])
async def test_unknown_images_get_their_configuration_spelled_out(
    tmp_path: Path, resource: str, request_: dict[str, Any], field: str
) -> None:
    machine = load({**task(resource, {field: request_}), "QueryLanguage": LANGUAGE[field]})
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        with pytest.raises(UsageError, match=r'\[images\]\n *"\*/mine:\*" = \{ command = \["python", "program.py"\]'):
            await workspace.start(machine, {})
    images = (ImageSetting(pattern="*/mine:*", command=("python",)),)
    configured = Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner", images=images)
    async with Workspace(configured) as workspace:
        await (await workspace.start(machine, {})).result()


LANGUAGE = {"Parameters": "JSONPath", "Arguments": "JSONata"}


async def test_placeholders_are_named_as_written(tmp_path: Path) -> None:
    machine = load(task("${Function.Arn}", {"Parameters": {"bucket": "${Bucket}"}}))
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        with pytest.raises(UsageError, match=r"in their place:\n  \$\{Bucket\}\n  \$\{Function.Arn\}$"):
            await workspace.start(machine, {})


async def test_a_configured_image_trains(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import os, pathlib, sys\n"
        "model = pathlib.Path(os.environ['ASL_RUNNER_OPT_ML'], 'model')\n"
        "model.mkdir(exist_ok=True)\n"
        "(model / 'told.txt').write_text(f\"{sys.argv[1]} {os.environ['LEVEL']}\")\n"
    )
    (tmp_path / "asl-runner.toml").write_text(
        '[images]\n"*/mine:*" = { command = ["python", "train.py"], environment = { LEVEL = "high" } }\n'
    )
    request = {
        "TrainingJobName": "own",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://data/models"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m4.xlarge", "VolumeSizeInGB": 1},
        "RoleArn": "arn:aws:iam::123456789012:role/SageMaker",
    }
    machine = load(task(f"{SAGEMAKER}:createTrainingJob.sync", {"Parameters": request}))
    async with Workspace(load_configuration(start=tmp_path)) as workspace:
        outcome = await (await workspace.start(machine, {})).result()
    assert outcome.status == "SUCCEEDED", outcome.cause
    model = tmp_path / ".asl-runner" / "s3" / "data" / "models" / "own" / "output" / "model.tar.gz"
    with tarfile.open(model) as archive:
        told = archive.extractfile("told.txt")
        assert told is not None
        assert told.read() == b"train high"
