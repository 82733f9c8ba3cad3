"""Random JSONPath machines of every state type, and answers that depend on a seed and nothing else."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from interpreting import INVOKE, LAMBDA

from asl_runner.history.events import TERMINAL, Event
from asl_runner.interpreter.ports import Clock, TaskCall, TaskFailed

_CUT_OFF = ("TaskStateAborted", "WaitStateAborted", "ParallelStateAborted", "MapStateAborted")
ERRORS = ["A", "B", "States.Timeout"]


class SeededAnswers:
    """A `Tasks` port: result, error, and how long it takes follow from the seed and where the task stands."""

    def __init__(self, seed: str, clock: Clock, *, failing: bool = True) -> None:
        self._seed = seed
        self._clock = clock
        self._failing = failing

    async def call(self, call: TaskCall) -> Any:
        text = f"{self._seed}/{call.scope}/{call.state}/{call.attempt}"
        chance = hashlib.sha256(text.encode()).digest()
        if chance[0] % 3:
            asked = self._clock.now() if call.going_on is None else call.going_on.scheduled
            await self._clock.sleep_until(asked + chance[1] % 9 + chance[3] / 1000)
        if self._failing and chance[2] % 4 == 0:
            raise TaskFailed(ERRORS[chance[4] % 2], "by chance")
        return {"n": chance[5], "items": list(range(chance[6] % 4))}


def _handlers(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    errors = st.sampled_from([["States.ALL"], ["A"], ["B"], ["A", "B"], ["States.Timeout"], ["States.TaskFailed"]])
    retrier = st.fixed_dictionaries(
        {"ErrorEquals": errors, "MaxAttempts": st.integers(0, 2), "IntervalSeconds": st.integers(1, 5)},
        optional={"JitterStrategy": st.just("FULL"), "MaxDelaySeconds": st.integers(6, 9)},
    )
    catcher = st.fixed_dictionaries(
        {"ErrorEquals": errors, "Next": st.sampled_from(names)}, optional={"ResultPath": st.just("$.error")}
    )
    some = {
        "Retry": st.lists(retrier, max_size=2).map(_all_last),
        "Catch": st.lists(catcher, max_size=2).map(_all_last),
    }
    return st.fixed_dictionaries({}, optional=some)


def _all_last(handlers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most one `States.ALL`, and that one last."""
    every = [handler for handler in handlers if handler["ErrorEquals"] == ["States.ALL"]]
    return [handler for handler in handlers if handler["ErrorEquals"] != ["States.ALL"]] + every[:1]


@st.composite
def machines(draw: st.DrawFn, *, distributed: bool = False) -> dict[str, Any]:
    """A machine whose states only lead forward, so that it ends; some of its Maps are `distributed` if they may be."""
    counter = itertools.count()
    return _scope(draw, counter, 2, distributed=distributed)


def _scope(draw: st.DrawFn, counter: Any, depth: int, *, distributed: bool) -> dict[str, Any]:
    names = [f"S{next(counter)}" for _ in range(draw(st.integers(1, 3)))]
    end = f"S{next(counter)}"
    states: dict[str, Any] = {end: draw(_ends)}
    for position, name in enumerate(names):
        states[name] = _state(draw, counter, depth, [*names[position + 1 :], end], distributed=distributed)
    return {"StartAt": names[0], "States": _reachable(states, names[0])}


def _reachable(states: dict[str, Any], start: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    pending = [start]
    while pending:
        name = pending.pop()
        if name not in found:
            state = found[name] = states[name]
            targets = [state, *state.get("Catch", []), *state.get("Choices", [])]
            pending += [target["Next"] for target in targets if "Next" in target]
            pending += [state["Default"]] if "Default" in state else []
    return found


_ends = st.sampled_from(
    [
        {"Type": "Succeed"},
        {"Type": "Pass", "Parameters": {"u.$": "States.UUID()", "in.$": "$"}, "End": True},
        {"Type": "Fail", "Error": "A", "Cause": "c"},
        {"Type": "Fail"},
    ]
)
_passes: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"Parameters": {"items": [1, 2], "r.$": "States.MathRandom(1, 100)"}},
        {"Result": {"items": [1], "n": 5}, "ResultPath": "$.deep.er"},
        {"OutputPath": "$.missing"},
    ]
)
_tasks = st.fixed_dictionaries(
    {"Type": st.just("Task"), "Resource": st.sampled_from([INVOKE, LAMBDA])},
    optional={"TimeoutSeconds": st.integers(1, 9), "HeartbeatSeconds": st.just(4), "ResultPath": st.just("$.result")},
)


def _state(draw: st.DrawFn, counter: Any, depth: int, following: list[str], *, distributed: bool) -> dict[str, Any]:
    next_state = draw(st.sampled_from(following))
    kind = draw(st.sampled_from(["Pass", "Task", "Wait", "Choice", *(["Parallel", "Map"] if depth else [])]))
    if kind == "Choice":
        rule = {"Variable": "$.n", "NumericLessThan": 128}
        choices = [{"And": [{"Variable": "$.n", "IsPresent": True}, rule], "Next": next_state}]
        return {"Type": "Choice", "Choices": choices, "Default": draw(st.sampled_from(following))}
    if kind == "Pass":
        assign = {"Assign": {f"v{next(counter)}.$": "$$.State.EnteredTime"}} if draw(st.booleans()) else {}
        return {"Type": "Pass", **draw(_passes), **assign, "Next": next_state}
    if kind == "Wait":
        return {"Type": "Wait", "Seconds": draw(st.integers(0, 9)), "Next": next_state}
    if kind == "Task":
        return {**draw(_tasks), **draw(_handlers(following)), "Next": next_state}
    if kind == "Parallel":
        branches = [_scope(draw, counter, depth - 1, distributed=distributed) for _ in range(draw(st.integers(1, 3)))]
        return {"Type": "Parallel", "Branches": branches, **draw(_handlers(following)), "Next": next_state}
    mode: dict[str, Any] = {}
    if distributed and draw(st.booleans()):
        mode = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    return {
        "Type": "Map",
        "ItemProcessor": {**mode, **_scope(draw, counter, depth - 1, distributed=distributed)},
        "InputPath": "$$.Execution.Input",
        "ItemsPath": "$.items",
        "ItemSelector": {"n.$": "$$.Map.Item.Index", "items.$": "$.items"},
        "MaxConcurrency": draw(st.sampled_from([0, 1, 2])),
        **draw(_handlers(following)),
        "Next": next_state,
    }


def without_deadlines(value: Any) -> Any:
    """A machine whose tasks take as long as they do: the time of one that is asked again begins anew."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in ("TimeoutSeconds", "HeartbeatSeconds")}
        return {key: without_deadlines(item) for key, item in kept.items()}
    return [without_deadlines(item) for item in value] if isinstance(value, list) else value


def is_sound(events: Sequence[Event]) -> bool:
    """Whether a whole history has all ids in order, each event after the one it follows, and each state left once.

    It has one end, or one before each redrive. A scope enters a state only after it has left the one before.
    """
    inside: dict[str, str | None] = {}
    for id, event in enumerate(events, 1):
        if event.id != id or event.previous >= id:
            return False
        # A child that its map run cut off goes on as redriven where that had not been kept.
        is_last = id == len(events) or events[id].type == "ExecutionRedriven"
        if (event.type in TERMINAL) != is_last:
            return False
        if event.type.endswith("StateEntered"):
            if inside.get(event.scope) is not None:
                return False
            inside[event.scope] = (event.details or {})["name"]
        elif event.type.endswith("StateExited"):
            if inside.get(event.scope) != (event.details or {})["name"]:
                return False
            inside[event.scope] = None
        elif event.type in _CUT_OFF:
            if inside.get(event.scope) is None:
                return False
            inside[event.scope] = None
    return True
