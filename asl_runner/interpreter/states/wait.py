"""Wait: seconds or a moment, literal, from a path, or computed."""

from __future__ import annotations

from asl_runner.definition.model import Quantity, Wait
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.expressions.jsonpath import PathNotFound
from asl_runner.expressions.timestamps import parse_timestamp
from asl_runner.interpreter.dataflow import narrowed_input, narrowed_output, plain_output, states_variable
from asl_runner.interpreter.errors import QUERY_EVALUATION_ERROR
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.life import enter, field_failure, leave
from asl_runner.interpreter.payload import text

_LONGEST_DELAY = 2**31 - 1
"""Seconds; a wait beyond that fails (recorded)."""


class TimestampProblem(ExpressionError):
    """A JSONata Timestamp that is no timestamp: an evaluation error at that field (recorded)."""

    error = QUERY_EVALUATION_ERROR
    location = "Timestamp"


async def perform(frame: Frame, state: Wait) -> None:
    """One visit: enters, waits, leaves. Raises `Failure`."""
    enter(frame, state)
    try:
        when = _wake_time(frame, state)
    except TimestampProblem as problem:
        raise field_failure(frame, state, problem, previous=frame.entered) from problem
    except ExpressionError as problem:
        raise field_failure(frame, state, problem) from problem
    clock = frame.run.ports.clock
    if when > clock.now():
        await frame.run.log.commit()
        await clock.sleep_until(when)
    try:
        if state.query_language == "JSONata":
            output, assigned = plain_output(state, frame, state.output, state.assign)
        else:
            data = narrowed_input(state, frame)
            assigned = None if state.assign is None else state.assign(data, frame)
            output = narrowed_output(state, data, frame)
    except ExpressionError as problem:
        raise field_failure(frame, state, problem) from problem
    leave(frame, state, output, assigned, state.next)


def _wake_time(frame: Frame, state: Wait) -> float:
    begun = frame.begun
    delay = _moment(frame, state) - begun if state.seconds is None else _seconds(state.seconds, frame, state)
    if delay > _LONGEST_DELAY:
        raise ExpressionError("Wait state delay is too long.")
    return begun + delay


def _seconds(quantity: Quantity, frame: Frame, state: Wait) -> int:
    if quantity.literal is not None:
        return int(quantity.literal)
    if quantity.path is None:
        assert quantity.expression is not None
        return _whole_seconds(quantity.field, quantity.expression(states_variable(frame), frame), "")
    try:
        value = quantity.path(narrowed_input(state, frame), frame)
    except PathNotFound as missing:
        raise ExpressionError(
            f"The {quantity.field} parameter does not reference an input value: {missing.path_text}"
        ) from missing
    return _whole_seconds(quantity.field, value, f": {quantity.path.text} == {_shown(value)}")


def _whole_seconds(field: str, value: Json, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        raise ExpressionError(f"The {field} parameter cannot be parsed as a long value{where}")
    if value < 0:
        raise ExpressionError(f"The {field} parameter references a negative value{where}")
    return int(value)


def _moment(frame: Frame, state: Wait) -> float:
    if state.timestamp is not None:
        if state.timestamp.literal is not None:
            return _parsed(state.timestamp.literal, None)
        assert state.timestamp.expression is not None
        return _parsed(state.timestamp.expression(states_variable(frame), frame), None)
    path = state.timestamp_path
    assert path is not None
    try:
        value = path(narrowed_input(state, frame), frame)
    except PathNotFound as missing:
        raise ExpressionError(
            f"The TimestampPath parameter does not reference an input value: {path.text}"
        ) from missing
    return _parsed(value, path.text)


def _parsed(value: Json, path: str | None) -> float:
    moment = parse_timestamp(value) if isinstance(value, str) else None
    if moment is not None:
        return moment
    if path is None:
        raise TimestampProblem(
            "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "
            f"{_shown(value)}"
        )
    raise ExpressionError(
        "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
        f"{path} == {_shown(value)}"
    )


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else text(value)
