"""The life of a state: entering, leaving, and the failures of its fields; the same for every type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asl_runner.definition import model
from asl_runner.definition.model import State
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.expressions.json_text import compact_bytes
from asl_runner.interpreter import errors
from asl_runner.interpreter.dataflow import Variables
from asl_runner.interpreter.errors import Failure, data_limit_failure, runtime_failure, variables_failure
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.restored import Restored

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
    """Records the entry and makes `state` the frame's current one.

    Raises an uncatchable `Failure` when what a branch or iteration begins with is over the payload limit.
    """
    run = frame.run
    text = frame.text
    if text is None:
        text = frame.text = run.payloads.encode(frame.data)
        if run.limits.exceeded_by(text):
            raise data_limit_failure(state.name, catchable=False)
    frame.current = state
    frame.retry_count = 0
    frame.token = None
    if frame.restored is not None:
        _go_on(frame, state, frame.restored)
        return
    frame.ordinal += 1
    frame.forget_context()
    frame.entered_previous = previous = frame.previous
    frame.entered_time = frame.begun = now = run.ports.clock.now()
    frame.entered = frame.previous = run.log.record(
        _ENTERED[type(state)],
        {"name": state.name, "input": text},
        previous,
        frame.path,
        now,
    )


def _go_on(frame: Frame, state: State, restored: Restored) -> None:
    """The state was entered before; its entry stays what the history says (recorded)."""
    entry = restored.entry
    assert entry is not None
    frame.entered = frame.previous = entry.id
    frame.entered_previous = entry.previous
    frame.entered_time = entry.time
    frame.restored = None
    frame.attempts = restored.attempts
    frame.forget_context()
    after = restored.after
    frame.begun = frame.run.ports.clock.now() if after is None else after.begun
    if isinstance(state, model.Fail) and frame.run.redriven > entry.id:
        # Recorded: it fails again right after the redrive.
        frame.previous = frame.run.redriven
    if after is None:
        return
    frame.exit = after.exit
    if after.failure is not None and after.is_recorded:
        frame.previous = after.last
        raise after.failure


def leave(frame: Frame, state: State, output: Json, assigned: Variables | None, next: str | None) -> None:
    """Records the exit, makes `output` the data of what follows, and points the frame at `next` (None: scope ended).

    Raises an uncatchable `Failure` when the output is over the payload limit, or the variables are over theirs.
    """
    run = frame.run
    if output is not frame.data:
        text = run.payloads.encode(output)
        if run.limits.exceeded_by(text):
            raise data_limit_failure(state.name, catchable=False)
        frame.data = output
        frame.text = text
    details: dict[str, Any] = {"name": state.name, "output": frame.text}
    if assigned:
        details["assignedVariables"] = _assign(frame, state, assigned)
    if frame.exit is not None:
        frame.previous, frame.exit = frame.exit.id, None
    else:
        frame.previous = run.log.record(_EXITED[type(state)], details, frame.previous, frame.path)
    frame.current = None
    frame.todo = None if next is None else frame.states[next]


def _assign(frame: Frame, state: State, assigned: Variables) -> dict[str, str]:
    """Makes new values visible from the next state on; gives their JSON texts."""
    limits = frame.run.limits
    texts = {name: compact_bytes(value) for name, value in assigned.items()}
    sizes = {name: len(text) for name, text in texts.items()}
    all_sizes = {**frame.variable_sizes, **sizes}
    if _over(limits.variable_bytes, sizes) or _over(limits.variables_bytes, all_sizes):
        raise variables_failure(state.name)
    frame.variables = {**frame.variables, **assigned}
    frame.variable_sizes = all_sizes
    return {name: text.decode() for name, text in texts.items()}


def _over(limit: int | None, sizes: Mapping[str, int]) -> bool:
    return limit is not None and sum(sizes.values()) > limit


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
