"""SendPipelineExecutionStepSuccess and …Failure: the answers to Callback steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from asl_runner.endpoint.pipelines.lookup import refused
from asl_runner.service_model.errors import ServiceError
from asl_runner.workspace.pipelines.callbacks import outputs

if TYPE_CHECKING:
    from asl_runner.workspace import Workspace

FAILED = "SageMaker.CallbackFailed"


async def send_success(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """SendPipelineExecutionStepSuccess: the step has succeeded, with these output parameters."""
    with refused():
        waiting = workspace.pipelines.callbacks.find(request["CallbackToken"])
        given = {one["Name"]: one["Value"] for one in request.get("OutputParameters", ())}
        text = outputs(waiting.step, given)
    with _still_open():
        workspace.local.tokens.succeed(waiting.task_token, text)
    return {"PipelineExecutionArn": waiting.execution}


async def send_failure(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """SendPipelineExecutionStepFailure: the step has failed, for this reason."""
    with refused():
        waiting = workspace.pipelines.callbacks.find(request["CallbackToken"])
    with _still_open():
        workspace.local.tokens.fail(waiting.task_token, FAILED, request.get("FailureReason"))
    return {"PipelineExecutionArn": waiting.execution}


@contextmanager
def _still_open() -> Iterator[None]:
    """A step that has its answer, or has not sent its message yet, does not wait for one."""
    try:
        yield
    except ServiceError as refusal:
        raise ServiceError("ResourceNotFound", f"No Callback step waits for this token: {refusal.message}") from refusal


OPERATIONS = {
    "SendPipelineExecutionStepSuccess": send_success,
    "SendPipelineExecutionStepFailure": send_failure,
}
"""This family's operations, by name in the model."""
