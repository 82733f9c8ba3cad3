"""The context object a request of TestState may give: what belongs into it (recorded refusals)."""

from __future__ import annotations

from asl_runner.definition.model import State, Task
from asl_runner.endpoint.stepfunctions.errors import invalid
from asl_runner.expressions.environment import Json
from asl_runner.expressions.jackson import JsonError, parse
from asl_runner.service_model.errors import ServiceError

_FIELDS: dict[str, dict[str, str]] = {
    "Execution": {
        "Id": "string",
        "Input": "",
        "Name": "string",
        "RoleArn": "string",
        "StartTime": "string",
        "RedriveCount": "number",
        "RedriveTime": "string",
    },
    "State": {"EnteredTime": "string", "Name": "string", "RetryCount": "number"},
    "StateMachine": {"Id": "string", "Name": "string"},
    "Task": {"Token": "string"},
}
"""What each part may hold, and of which type: "" for any."""

_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float)}


def checked_context(text: str, state: State) -> dict[str, Json]:
    """The context object. Raises `ServiceError` ValidationException with AWS's text."""
    try:
        context = parse(text)
    except JsonError as problem:
        raise _refused(f"{problem}") from problem
    if not isinstance(context, dict):
        raise _refused("Context must be a JSON object")
    for name, value in context.items():
        if name == "Map":
            raise _refused("'Map' field is not supported when mocking a Context object")
        if name not in _FIELDS:
            raise _refused(f"Field '{name}' is not allowed")
        _check_part(name, value)
    if "Task" in context and not _has_token(state):
        raise _refused(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' "
            "service integration pattern"
        )
    return context


def _check_part(part: str, value: Json) -> None:
    if not isinstance(value, dict):
        raise _refused(f"{part} must be an object")
    for name, item in value.items():
        if name not in _FIELDS[part]:
            raise _refused(f"Field '{name}' is not allowed")
        kind = _FIELDS[part][name]
        if kind and (isinstance(item, bool) or not isinstance(item, _TYPES[kind])):
            raise _refused(f"{part}.{name} must be a {kind}")


def _has_token(state: State) -> bool:
    return isinstance(state, Task) and (state.resource.kind == "activity" or bool(state.resource.pattern))


def _refused(reason: str) -> ServiceError:
    return invalid(f"Invalid Context object provided: {reason}")
