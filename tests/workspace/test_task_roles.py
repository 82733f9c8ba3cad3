"""Tasks on AWS in the role of their `Credentials`; moto plays AWS."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from moto.server import ThreadedMotoServer

from asl_runner.definition.resource import parse_resource
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.ports import ExecutionInfo, TaskCall, TaskFailed
from asl_runner.resources.aws import models
from asl_runner.resources.callback import TaskTokens
from asl_runner.workspace.remote import AwsTarget

OWN = "arn:aws:iam::123456789012:role/own"
OTHER = "arn:aws:iam::123456789012:role/other"


@pytest_asyncio.fixture
async def target(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AwsTarget]:
    """The target `aws`, by the user's settings at a server of this machine."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "user")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    models.session.cache_clear()
    target = AwsTarget("us-east-1", TaskTokens, 0.1)
    yield target
    target.close()
    models.session.cache_clear()
    server.stop()


def asking(credentials: Json = None, resource: str = "aws-sdk:sts:getCallerIdentity") -> TaskCall:
    return TaskCall(
        resource=parse_resource(f"arn:aws:states:::{resource}"),
        input={},
        state="Who",
        execution=ExecutionInfo(
            arn="arn:aws:states:us-east-1:123456789012:execution:m:e",
            name="e",
            state_machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:m",
            state_machine_name="m",
            role_arn=OWN,
            region="us-east-1",
            start_time=0.0,
        ),
        scope="",
        attempt=0,
        event_id=3,
        credentials=credentials,
    )


async def test_a_task_acts_as_its_role(target: AwsTarget) -> None:
    first = (await target.resources.call(asking({"RoleArn": OTHER})))["Arn"]
    assert first == "arn:aws:sts::123456789012:assumed-role/other/asl-runner"
    assert (await target.resources.call(asking({"RoleArn": OTHER})))["Arn"] == first
    another = (await target.resources.call(asking({"RoleArn": f"{OTHER}2"})))["Arn"]
    assert another == "arn:aws:sts::123456789012:assumed-role/other2/asl-runner"
    assert "assumed-role" not in (await target.resources.call(asking()))["Arn"]


async def test_progress_is_shown_of_jobs_in_other_roles_too(target: AwsTarget) -> None:
    request = {
        "TrainingJobName": "train",
        "RoleArn": OTHER,
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    call = asking({"RoleArn": OTHER}, "sagemaker:createTrainingJob.sync")
    call.input = request
    result = await target.resources.call(call)
    assert result["TrainingJobStatus"] == "Completed"
    assert target.job_progress("training", "train") is not None
    assert target.job_progress("training", "none") is None


async def test_a_role_that_may_not_be_assumed_fails_the_task(target: AwsTarget) -> None:
    with pytest.raises(TaskFailed) as failed:
        await target.resources.call(asking({"RoleArn": "none"}))
    assert failed.value.error == "States.TaskFailed"
    assert failed.value.cause == f"The role {OWN} is not authorized to assume the task state's role, none."
