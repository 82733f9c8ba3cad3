"""Which errors a task can raise, and what it plausibly answers when it does not: by botocore's models and its kind.

Source: reference section 12 for the errors of functions and HTTP Tasks; the API models for those of services.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from asl_runner.definition.model import Task, Working
from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import TASK_FAILED
from asl_runner.interpreter.ports import TaskCall
from asl_runner.resources.aws import models
from asl_runner.resources.aws.errors import OptimizedErrors, Refusal, SdkErrors
from asl_runner.resources.aws.names import capitalized, sdk_member
from asl_runner.resources.mocks.answer_shapes import answer_shape
from asl_runner.resources.optimized import INTEGRATIONS

SILENCE = "no answer"
"""Not an error: the task is never answered, so its timeout or heartbeat passes, or nothing does."""

_FUNCTION = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Exception",
)
_OWN = {
    "activity": ("Exception",),
    "http": (
        "States.Http.StatusCode.404",
        "States.Http.StatusCode.429",
        "States.Http.StatusCode.500",
        "States.Http.StatusCode.503",
        "States.Http.Socket",
    ),
    "apigateway": ("ApiGateway.403", "ApiGateway.429", "ApiGateway.500"),
}
_DEPTH = 3
"""How deep plausible answers are filled in."""


def errors_of(task: Task, around: Iterable[str] = ()) -> list[str]:
    """The names of the errors a task may fail with, and `SILENCE`.

    Those come first that its own Retry and Catch name, and those named `around` it.
    """
    own = [name for name in (*named(task), *around) if not name.startswith("States.")]
    return [*dict.fromkeys((*own, *_by_kind(task.resource), SILENCE))]


def named(state: Working) -> Iterator[str]:
    """The errors that a state retries or catches."""
    for retrier in state.retry:
        yield from retrier.error_equals
    for catcher in state.catch:
        yield from catcher.error_equals


def _by_kind(resource: Resource) -> Iterator[str]:
    if resource.kind in ("lambda", "unknown") or resource.service == "lambda":
        yield from _FUNCTION
    elif resource.kind == "activity" or resource.service in _OWN:
        yield from _OWN[resource.service or resource.kind]
    else:
        yield from _by_model(resource)
    if resource.pattern in ("sync", "sync:2"):
        yield TASK_FAILED
    elif resource.pattern == "waitForTaskToken":
        yield "Exception"


def _by_model(resource: Resource) -> Iterator[str]:
    """The errors the API's model has for the operation, spelt as the integration spells them."""
    try:
        name, errors = _spelling(resource)
        operation = models.operation(name, resource.action)
    except models.UnknownOperation:
        yield TASK_FAILED
        return
    for shape in operation.error_shapes:
        code = shape.metadata.get("error", {}).get("code", shape.name)
        yield str(errors.refused(Refusal(code, "injected", 400, "", shape=shape.name)).error)
    yield str(errors.refused(Refusal("ThrottlingException", "injected", 400, "")).error)
    yield str(errors.unreachable("injected").error)


def _spelling(resource: Resource) -> tuple[str, SdkErrors | OptimizedErrors]:
    if resource.kind == "aws-sdk":
        name = models.botocore_name(resource.service.removeprefix("aws-sdk:"))
        return name, SdkErrors(models.service_model(name))
    known = INTEGRATIONS.get(resource.service)
    if known is not None:
        model = models.service_model(known.service)
        return known.service, OptimizedErrors(model, prefix=known.prefix, label=known.label, general=known.general)
    name = {"states": "stepfunctions"}.get(resource.service, resource.service)
    prefix = {"states": "StepFunctions", "sagemaker": "SageMaker"}.get(resource.service, capitalized(resource.service))
    general = f"Amazon{prefix}Exception"
    return name, OptimizedErrors(models.service_model(name), prefix=prefix, label=prefix, general=general)


def plausible(task: Task) -> Any:
    """What stands for the task's answer when nobody says: its input, or a document in the shape of its API's answer."""
    resource = task.resource
    if resource.service == "lambda" and not resource.pattern:
        return _invoked
    shape = answer_shape(resource)
    if shape is None:
        return _echoed
    document = _document(shape.shape, 0, sdk=resource.kind == "aws-sdk")
    return {**document, shape.free: {}} if shape.free else document


def _echoed(input: Json) -> Json:
    return input


def _invoked(input: Json, call: TaskCall) -> Json:
    payload = input.get("Payload", {}) if isinstance(input, dict) else {}
    return {"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200}


def _document(shape: Any, depth: int, *, sdk: bool) -> Any:
    match shape.type_name:
        case "structure":
            return {
                (sdk_member(shape.name, name) if sdk else capitalized(name)): _document(member, depth + 1, sdk=sdk)
                for name, member in shape.members.items()
                if depth < _DEPTH or name in shape.required_members
            }
        case "list":
            return [_document(shape.member, depth + 1, sdk=sdk)] if depth < _DEPTH else []
        case "map":
            return {}
        case "boolean":
            return True
        case "integer" | "long" | "float" | "double":
            return max(1, shape.metadata.get("min", 1))
        case "timestamp":
            return "2024-01-01T00:00:00Z"
        case _:
            known = shape.metadata.get("enum")
            return known[0] if known else "x" * max(1, shape.metadata.get("min", 1))
