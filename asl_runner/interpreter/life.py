"""The life of a state: entering, leaving, and the failures of its fields; the same for every type."""

from __future__ import annotations

from typing import Any

from asl_runner.definition import model
from asl_runner.definition.model import State
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.interpreter import errors
from asl_runner.interpreter.dataflow import Variables
from asl_runner.interpreter.errors import Failure, data_limit_failure, runtime_failure
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.payload import text as as_text

_TYPES: tuple[type[State], ...] = (
    model.Pass,
    model.Task,
    model.Choice,
    model.Wait,
    model.Succeed,
    model.Fail,
    model.Parallel,
    model.Map,
)
_ENTERED = {kind: f"{kind.__name__}StateEntered" for kind in _TYPES}
_EXITED = {kind: f"{kind.__name__}StateExited" for kind in _TYPES}


def enter(frame: Frame, state: State) -> None:
    """Records the entry and makes `state` the frame's current one."""
    run = frame.run
    text = frame.text
    if text is None:
        text = frame.text = run.payloads.encode(frame.data)
    frame.current = state
    frame.retry_count = 0
    frame.token = None
    frame.forget_context()
    frame.entered_previous = previous = frame.previous
    frame.entered_time = run.ports.clock.now()
    frame.entered = frame.previous = run.log.record(
        _ENTERED[type(state)],
        {"name": state.name, "input": text},
        previous,
        frame.path,
    )


def leave(frame: Frame, state: State, output: Json, assigned: Variables | None, next: str | None) -> None:
    """Records the exit, makes `output` the data of what follows, and points the frame at `next` (None: scope ended).

    Raises an uncatchable `Failure` when the output is over the payload limit.
    """
    run = frame.run
    if output is not frame.data:
        text = run.payloads.encode(output)
        limit = run.limits.payload_bytes
        if limit is not None and len(text) > limit:
            raise data_limit_failure(state.name, catchable=False)
        frame.data = output
        frame.text = text
    details: dict[str, Any] = {"name": state.name, "output": frame.text}
    if assigned:
        details["assignedVariables"] = {name: as_text(value) for name, value in assigned.items()}
        frame.variables = {**frame.variables, **assigned}
    frame.previous = run.log.record(_EXITED[type(state)], details, frame.previous, frame.path)
    frame.current = None
    frame.todo = None if next is None else frame.states[next]


def field_failure(frame: Frame, state: State, problem: ExpressionError, *, previous: int | None = None) -> Failure:
    """The failure of one of the state's own fields; a JSONata one is recorded as EvaluationFailed first.

    `previous` is the event it follows, by default the one before the state was entered (recorded).
    """
    failure = runtime_failure(state.name, frame.entered, problem.message, problem.error)
    if problem.error == errors.QUERY_EVALUATION_ERROR:
        details = {"error": failure.error, "cause": failure.cause}
        if location := getattr(problem, "location", None):
            details["location"] = location
        details["state"] = state.name
        frame.previous = frame.run.log.record(
            "EvaluationFailed",
            details,
            frame.entered_previous if previous is None else previous,
            frame.path,
        )
    return failure
