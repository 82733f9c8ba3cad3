"""Pass, Choice, Wait, Succeed, Fail and the data flow of JSONPath states."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from interpreting import Answers, chain, execution, one, prefixed, run

from asl_runner.interpreter.limits import Limits


def test_linear_history_first_state_has_no_parent() -> None:
    ran = run({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}, {"x": 1})
    assert ran.output == {"x": 1}
    assert ran.sequence() == [
        ("ExecutionStarted", 0),
        ("PassStateEntered", 0),
        ("PassStateExited", 2),
        ("SucceedStateEntered", 3),
        ("SucceedStateExited", 4),
        ("ExecutionSucceeded", 5),
    ]


@pytest.mark.parametrize(
    "state, input, output",
    [
        ({"InputPath": "$.a"}, {"a": 1}, 1),
        ({"InputPath": None}, {"a": 1}, {}),
        ({"OutputPath": None}, {"a": 1}, {}),
        ({"Result": 0}, {"a": 1}, 0),
        ({"Result": None}, {"a": 1}, None),
        ({"Result": {"x.$": "$.y"}}, {}, {"x.$": "$.y"}),
        ({"Result": 2, "ResultPath": "$.b.c"}, {"a": 1}, {"a": 1, "b": {"c": 2}}),
        ({"Result": 2, "ResultPath": None}, {"a": 1}, {"a": 1}),
        ({"Parameters": {"v.$": "$.a", "w": "$.a"}}, {"a": 1}, {"v": 1, "w": "$.a"}),
        (
            {"InputPath": "$.a", "Parameters": {"v.$": "$.b"}, "ResultPath": "$.r"},
            {"a": {"b": 3}},
            {"a": {"b": 3}, "r": {"v": 3}},
        ),
        ({"Parameters": {"n.$": "$$.Execution.Name", "s.$": "$$.State.Name"}}, {}, {"n": "e", "s": "S"}),
        ({"Parameters": {"s.$": "States.Format('{} and {}', $.a, 'b')"}}, {"a": 1}, {"s": "1 and b"}),
    ],
)
def test_pass_data_flow(state: dict[str, Any], input: Any, output: Any) -> None:
    assert run(one({"Type": "Pass", **state}), input).output == output


@pytest.mark.parametrize(
    "state, cause",
    [
        ({"InputPath": "$.No"}, "Invalid path '$.No' : No results for path: $['No']"),
        ({"OutputPath": "$.no.such.path"}, "Invalid path '$.no.such.path' : Missing property in path $['no']"),
        (
            {"Parameters": {"value.$": "$.x"}},
            "The JSONPath '$.x' specified for the field 'value.$' could not be found in the input '{\"a\":1}'",
        ),
    ],
)
def test_a_field_that_fails_ends_the_execution(state: dict[str, Any], cause: str) -> None:
    ran = run(one({"Type": "Pass", **state}), {"a": 1})
    assert ran.failure == ("States.Runtime", prefixed(cause))
    assert ran.sequence()[-1] == ("ExecutionFailed", 2)


def test_variables_are_seen_from_the_next_state_on() -> None:
    machine = chain(
        A={"Type": "Pass", "Assign": {"n.$": "$.a"}},
        B={"Type": "Pass", "Assign": {"n": 9}, "Parameters": {"old.$": "$n"}},
        C={"Type": "Pass", "Parameters": {"new.$": "$n"}},
    )
    ran = run(machine, {"a": 1})
    assert ran.output == {"new": 9}
    assert ran.details("PassStateExited")[0]["assignedVariables"] == {"n": "1"}
    assert ran.details("PassStateExited")[1]["output"] == b'{"old":1}'


def test_choice_takes_the_first_true_rule_else_default() -> None:
    machine = {
        "StartAt": "S",
        "States": {
            "S": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.n", "NumericLessThan": 5, "Next": "Small"},
                    {
                        "And": [
                            {"Variable": "$.n", "IsNumeric": True},
                            {"Not": {"Variable": "$.n", "NumericEquals": 7}},
                        ],
                        "Next": "Other",
                    },
                ],
                "Default": "None",
            },
            "Small": {"Type": "Pass", "Result": "small", "End": True},
            "Other": {"Type": "Pass", "Result": "other", "End": True},
            "None": {"Type": "Pass", "Result": "none", "End": True},
        },
    }
    assert [run(machine, {"n": n}).output for n in (1, 6, 7, "x")] == ["small", "other", "none", "none"]


def test_choice_without_a_match_fails() -> None:
    machine = {
        "StartAt": "S",
        "States": {
            "S": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 5, "Next": "E"}]},
            "E": {"Type": "Succeed"},
        },
    }
    error, cause = run(machine, {"n": 1}).failure
    assert error == "States.Runtime"
    assert cause == prefixed("Failed to transition out of the state. The state does not point to a next state.")


@pytest.mark.parametrize(
    "state, input, seconds",
    [
        ({"Seconds": 5}, {}, 5),
        ({"SecondsPath": "$.s"}, {"s": 86_400 * 365}, 86_400 * 365),
        ({"Timestamp": "2023-11-14T22:13:30Z"}, {}, 10),
        ({"Timestamp": "2020-01-01T00:00:00Z"}, {}, 0),
        ({"TimestampPath": "$.t"}, {"t": "2023-11-14T23:13:25.5+01:00"}, 5.5),
    ],
)
def test_wait(state: dict[str, Any], input: Any, seconds: float) -> None:
    ran = run(one({"Type": "Wait", **state}), input)
    assert ran.seconds == pytest.approx(seconds)
    assert ran.types()[1:3] == ["WaitStateEntered", "WaitStateExited"]


@pytest.mark.parametrize(
    "state, input, cause",
    [
        ({"SecondsPath": "$.x"}, {}, "The SecondsPath parameter does not reference an input value: $.x"),
        ({"SecondsPath": "$.x"}, {"x": 1.5}, "The SecondsPath parameter cannot be parsed as a long value: $.x == 1.5"),
        ({"SecondsPath": "$.x"}, {"x": -1}, "The SecondsPath parameter references a negative value: $.x == -1"),
        (
            {"TimestampPath": "$.x"},
            {"x": "tomorrow"},
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            "$.x == tomorrow",
        ),
        ({"TimestampPath": "$.x"}, {"x": "2093-01-01T00:00:00Z"}, "Wait state delay is too long."),
    ],
)
def test_wait_that_cannot_be(state: dict[str, Any], input: Any, cause: str) -> None:
    assert run(one({"Type": "Wait", **state}), input).failure == ("States.Runtime", prefixed(cause))


@pytest.mark.parametrize(
    "state, failure",
    [
        ({}, (None, None)),
        ({"Error": "E", "Cause": "C"}, ("E", "C")),
        ({"ErrorPath": "$.e", "CausePath": "States.Format('because {}', $.e)"}, ("x", "because x")),
    ],
)
def test_fail(state: dict[str, Any], failure: tuple[str | None, str | None]) -> None:
    ran = run(one({"Type": "Fail", **state}), {"e": "x"})
    assert ran.failure == failure
    assert ran.sequence()[1:] == [("FailStateEntered", 0), ("ExecutionFailed", 2)]


def test_an_endless_loop_ends_at_the_history_limit() -> None:
    rule = {"Variable": "$.x", "IsPresent": True, "Next": "E"}
    loop = {"S": {"Type": "Choice", "Choices": [rule], "Default": "S"}, "E": {"Type": "Succeed"}}
    ran = run({"StartAt": "S", "States": loop})
    assert ran.failure == ("States.Runtime", "The execution reached the maximum number of history events (25000).")
    assert len(ran.events) == 25_000
    assert [event.id for event in ran.events] == list(range(1, 25_001))


def test_an_output_over_the_limit_ends_the_execution() -> None:
    machine = one({"Type": "Pass", "Parameters": {"a.$": "$.a", "b.$": "$.a"}})
    ran = run(machine, {"a": "x" * 200})
    assert ran.status == "SUCCEEDED"
    ran = run(machine, {"a": "x" * 200}, limits=Limits(payload_bytes=300))
    assert ran.failure[0] == "States.DataLimitExceeded"


def test_stop_and_machine_timeout() -> None:
    async def stopped() -> tuple[str, str | None, list[tuple[str, int]]]:
        running, journal = execution(
            one({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}), tasks=Answers({"S": [_forever]})
        )
        task = asyncio.create_task(running.run())
        await asyncio.sleep(0.01)
        running.stop("Mine", "enough")
        outcome = await task
        return outcome.status, outcome.error, [(event.type, event.previous) for event in journal.events]

    status, error, sequence = asyncio.run(stopped())
    assert (status, error) == ("ABORTED", "Mine")
    assert sequence[-1] == ("ExecutionAborted", 4)

    ran = run({"TimeoutSeconds": 5, **one({"Type": "Wait", "Seconds": 60})})
    assert (ran.status, ran.seconds) == ("TIMED_OUT", 5)
    assert ran.sequence()[1:] == [("WaitStateEntered", 0), ("ExecutionTimedOut", 0)]


async def _forever(call: Any) -> None:
    await asyncio.Event().wait()


def test_times_are_those_of_the_executions_clock() -> None:
    """Entered times, `$now()` and timestamps move with virtual time, and are the same in every run."""
    show = {"Type": "Pass", "Parameters": {"entered.$": "$$.State.EnteredTime", "start.$": "$$.Execution.StartTime"}}
    wait = {
        "Type": "Wait",
        "QueryLanguage": "JSONata",
        "Seconds": 90,
        "Output": "{% {'now': $now(), 'millis': $millis()} %}",
    }
    machine = chain(W=wait, P={**show, "ResultPath": "$.p"})
    machine["States"]["P"]["Parameters"]["now.$"] = "$.now"
    del machine["States"]["P"]["ResultPath"]
    assert run(machine).output == {
        "entered": "2023-11-14T22:14:50.000Z",
        "start": "2023-11-14T22:13:20.000Z",
        "now": "2023-11-14T22:14:50.000Z",
    }
