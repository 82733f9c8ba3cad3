"""Redrives: going on at the unsuccessful states, as recorded on the service (reference section 18)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from interpreting import INFO, LAMBDA, START, Answers, Ran, one, run
from msgspec import structs

from asl_runner.definition import load
from asl_runner.history.journal import MemoryJournal
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.execution import Execution
from asl_runner.interpreter.ports import Ports, TaskCall, TaskFailed
from asl_runner.interpreter.restored import Restored, restore


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": LAMBDA, **fields}


def redrive(
    definition: dict[str, Any],
    ran: Ran,
    tasks: Answers,
    *,
    count: int = 1,
    input: Any = None,
    restored: Restored | None = None,
) -> Ran:
    """Goes on with an execution that failed, from where it stood unless told; all events of both in the result."""
    machine = load(json.dumps(definition))
    journal = MemoryJournal()
    info = structs.replace(INFO, redrive_count=count, redrive_time=START + 1000 * count)
    ports = Ports(clock=VirtualClock(START + 1000 * count), journal=journal, tasks=tasks, seed=f"seed/{count}")
    place = restored or restore(machine, ran.events)
    running = Execution(machine, {} if input is None else input, info, ports, restored=place)
    outcome = asyncio.run(running.run())
    return Ran(outcome, ran.events + journal.events, tasks)


BROKEN = TaskFailed("Broken", "it is")


def test_it_goes_on_at_the_failed_task_from_its_own_entry() -> None:
    definition = {
        "StartAt": "First",
        "States": {
            "First": task(ResultPath="$.first", Assign={"kept.$": "$"}, Next="Work"),
            "Work": task(
                Parameters={"entered.$": "$$.State.EnteredTime", "tries.$": "$$.State.RetryCount", "kept.$": "$kept"},
                ResultPath="$.work",
                Retry=[{"ErrorEquals": ["Broken"], "MaxAttempts": 1}],
                Next="Last",
            ),
            "Last": {"Type": "Pass", "Parameters": {"execution.$": "$$.Execution", "data.$": "$"}, "End": True},
        },
    }
    failed = run(definition, {"n": 1}, Answers({"First": ["one"], "Work": [BROKEN]}))
    assert failed.status == "FAILED"
    last, entered = len(failed.events), next(e.id for e in failed.events if e.type == "TaskStateEntered" and e.id > 4)

    again = redrive(definition, failed, Answers({"Work": [BROKEN, "two"]}), input={"n": 1})
    new = again.events[last:]
    assert [event.id for event in again.events] == list(range(1, len(again.events) + 1))
    assert (new[0].type, new[0].previous, new[0].details) == ("ExecutionRedriven", last, {"redriveCount": 1})
    assert (new[1].type, new[1].previous) == ("LambdaFunctionScheduled", entered)
    assert again.types().count("TaskStateEntered") == 2
    assert [call.state for call in again.tasks.calls] == ["Work", "Work"]
    assert [call.input["tries"] for call in again.tasks.calls] == [0, 1]
    assert {call.input["entered"] for call in again.tasks.calls} == {"2023-11-14T22:13:20.000Z"}
    assert again.tasks.calls[0].input["kept"] == "one"
    assert again.output["data"] == {"n": 1, "first": "one", "work": "two"}
    assert again.output["execution"]["RedriveCount"] == 1
    assert again.output["execution"]["StartTime"] == "2023-11-14T22:13:20.000Z"
    assert again.output["execution"]["RedriveTime"] == "2023-11-14T22:30:00.000Z"


def test_a_redrive_may_fail_and_be_redriven() -> None:
    definition = one(task())
    failed = run(definition, 1, Answers({"S": [BROKEN]}))
    again = redrive(definition, failed, Answers({"S": [BROKEN]}), input=1)
    assert again.failure == ("Broken", "it is")
    done = redrive(definition, again, Answers({"S": ["good"]}), count=2, input=1)
    assert done.output == "good"
    assert done.details("ExecutionRedriven") == [{"redriveCount": 1}, {"redriveCount": 2}]
    scheduled = [event for event in done.events if event.type == "LambdaFunctionScheduled"]
    assert {event.previous for event in scheduled} == {2}


def test_a_fail_state_fails_again_without_a_second_entry() -> None:
    definition = one({"Type": "Fail", "Error": "Explicit", "Cause": "always"})
    failed = run(definition)
    again = redrive(definition, failed, Answers())
    assert again.failure == ("Explicit", "always")
    assert [(event.type, event.previous) for event in again.events[3:]] == [
        ("ExecutionRedriven", 3),
        ("ExecutionFailed", 4),
    ]


def test_of_a_parallel_the_branches_that_succeeded_keep_their_outputs() -> None:
    definition = {
        "StartAt": "Before",
        "States": {
            "Before": {"Type": "Pass", "Next": "Both"},
            "Both": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": name, "States": {name: task(Next=f"{name}2"), f"{name}2": task(End=True)}}
                    for name in ("Good", "Bad", "Cut")
                ],
                "End": True,
            },
        },
    }

    async def forever(call: TaskCall) -> Any:
        await asyncio.Event().wait()

    async def later(call: TaskCall) -> Any:
        for _ in range(20):
            await asyncio.sleep(0)
        raise BROKEN

    failed = run(definition, 1, Answers({"Good2": ["kept"], "Bad2": [later], "Cut2": [forever]}))
    assert failed.failure == ("Broken", "it is")
    again = redrive(definition, failed, Answers({"Bad2": ["fixed"], "Cut2": ["resumed"]}), input=1)
    assert again.output == ["kept", "fixed", "resumed"]
    assert sorted(call.state for call in again.tasks.calls) == ["Bad2", "Cut2"]
    assert again.types().count("ParallelStateStarted") == 1
    entries = {(e.details or {})["name"]: e.id for e in again.events if e.type == "TaskStateEntered"}
    new = again.events[len(failed.events) :]
    scheduled = {event.scope: event.previous for event in new if event.type == "LambdaFunctionScheduled"}
    assert scheduled == {"/Both:0.1": entries["Bad2"], "/Both:0.2": entries["Cut2"]}
    assert "ParallelStateSucceeded" in [event.type for event in new]


def test_of_a_map_iterations_that_succeeded_stay_and_those_never_begun_begin() -> None:
    definition = one(
        {
            "Type": "Map",
            "MaxConcurrency": 1,
            "ItemSelector": {"value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"},
            "ItemProcessor": {"StartAt": "Item", "States": {"Item": task(End=True)}},
        }
    )
    failed = run(definition, ["a", "b", "c"], Answers({"Item": ["first", BROKEN]}))
    assert failed.failure == ("Broken", "it is")
    again = redrive(definition, failed, Answers({"Item": ["second", "third"]}), input=["a", "b", "c"])
    assert again.output == ["first", "second", "third"]
    assert [call.input["index"] for call in again.tasks.calls] == [1, 2]
    assert again.types().count("MapStateStarted") == 1
    assert [details["index"] for details in again.details("MapIterationStarted")] == [0, 1, 2]
    assert [details["index"] for details in again.details("MapIterationSucceeded")] == [0, 1, 2]


def test_an_iteration_that_had_begun_and_entered_nothing_begins_without_beginning_again() -> None:
    definition = one({"Type": "Map", "ItemProcessor": {"StartAt": "Item", "States": {"Item": {**task(), "End": True}}}})
    failed = run(definition, [1, 2, 3], Answers({"Item": [BROKEN]}))
    cut = [event for event in failed.events if event.scope != "/S:0.2" or event.type == "MapIterationStarted"]
    cut = [type(e)(n, e.previous, e.time, e.type, e.details, e.scope) for n, e in enumerate(cut, 1)]
    again = redrive(definition, Ran(failed.outcome, cut, failed.tasks), Answers(), input=[1, 2, 3])
    assert again.output == [1, 2, 3]
    assert len(again.details("MapIterationStarted")) == 3


def test_a_later_attempt_of_a_parallel_is_the_one_that_goes_on() -> None:
    branch = {"StartAt": "A", "States": {"A": task(Next="B"), "B": task(End=True)}}
    definition = one(
        {"Type": "Parallel", "Branches": [branch], "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]}
    )
    failed = run(definition, 1, Answers({"B": [BROKEN]}))
    assert failed.types().count("ParallelStateStarted") == 2
    again = redrive(definition, failed, Answers({"B": [BROKEN, BROKEN, 5]}), input=1)
    assert [call.state for call in again.tasks.calls] == ["B", "A", "B"]
    assert again.status == "FAILED"
    assert {event.scope for event in again.events} == {"", "/S:0.0", "/S:1.0", "/S:2.0"}


def test_what_was_caught_before_stays_caught() -> None:
    definition = {
        "StartAt": "Try",
        "States": {
            "Try": task(
                Catch=[
                    {"ErrorEquals": ["Other"], "Next": "Work"},
                    {"ErrorEquals": ["Broken"], "Assign": {"why.$": "$.Error"}, "Next": "Caught"},
                ],
                Next="Work",
            ),
            "Caught": task(Parameters={"why.$": "$why"}, End=True),
            "Work": {"Type": "Succeed"},
        },
    }
    failed = run(definition, 1, Answers({"Try": [BROKEN], "Caught": [BROKEN]}))
    again = redrive(definition, failed, Answers(), input=1)
    assert again.output == {"why": "Broken"}
    # The same, had the process died between the two states.
    place = restore(load(json.dumps(definition)), failed.events[:6])
    assert (place.todo, place.entry, place.variables) == ("Caught", None, {"why": "Broken"})


def test_a_wait_waits_again_unless_its_moment_has_passed() -> None:
    definition = {
        "StartAt": "Seconds",
        "TimeoutSeconds": 100,
        "States": {
            "Seconds": {"Type": "Wait", "Seconds": 90, "Next": "Moment"},
            "Moment": {"Type": "Wait", "Timestamp": "2023-11-14T22:15:30Z", "End": True},
        },
    }
    failed = run(definition)
    assert failed.status == "TIMED_OUT"
    again = redrive(definition, failed, Answers())
    assert again.status == "SUCCEEDED"
    assert again.outcome.stop_time == START + 1000

    short = one({"Type": "Wait", "Seconds": 90}) | {"TimeoutSeconds": 10}
    longer = one({"Type": "Wait", "Seconds": 90})
    again = redrive(longer, run(short), Answers())
    assert again.outcome.stop_time == START + 1090


def test_nothing_was_entered() -> None:
    definition = one(task())
    started = run(definition, 7).events[:1]
    place = restore(load(json.dumps(definition)), started)
    assert (place.todo, place.entry, place.data, place.previous, place.last) == ("S", None, 7, 0, 1)


@pytest.mark.parametrize("nested", ["Parallel", "Map"])
def test_inside_out(nested: str) -> None:
    inner: dict[str, Any] = {"StartAt": "Deep", "States": {"Deep": task(End=True)}}
    other: dict[str, Any] = {"StartAt": "Else", "States": {"Else": {"Type": "Pass", "Result": "one", "End": True}}}
    state: dict[str, Any] = {"Type": "Parallel", "Branches": [other, inner], "End": True}
    if nested == "Map":
        state = {"Type": "Map", "ItemProcessor": inner, "ItemsPath": "$.items", "End": True}
    definition = one({"Type": "Parallel", "Branches": [{"StartAt": "N", "States": {"N": state}}]})
    input = {"items": [1, 2]}
    failed = run(definition, input, Answers({"Deep": ["one", BROKEN] if nested == "Map" else [BROKEN]}))
    again = redrive(definition, failed, Answers({"Deep": ["two"]}), input=input)
    assert again.output == [["one", "two"]]
    assert len(again.tasks.calls) == 1
