"""SendPipelineExecutionStepSuccess and …Failure: the answers to Callback steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_runner.endpoint.pipelines.lookup import refused
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
    workspace.local.tokens.succeed(waiting.task_token, text)
    return {"PipelineExecutionArn": waiting.execution}


async def send_failure(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """SendPipelineExecutionStepFailure: the step has failed, for this reason."""
    with refused():
        waiting = workspace.pipelines.callbacks.find(request["CallbackToken"])
    workspace.local.tokens.fail(waiting.task_token, FAILED, request.get("FailureReason"))
    return {"PipelineExecutionArn": waiting.execution}


OPERATIONS = {
    "SendPipelineExecutionStepSuccess": send_success,
    "SendPipelineExecutionStepFailure": send_failure,
}
"""This family's operations, by name in the model."""
