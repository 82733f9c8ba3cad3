"""Runs the table of errors: error, cause, events, and what catches each, on the state itself and around it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from error_table import BYTES, CASES, EVENTS, GONE, NEVER, STATE, Answered, ErrorCase
from interpreting import START, Answers, Ran, execution, prefixed

from asl_runner.definition.resource import Resource
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.limits import Limits
from asl_runner.interpreter.ports import TaskCall, TaskFailed

NAMES = ["ALL", "TaskFailed", "Timeout", "HeartbeatTimeout", "BranchFailed", "Permissions", "Runtime"]
"""Names of `States.` a catcher may have, besides the error's own."""

WORKING = ("Task", "Map", "Parallel")

LIMITS = Limits(payload_bytes=BYTES, variable_bytes=BYTES // 2, history_events=EVENTS)


def named(cases: Iterable[ErrorCase]) -> list[Any]:
    """The cases, each called by its reason."""
    return [pytest.param(case, id=re.sub(r"\W+", "-", case.when)) for case in cases]


def played(case: ErrorCase, machine: dict[str, Any], limits: Limits = LIMITS) -> Ran:
    """Runs a machine with the case's input and answers."""
    import asyncio

    clock = VirtualClock(START)

    def answering(answer: Any) -> Any:
        async def answered(call: TaskCall) -> Any:
            if call.resource.kind == "activity":
                call.started("worker")
            if isinstance(answer, Answered):
                raise TaskFailed(answer.error, answer.cause)
            if answer is NEVER:
                await clock.sleep_until(START + 1_000_000)
            return answer

        return answered

    tasks = Answers({STATE: [answering(answer) for answer in case.answers] or [{}]})

    def missing(activity: Resource) -> str | None:
        return f"The activity {activity.arn} does not exist." if activity.arn == GONE else None

    running, journal = execution(machine, case.input, tasks, clock=clock, limits=limits, missing=missing)
    return Ran(asyncio.run(running.run()), list(journal.events), tasks)


def machine_of(case: ErrorCase, **more: Any) -> dict[str, Any]:
    """The case's machine; every other state succeeds."""
    end = {} if case.state["Type"] in ("Fail", "Choice") else {"Next": "End"}
    states = {STATE: {**case.state, **end, **more}}
    if case.state["Type"] != "Fail":
        states["End"] = {"Type": "Succeed"}
    return {"StartAt": STATE, "States": states, **case.machine}


def catching(name: str, jsonata: bool) -> list[dict[str, Any]]:
    """A catcher for an error name, which gives a small output."""
    fields: dict[str, Any] = {"Output": "caught"} if jsonata else {"ResultPath": None}
    return [{"ErrorEquals": [name], "Next": "Caught", **fields}]


def names_of(case: ErrorCase) -> dict[str, str]:
    """The names to try, each with how the table calls it; the error's own comes first."""
    names = {f"States.{name}": name for name in NAMES}
    return (
        {case.error: "name", **{name: short for name, short in names.items() if name != case.error}}
        if case.error
        else names
    )


@pytest.mark.parametrize("case", named(CASES))
def test_the_execution_ends_as_the_table_says(case: ErrorCase) -> None:
    ran = played(case, machine_of(case))
    assert (ran.status, ran.outcome.error) == (case.status, case.error)
    assert_cause(case, ran.outcome.cause)
    types = ran.types()
    if case.events.startswith("… "):
        assert types[-1:] == case.events.split()[1:]
    else:
        assert types == ["ExecutionStarted", *case.events.split()]
    last = ran.events[-1].details or {}
    assert (last.get("error"), last.get("cause")) == (ran.outcome.error, ran.outcome.cause)
    if types[-2] in _TELLING and "Catch" not in case.state:
        told = ran.events[-2].details or {}
        assert (told.get("error"), told.get("cause")) == (ran.outcome.error, ran.outcome.cause)


_TELLING = frozenset(
    {
        "TaskFailed",
        "TaskTimedOut",
        "LambdaFunctionFailed",
        "LambdaFunctionTimedOut",
        "ActivityFailed",
        "ActivityTimedOut",
        "EvaluationFailed",
    }
)
"""Events that tell, before the execution ends, what failed."""


def assert_cause(case: ErrorCase, cause: str | None) -> None:
    if case.cause is None or cause is None:
        assert cause == case.cause
        return
    expected = prefixed(case.cause[1:], STATE) if case.cause.startswith("…") else case.cause
    pattern = ".*".join(map(re.escape, expected.split("…")))
    assert re.fullmatch(pattern, cause, re.DOTALL), f"{cause!r} is not {expected!r}"


@pytest.mark.parametrize("case", named(case for case in CASES if "Catch" not in case.state))
def test_a_catcher_around_the_state_takes_what_the_table_says(case: ErrorCase) -> None:
    """A Parallel around the machine has a catcher for one name after the other."""
    for name, short in names_of(case).items():
        scope = {key: value for key, value in machine_of(case).items() if key != "TimeoutSeconds"}
        around = {"Type": "Parallel", "Branches": [scope], "Next": "Caught", "Catch": catching(name, jsonata=False)}
        states = {"Around": around, "Caught": {"Type": "Succeed"}}
        ran = played(case, {"StartAt": "Around", "States": states, **case.machine})
        wanted = short in case.caught.split() or (short == "BranchFailed" and case.caught != "")
        assert caught(ran) is wanted, name


@pytest.mark.parametrize(
    "case", named(case for case in CASES if case.state["Type"] in WORKING and "Catch" not in case.state)
)
def test_the_states_own_catcher_and_retrier_take_what_the_table_says(case: ErrorCase) -> None:
    jsonata = case.state.get("QueryLanguage") == "JSONata"
    for name, short in names_of(case).items():
        wanted = short in case.caught.split()
        machine = machine_of(case, Catch=catching(name, jsonata))
        machine["States"]["Caught"] = {"Type": "Succeed"}
        assert caught(played(case, machine)) is wanted, name
        retrier = {"ErrorEquals": [name], "MaxAttempts": 2, "IntervalSeconds": 7, "BackoffRate": 1.0}
        plenty = Limits(
            payload_bytes=BYTES, variable_bytes=BYTES // 2, history_events=EVENTS * (1 if not wanted else 4)
        )
        plain, retried = played(case, machine_of(case), plenty), played(case, machine_of(case, Retry=[retrier]), plenty)
        assert retried.outcome.error == case.error
        assert (retried.seconds - plain.seconds >= 14) is wanted, name


def caught(ran: Ran) -> bool:
    """Whether a catcher took the error; the execution then succeeds by way of the state Caught."""
    return ran.status == "SUCCEEDED" and any((event.details or {}).get("name") == "Caught" for event in ran.events)
