"""An AWS of this machine for tasks: clients of a LocalAws on a workspace's files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asl_runner.definition.resource import parse_resource
from asl_runner.interpreter.ports import ExecutionInfo, TaskCall
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.server import LocalAws

EXECUTION = ExecutionInfo(
    arn="arn:aws:states:us-east-1:123456789012:execution:machine:name",
    name="name",
    state_machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:machine",
    state_machine_name="machine",
    role_arn="arn:aws:iam::123456789012:role/role",
    region="us-east-1",
    start_time=0.0,
)


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsClients]:
    with LocalAws(Buckets(tmp_path_factory.mktemp("s3"))) as aws:
        clients = AwsClients("us-east-1", lambda: aws.endpoint_url)
        yield clients
        clients.close()


@pytest.fixture
def task() -> Callable[..., TaskCall]:
    """Makes the call of a task: its resource behind `arn:aws:states:::`, its parameters, callbacks."""

    def make(resource: str, input: Any, **callbacks: Any) -> TaskCall:
        return TaskCall(
            resource=parse_resource(f"arn:aws:states:::{resource}"),
            input=input,
            state="T",
            execution=EXECUTION,
            scope="",
            attempt=0,
            event_id=3,
            **callbacks,
        )

    return make
