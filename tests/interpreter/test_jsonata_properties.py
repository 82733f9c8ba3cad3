"""JSONata machines with variables, random numbers, times and retries are determined by their seed, Maps included."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreting import INVOKE, LAMBDA
from test_interpreter_properties import play

CHANCE = ["$random()", "$uuid()", "$shuffle([1..5])", "$random(7)", "$map([1, 2], function($v) { $v + $random() })"]
PLAIN = ["$states.input", "$v0", "$hash($string($states.input), 'MD5')", "$range(0, 6, 2)", "$partition([1, 2, 3], 2)"]
TIMES = ["$now()", "$millis()", "$fromMillis($toMillis('13:45', '[H]:[m]'))"]


@st.composite
def machines(draw: st.DrawFn, *, times: bool = True) -> dict[str, Any]:
    """A JSONata machine whose states lead forward; without `times` no value depends on when it was made."""
    expressions = st.sampled_from(CHANCE + PLAIN + (TIMES if times else [])).map("{{% {} %}}".format)
    counter = itertools.count(1)
    scope = _scope(draw, expressions, counter, 2)
    scope["States"] = {
        "First": {"Type": "Pass", "Assign": {"v0": draw(expressions.filter(_free))}, "Next": scope["StartAt"]},
        **scope["States"],
    }
    return {"QueryLanguage": "JSONata", **scope, "StartAt": "First"}


def _free(expression: str) -> bool:
    return "$v0" not in expression


def _scope(draw: st.DrawFn, expressions: st.SearchStrategy[str], counter: Any, depth: int) -> dict[str, Any]:
    names = [f"S{next(counter)}" for _ in range(draw(st.integers(1, 3)))]
    states: dict[str, Any] = {}
    for name, following in zip(names, [*names[1:], ""], strict=True):
        way = {"Next": following} if following else {"End": True}
        states[name] = {**_state(draw, expressions, counter, depth, name, following), **way}
        if states[name]["Type"] == "Choice":
            states[name] = {key: value for key, value in states[name].items() if key not in ("Next", "End")}
    return {"StartAt": names[0], "States": states}


def _state(
    draw: st.DrawFn, expressions: st.SearchStrategy[str], counter: Any, depth: int, name: str, following: str
) -> dict[str, Any]:
    kinds = ["Pass", "Task", "Wait"] + (["Choice"] if following else []) + (["Map", "Parallel"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    made = {"Type": kind, "Assign": {f"x{name}": draw(expressions)}, "Output": {"o": draw(expressions)}}
    if kind == "Choice":
        rule = {"Condition": "{% $random() < 0.5 %}", "Next": following, "Output": draw(expressions)}
        return {**made, "Choices": [rule], "Default": following}
    if kind == "Task":
        jitter = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 3, "IntervalSeconds": 4, "JitterStrategy": "FULL"}
        resource = draw(st.sampled_from([LAMBDA, INVOKE]))
        return {**made, "Resource": resource, "Arguments": {"FunctionName": "f", "Payload": draw(expressions)},
                "Retry": [jitter]}  # fmt: skip
    if kind == "Wait":
        return {**made, "Seconds": "{% $floor($random() * 5) %}"}
    if kind == "Map":
        inner = _scope(draw, expressions, counter, depth - 1)
        return {**made, "Items": "{% [1..4] %}", "MaxConcurrency": draw(st.sampled_from([0, 1, 2])),
                "ItemProcessor": inner, "ItemSelector": {"i": "{% $states.context.Map.Item.Index %}",
                "c": draw(expressions)}}  # fmt: skip
    if kind == "Parallel":
        return {**made, "Branches": [_scope(draw, expressions, counter, depth - 1) for _ in range(2)]}
    return made


@settings(max_examples=80, deadline=None)
@given(machines(), st.sampled_from("abcd"))
def test_the_same_seed_gives_the_same_history_to_the_byte(machine: dict[str, Any], seed: str) -> None:
    first, second = ([msgspec.to_builtins(event, enc_hook=bytes) for event in play(machine, seed)[1]] for _ in "12")
    assert msgspec.msgpack.encode(first) == msgspec.msgpack.encode(second)


@settings(max_examples=80, deadline=None)
@given(machines(times=False), st.sampled_from("abcd"))
def test_concurrency_of_maps_changes_no_output(machine: dict[str, Any], seed: str) -> None:
    outputs = []
    for concurrency in (1, 8):
        changed = copy.deepcopy(machine)
        _set_concurrency(changed, concurrency)
        outputs.append(play(changed, seed, failing=False)[0])
    assert (outputs[0].status, outputs[0].output) == (outputs[1].status, outputs[1].output)


def _set_concurrency(scope: dict[str, Any], concurrency: int) -> None:
    for state in scope["States"].values():
        for inner in [state.get("ItemProcessor"), *state.get("Branches", [])]:
            if inner is not None:
                _set_concurrency(inner, concurrency)
        if state["Type"] == "Map":
            state["MaxConcurrency"] = concurrency
