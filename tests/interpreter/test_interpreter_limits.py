"""Limits of payloads, variables and time, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from interpreting import INVOKE, Answers, chain, failing, one, run

from asl_runner.errors import UsageError
from asl_runner.interpreter.limits import Limits

SMALL = Limits(payload_bytes=1000, variable_bytes=500, variables_bytes=1200)
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": 1, "End": True}}}
DOUBLE = {"a.$": "$.a", "b.$": "$.a"}
CATCH_ALL = [{"ErrorEquals": ["States.ALL"], "Next": "S"}]


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Task", "Resource": INVOKE, "Parameters": DOUBLE, "Catch": CATCH_ALL},
        {"Type": "Parallel", "Parameters": DOUBLE, "Branches": [PASS], "Catch": CATCH_ALL},
        {"Type": "Map", "ItemsPath": "$.n", "ItemSelector": DOUBLE, "ItemProcessor": PASS, "Catch": CATCH_ALL},
    ],
)
def test_an_input_over_the_limit_ends_the_execution(state: dict[str, Any]) -> None:
    tasks = Answers({"S": [1]})
    ran = run(one(state), {"a": "x" * 600, "n": [1]}, tasks, limits=SMALL)
    assert ran.failure[0] == "States.DataLimitExceeded"
    assert tasks.calls == []
    assert run(one(state), {"a": "x" * 100, "n": [1]}, Answers({"S": [1]}), limits=SMALL).output in (1, [1])


@pytest.mark.parametrize(
    "states",
    [
        {"A": {"Type": "Pass", "Assign": {"v.$": "$.long"}}},
        {"A": {"Type": "Pass", "Assign": {"v.$": "$.half", "w.$": "$.half"}}},
        {f"A{n}": {"Type": "Pass", "Assign": {f"v{n}.$": "$.half"}} for n in range(5)},
    ],
)
def test_variables_over_a_limit_end_the_execution(states: dict[str, Any]) -> None:
    ran = run(chain(**states), {"long": "x" * 510, "half": "x" * 300}, limits=SMALL)
    assert ran.failure[0] == "States.DataLimitExceeded"
    assert "assigned variables" in str(ran.failure[1])


def test_assigning_again_takes_the_place_of_the_old_value() -> None:
    states = {f"A{n}": {"Type": "Pass", "Assign": {"v.$": "$.half"}} for n in range(10)}
    assert run(chain(**states), {"half": "x" * 300}, limits=SMALL).status == "SUCCEEDED"


def test_variables_of_a_branch_count_with_those_outside() -> None:
    inner = {
        "StartAt": "I",
        "States": {
            "I": {"Type": "Pass", "Assign": {"c.$": "$.half"}, "Next": "J"},
            "J": {"Type": "Pass", "Assign": {"d.$": "$.half"}, "End": True},
        },
    }
    outer = {name: {"Type": "Pass", "Assign": {f"{name.lower()}.$": "$.half"}} for name in ("A", "B")}
    machine = chain(**outer, P={"Type": "Parallel", "Branches": [inner], "ResultPath": None})
    assert run(machine, {"half": "x" * 250}, limits=SMALL).status == "SUCCEEDED"
    assert run(machine, {"half": "x" * 350}, limits=SMALL).failure[0] == "States.DataLimitExceeded"


def test_an_execution_lasts_a_year_at_most() -> None:
    ran = run(one({"Type": "Wait", "Seconds": 99_999_999}))
    assert (ran.status, ran.seconds) == ("TIMED_OUT", 366 * 86_400)
    ran = run(one({"Type": "Wait", "Seconds": 99_999_999}), limits=Limits(duration_seconds=None))
    assert (ran.status, ran.seconds) == ("SUCCEEDED", 99_999_999)


def test_retries_without_end_stop_after_a_year() -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 99_999_999, "IntervalSeconds": 99_999, "BackoffRate": 1}]
    machine = one({"Type": "Task", "Resource": INVOKE, "Retry": retry})
    ran = run(machine, tasks=Answers({"S": [failing("E")]}))
    assert (ran.status, ran.seconds) == ("TIMED_OUT", 366 * 86_400)


@pytest.mark.parametrize(
    "retrier, seconds",
    [
        ({"MaxAttempts": 0}, 0),
        ({"MaxAttempts": 3, "BackoffRate": 1.0, "IntervalSeconds": 7}, 21),
        ({"MaxAttempts": 1, "BackoffRate": 1e300, "IntervalSeconds": 1}, 1),
        ({"MaxAttempts": 4, "BackoffRate": 1e300, "IntervalSeconds": 1, "MaxDelaySeconds": 10}, 31),
    ],
)
def test_retry_numbers_at_their_extremes(retrier: dict[str, Any], seconds: float) -> None:
    machine = one({"Type": "Task", "Resource": INVOKE, "Retry": [{"ErrorEquals": ["States.ALL"], **retrier}]})
    ran = run(machine, tasks=Answers({"S": [failing("E")]}))
    assert ran.failure == ("E", "because")
    assert ran.seconds == seconds


@pytest.mark.parametrize("limit", range(2, 40))
def test_the_history_limit_is_kept_wherever_it_is_met(limit: int) -> None:
    inner = {
        "StartAt": "P",
        "States": {
            "P": {"Type": "Pass", "Next": "T"},
            "T": {"Type": "Task", "Resource": INVOKE, "End": True, "Retry": [{"ErrorEquals": ["States.ALL"]}]},
        },
    }
    branch = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}}
    machine = one({"Type": "Parallel", "Branches": [branch, inner | {"StartAt": "T"}]})
    del machine["States"]["S"]["Branches"][1]
    ran = run(machine, [1, 2, 3], Answers({"T": [failing("E")]}), limits=Limits(history_events=limit))
    assert len(ran.events) == limit
    assert [event.id for event in ran.events] == list(range(1, limit + 1))
    assert ran.types()[-1] == "ExecutionFailed"
    assert ran.failure[0] == "States.Runtime"


def test_a_distributed_map_is_never_run_as_an_inline_one() -> None:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **PASS}
    with pytest.raises(UsageError, match="'S' has Mode DISTRIBUTED"):
        run(one({"Type": "Map", "ItemProcessor": processor}), [1])
