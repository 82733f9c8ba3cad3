"""What failures are called and say, whether they are caught, and what the context object shows where."""

from __future__ import annotations

from typing import Any

import pytest
from interpreting import INVOKE, Answers, chain, failing, one, prefixed, run

from asl_runner.interpreter.limits import Limits

CATCH_ALL = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]


def caught(state: dict[str, Any]) -> dict[str, Any]:
    """A machine whose state catches everything."""
    machine = one({**state, "Catch": CATCH_ALL})
    machine["States"]["Caught"] = {"Type": "Succeed"}
    return machine


@pytest.mark.parametrize(
    "path, input, cause",
    [
        ("$.a", "text", 'Unable to apply ReferencePath $.a to input "text"'),
        ("$.a.b", {"a": 1}, 'Unable to apply ReferencePath $.a.b to input {"a":1}'),
        ("$.a[3]", {"a": [1]}, 'Unable to apply ReferencePath $.a[3] to input {"a":[1]}'),
    ],
)
def test_a_result_that_cannot_be_put_in_place_is_not_caught(path: str, input: Any, cause: str) -> None:
    ran = run(caught({"Type": "Task", "Resource": INVOKE, "ResultPath": path}), input)
    assert ran.failure == ("States.ReferencePathConflict", cause)
    assert ran.sequence()[-2:] == [("TaskSucceeded", 4), ("ExecutionFailed", 5)]


@pytest.mark.parametrize(
    "path, cause", [("$.jobs", 'Unable to apply step "jobs" to input {"a":{}}'), ("$.a.b", 'step "b" to input {}')]
)
def test_items_that_are_nowhere(path: str, cause: str) -> None:
    processor = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    error, text = run(caught({"Type": "Map", "ItemsPath": path, "ItemProcessor": processor}), {"a": {}}).failure
    assert error == "States.ReferencePathConflict"
    assert str(text).endswith(cause)


@pytest.mark.parametrize(
    "error, output",
    [
        (failing("E", "c"), {"Error": "E", "Cause": "c"}),
        (failing("E", None), {"Error": "E", "Cause": None}),
    ],
)
def test_a_catcher_gets_both_members_of_the_error_output(error: Exception, output: dict[str, Any]) -> None:
    assert run(caught({"Type": "Task", "Resource": INVOKE}), tasks=Answers({"S": [error]})).output == output


def test_a_fail_state_without_error_and_cause_is_caught_outside() -> None:
    branch = {"StartAt": "F", "States": {"F": {"Type": "Fail"}}}
    assert run(caught({"Type": "Parallel", "Branches": [branch]})).output == {"Error": None, "Cause": None}


@pytest.mark.parametrize(
    "outer",
    [{"Type": "Parallel"}, {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 1}],
    ids=lambda o: o["Type"],
)
def test_a_runtime_failure_inside_goes_through_every_catcher_around_it(outer: dict[str, Any]) -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "InputPath": "$.none", "End": True}}}
    around = {"Branches": [inner]} if outer["Type"] == "Parallel" else {"ItemProcessor": inner}
    retry = [{"ErrorEquals": ["States.ALL"]}]
    ran = run(caught({**outer, **around, "Retry": retry}), {"items": [{}]})
    assert ran.failure[0] == "States.Runtime"
    assert ran.types().count("PassStateEntered") == 1
    assert not {"ParallelStateFailed", "MapStateFailed"} & set(ran.types())


@pytest.mark.parametrize(
    "value, says", [("1_0", '"1_0"'), (" 1", '" 1"'), ("9" * 30, "9" * 30), (1.0, '"1.0"'), (True, '"true"')]
)
def test_numbers_of_a_map_that_are_none(value: Any, says: str) -> None:
    processor = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    machine = one({"Type": "Map", "ItemsPath": "$.i", "MaxConcurrencyPath": "$.m", "ItemProcessor": processor})
    error, cause = run(machine, {"i": [], "m": value}).failure
    assert error == "States.Runtime"
    assert "The MaxConcurrencyPath field refers to value" in str(cause)
    assert says in str(cause)


def test_text_that_has_no_utf8_form_can_be_an_error() -> None:
    assert run(one({"Type": "Fail", "ErrorPath": "$.e"}), {"e": "\ud800x"}).failure == ("?x", None)


def test_fail_cuts_error_and_cause() -> None:
    ran = run(one({"Type": "Fail", "ErrorPath": "$", "CausePath": "$"}), "x" * 50_000)
    assert [len(text or "") for text in ran.failure] == [256, 32_768]
    ran = run(one({"Type": "Fail", "Error": "abc"}), limits=Limits(error_characters=2))
    assert ran.failure == ("ab", None)


def test_map_items_in_nested_maps_and_parallels() -> None:
    show = {
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "Parameters": {"item.$": "$$.Map.Item", "in.$": "$"}, "End": True}},
    }
    both = {"StartAt": "B", "States": {"B": {"Type": "Parallel", "Branches": [show], "End": True}}}
    inner = {
        "Type": "Map",
        "ItemsPath": "$$.Map.Item.Value",
        "ItemSelector": {"v.$": "$$.Map.Item.Value", "run.$": "$$.Execution.Name", "map.$": "$$.State.Name"},
        "ItemProcessor": both,
        "ResultSelector": {"outer.$": "$$.Map.Item.Index", "rows.$": "$[*][0]"},
        "End": True,
    }
    ran = run(one({"Type": "Map", "ItemProcessor": {"StartAt": "M", "States": {"M": inner}}}), [[7], [8, 9]])

    def row(index: int, value: int) -> dict[str, Any]:
        return {"item": {"Index": index, "Value": value}, "in": {"v": value, "run": "e", "map": "M"}}

    assert ran.output == [{"outer": 0, "rows": [row(0, 7)]}, {"outer": 1, "rows": [row(0, 8), row(1, 9)]}]


def test_the_context_object_has_awss_members_in_awss_order() -> None:
    shown = run(one({"Type": "Pass", "Parameters": {"c.$": "$$"}})).output["c"]
    assert list(shown) == ["Execution", "StateMachine", "State"]
    assert list(shown["Execution"]) == ["Id", "Input", "StartTime", "Name", "RoleArn", "RedriveCount"]
    assert list(shown["State"]) == ["Name", "EnteredTime"]
    states = run(one({"Type": "Task", "Resource": INVOKE, "Parameters": {"s.$": "$$.State"}})).output["s"]
    assert list(states) == ["Name", "EnteredTime", "RetryCount"]


def test_a_token_is_there_for_callbacks_only_and_new_for_each_attempt() -> None:
    callback = {"Type": "Task", "Resource": f"{INVOKE}.waitForTaskToken", "Parameters": {"t.$": "$$.Task.Token"}}
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
    ran = run(one({**callback, "Retry": retry}), tasks=Answers({"S": [failing("E"), "ok"]}))
    first, second = ran.tasks.calls
    assert first.input == {"t": first.token}
    assert second.input == {"t": second.token}
    assert first.token != second.token
    after = chain(T=callback, P={"Type": "Pass", "Parameters": {"t.$": "$$.Task.Token"}})
    error, cause = run(after).failure
    assert error == "States.Runtime"
    assert str(cause).startswith(prefixed("The JSONPath '$$.Task.Token' specified for the field 't.$'", "P", 7))
