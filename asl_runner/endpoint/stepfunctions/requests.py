"""What a request to start an execution says, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_runner.definition.names import first_forbidden
from asl_runner.endpoint.stepfunctions.errors import invalid, invalid_name
from asl_runner.expressions.jackson import JsonError, parse
from asl_runner.service_model.errors import ServiceError

if TYPE_CHECKING:
    from asl_runner.expressions.environment import Json

LONGEST_INPUT = 262_144
"""Bytes of UTF-8. Source: StartExecution, `input`."""

NOT_SUPPORTED = "This operation is not supported by this type of state machine"


def checked_name(request: dict[str, Any]) -> str | None:
    """The name asked for. Raises `ServiceError` InvalidName."""
    name: str | None = request.get("name")
    if name is not None and first_forbidden(name) is not None:
        raise invalid_name(name)
    return name


def checked_input(request: dict[str, Any]) -> tuple[bytes, Json]:
    """The input's text and value. Raises `ServiceError` InvalidExecutionInput or ValidationException."""
    text = request.get("input", "{}")
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded) > LONGEST_INPUT:
        raise invalid(
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LONGEST_INPUT}"
        )
    try:
        return encoded, parse(text)
    except JsonError as problem:
        raise ServiceError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{problem}'") from problem
