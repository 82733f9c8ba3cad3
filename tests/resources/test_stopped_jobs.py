"""What a `.sync` task started is stopped when the task is cut off: for every service that can stop it.

The services here answer by their models: what was started runs forever. Requests are checked by botocore.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from botocore.validate import ParamValidator

from asl_runner.interpreter.ports import TaskCall
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.optimized import INTEGRATIONS
from asl_runner.resources.optimized_tasks import OptimizedTasks

Make = Callable[..., TaskCall]

GIVEN = {
    "terminateCluster": {"ClusterId": "j-1"},
    "addStep": {"ClusterId": "j-1", "Step": {"Name": "n", "HadoopJarStep": {"Jar": "j"}}},
}
"""Parameters of actions that are not the operation's own."""

STOPS = {
    "athena:startQueryExecution": "StopQueryExecution",
    "batch:submitJob": "TerminateJob",
    "bedrock:createModelCustomizationJob": "StopModelCustomizationJob",
    "codebuild:retryBuildBatch": "StopBuildBatch",
    "codebuild:startBuild": "StopBuild",
    "codebuild:startBuildBatch": "StopBuildBatch",
    "databrew:startJobRun": "StopJobRun",
    "ecs:runTask": "StopTask",
    "elasticmapreduce:addStep": "CancelSteps",
    "elasticmapreduce:createCluster": "TerminateJobFlows",
    "emr-containers:startJobRun": "CancelJobRun",
    "emr-serverless:startJobRun": "CancelJobRun",
    "glue:startJobRun": "BatchStopJobRun",
    "mediaconvert:createJob": "CancelJob",
}
"""Operation that stops what an action started."""


class Endless(AwsClients):
    """Answers everything by the models, every text `running`, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__("us-east-1", "http://127.0.0.1:1")
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, service: str, operation: Any, request: dict[str, Any], errors: Any) -> dict[str, Any]:
        problems = ParamValidator().validate(request, operation.input_shape)
        assert not problems.has_errors(), problems.generate_report()
        self.asked.append((operation.name, request))
        answer: dict[str, Any] = example(operation.output_shape, "running") if operation.output_shape else {}
        return answer


def example(shape: Any, text: str, depth: int = 0) -> Any:
    """A value of a shape, with all its members as deep as it matters."""
    match shape.type_name:
        case "structure":
            members = shape.members.items() if depth < 4 else ()
            return {name: example(member, text, depth + 1) for name, member in members}
        case "list":
            return [example(shape.member, text, depth + 1)]
        case "map":
            return {}
        case "boolean":
            return False
        case "integer" | "long" | "float" | "double":
            return 0
        case "timestamp":
            return None
    return text


def required(shape: Any) -> Any:
    """The least that a request holds, as a task gives it."""
    if shape.type_name == "structure":
        return {f"{name[:1].upper()}{name[1:]}": required(shape.members[name]) for name in shape.required_members}
    return [required(shape.member)] if shape.type_name == "list" else example(shape, "x" * 36)


def awaited() -> list[str]:
    """Every action with `.sync` that is an operation of its service."""
    return [
        f"{service}:{name}"
        for service, integration in INTEGRATIONS.items()
        for name, action in integration.actions.items()
        if action.awaited is not None
    ]


@pytest.mark.parametrize("resource", awaited())
async def test_what_was_started_is_stopped(task: Make, resource: str) -> None:
    from asl_runner.resources.aws import models

    service, name = resource.split(":")
    integration = INTEGRATIONS[service]
    operation = integration.actions[name].operation or name[:1].upper() + name[1:]
    given = GIVEN.get(name) or required(
        models.service_model(integration.service).operation_model(operation).input_shape
    )
    clients = Endless()
    started = asyncio.Event()
    tasks = OptimizedTasks(clients, poll_seconds=(0.001, 0.001))
    running = asyncio.create_task(tasks(task(f"{resource}.sync", given, submitted=lambda answer: started.set())))
    await asyncio.wait([running, asyncio.ensure_future(started.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    clients.close()
    asked = [name for name, _ in clients.asked]
    assert asked[0] == operation
    if resource in STOPS:
        assert asked[-1] == STOPS[resource]
        # What is stopped is what was started, or what the request named.
        assert "running" in str(clients.asked[-1][1]) or service in ("bedrock",)
    else:
        assert set(asked[1:]) <= {integration.actions[name].awaited.look}  # type: ignore[union-attr]
