"""Answers of tasks that wait: success, failure and heartbeats, by the task's token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions


async def send_task_success(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """SendTaskSuccess."""
    service.workspace.local.tokens.succeed(request["taskToken"], request["output"])
    return {}


async def send_task_failure(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """SendTaskFailure."""
    service.workspace.local.tokens.fail(request["taskToken"], request.get("error"), request.get("cause"))
    return {}


async def send_task_heartbeat(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """SendTaskHeartbeat."""
    service.workspace.local.tokens.heartbeat(request["taskToken"])
    return {}


OPERATIONS: dict[str, Operation] = {
    "SendTaskSuccess": send_task_success,
    "SendTaskFailure": send_task_failure,
    "SendTaskHeartbeat": send_task_heartbeat,
}
"""This family's operations, by name in the model."""
