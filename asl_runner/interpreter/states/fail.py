"""Fail: ends its scope with an error and a cause."""

from __future__ import annotations

from asl_runner.definition.model import Fail, Text
from asl_runner.expressions.environment import ExpressionError
from asl_runner.interpreter.dataflow import states_variable
from asl_runner.interpreter.errors import Failure, cut
from asl_runner.interpreter.frame import Frame


def step(frame: Frame, state: Fail) -> None:
    """Raises the `Failure` the state stands for, or `ExpressionError` when its text cannot be computed."""
    limits = frame.run.limits
    error = cut(_resolve(state.error, frame), limits.error_characters)
    cause = cut(_resolve(state.cause, frame), limits.cause_characters)
    raise Failure(error, cause)


def _resolve(text: Text | None, frame: Frame) -> str | None:
    if text is None:
        return None
    if text.literal is not None:
        return text.literal
    if text.path is not None:
        value = text.path(frame.data, frame)
        if not isinstance(value, str):
            raise ExpressionError(f"The {text.field} parameter does not reference a string value")
        return value
    assert text.expression is not None
    value = text.expression(states_variable(frame), frame)
    return str(value)
