"""Redrives under another definition: which results are kept, what runs again, and where there is no place to go on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from interpreting import Answers, Ran, one, run
from test_redrives import BROKEN, redrive, task

from asl_runner.definition import load
from asl_runner.errors import UsageError
from asl_runner.interpreter.carried import CannotGoOn, Carried, carry, place_name
from asl_runner.interpreter.new_inputs import give_input
from asl_runner.interpreter.ports import TaskCall

INPUT: dict[str, Any] = {"items": [1, 2, 3], "others": [4, 5]}


def machine(*states: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A chain of states in their order."""
    names = [name for name, _ in states]
    ends: list[dict[str, Any]] = [{"Next": name} for name in names[1:]] + [{"End": True}]
    return {
        "StartAt": names[0],
        "States": {name: {**end, **state} for (name, state), end in zip(states, ends, strict=True)},
    }


def carried(before: dict[str, Any], ran: Ran, after: dict[str, Any]) -> Carried:
    return carry(load(json.dumps(after)), ran.events, json.dumps(INPUT).encode(), json.dumps(before))


def said(found: Carried) -> list[tuple[str, str]]:
    return [(place_name(step.scope, step.state), step.does) for step in found.steps]


def go_on(before: dict[str, Any], ran: Ran, after: dict[str, Any], tasks: Answers) -> Ran:
    return redrive(after, ran, tasks, input=INPUT, restored=carried(before, ran, after).restored)


PASS: dict[str, Any] = {"Type": "Pass"}
BEFORE = machine(("First", task(ResultPath="$.first", Assign={"v.$": "$"})), ("Work", task()), ("Last", PASS))


def failed() -> Ran:
    return run(BEFORE, INPUT, Answers({"First": ["kept"], "Work": [BROKEN]}))


def test_finished_states_stay_though_they_changed_and_the_failed_one_runs_as_it_is_now() -> None:
    after = machine(
        ("First", task(ResultPath="$.other")),
        ("Work", task(Parameters={"now.$": "$.first", "v.$": "$v"})),
        ("Last", {**PASS, "Comment": "new"}),
    )
    found = carried(BEFORE, failed(), after)
    assert said(found) == [("First", "KEPT"), ("Work", "RUNS AGAIN")]
    assert [step.changed for step in found.steps] == [("Assign", "ResultPath"), ("Parameters",)]
    done = go_on(BEFORE, failed(), after, Answers())
    assert [call.state for call in done.tasks.calls] == ["Work"]
    assert done.output == {"now": "kept", "v": "kept"}
    assert done.types().count("TaskStateEntered") == 2


def test_a_state_put_before_the_failed_one_is_said_not_to_run() -> None:
    after = machine(("First", task()), ("Between", PASS), ("Work", task()), ("Last", PASS))
    found = carried(BEFORE, failed(), after)
    assert found.steps[-1].note == "First now goes on to Between, which does not run"
    before_all = machine(("Zero", PASS), ("Work", task()))
    only = machine(("Work", task()))
    ran = run(only, INPUT, Answers({"Work": [BROKEN]}))
    assert carried(only, ran, before_all).steps[-1].note == "Zero, which now comes first, does not run"


def test_a_failed_state_that_is_gone_leads_to_what_now_follows_the_one_before() -> None:
    after = machine(("First", task()), ("Renamed", task(Parameters={"first.$": "$.first"})), ("Last", PASS))
    assert said(carried(BEFORE, failed(), after)) == [("First", "KEPT"), ("Work", "DROPPED"), ("Renamed", "BEGINS")]
    done = go_on(BEFORE, failed(), after, Answers())
    assert done.output == {"first": "kept"}
    entered = next(e for e in done.events if (e.details or {}).get("name") == "Renamed")
    work = next(e for e in done.events if (e.details or {}).get("name") == "Work")
    assert (entered.type, entered.previous) == ("TaskStateEntered", work.id)


def test_a_gone_state_after_the_last_one_ends_the_machine_and_one_at_the_start_gives_way() -> None:
    done = go_on(BEFORE, failed(), machine(("First", task())), Answers())
    assert (done.status, done.output) == ("SUCCEEDED", {**INPUT, "first": "kept"})
    only = machine(("Work", task()))
    ran = run(only, INPUT, Answers({"Work": [BROKEN]}))
    done = go_on(only, ran, machine(("Other", PASS)), Answers())
    assert done.output == INPUT


def test_without_the_failed_state_and_the_one_before_there_is_no_place() -> None:
    with pytest.raises(CannotGoOn, match=r"^Work, which had not ended, is not in the definition\. First, which came"):
        carried(BEFORE, failed(), machine(("Other", PASS), ("Last", PASS)))
    anew = carry(load(machine(("Other", PASS))), failed().events, b"{}", json.dumps(BEFORE), or_anew=True)
    assert (anew.restored.todo, anew.restored.text, anew.restored.last) == ("Other", b"{}", len(failed().events))


def test_a_failure_once_caught_goes_where_the_catch_leads_now() -> None:
    catch = [{"ErrorEquals": ["Broken"], "Next": "Mend"}]
    before = machine(("Try", task(Catch=catch)), ("Good", {"Type": "Succeed"}), ("Mend", task()))
    del before["States"]["Good"]["Next"]
    ran = run(before, INPUT, Answers({"Try": [BROKEN], "Mend": [BROKEN]}))
    after = json.loads(json.dumps(before).replace("Mend", "Repair"))
    assert said(carried(before, ran, after))[1:] == [("Mend", "DROPPED"), ("Repair", "BEGINS")]
    del after["States"]["Try"]["Catch"]
    after["States"]["Good"] = {"Type": "Pass", "Next": "Repair"}
    with pytest.raises(CannotGoOn, match="Try was left by a Catch, which it no longer has"):
        carried(before, ran, after)


def test_after_a_choice_its_new_rules_decide_on_what_it_got() -> None:
    def choice(target: str) -> dict[str, Any]:
        states = {
            "C": {
                "Type": "Choice",
                "OutputPath": "$.items",
                "Choices": [{"Variable": "$.items", "IsPresent": True, "Next": target}],
            },
            target: task(End=True),
        }
        return {"StartAt": "C", "States": states}

    ran = run(choice("A"), INPUT, Answers({"A": [BROKEN]}))
    found = carried(choice("A"), ran, choice("B"))
    assert said(found) == [("C", "KEPT"), ("A", "DROPPED"), ("C", "RUNS AGAIN")]
    assert go_on(choice("A"), ran, choice("B"), Answers()).output == INPUT["items"]


def test_a_state_of_another_type_is_entered_anew() -> None:
    after = machine(("First", task()), ("Work", {"Type": "Pass", "Result": "done"}), ("Last", PASS))
    done = go_on(BEFORE, failed(), after, Answers())
    assert done.output == "done"
    assert done.types()[len(failed().events) :][:3] == ["ExecutionRedriven", "PassStateEntered", "PassStateExited"]


async def breaks_later(call: TaskCall) -> Any:
    for _ in range(40):
        await asyncio.sleep(0)
    raise BROKEN


def parallel(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return one({"Type": "Parallel", "Branches": list(branches), **fields})


def branch(*names: str) -> dict[str, Any]:
    return machine(*((name, task()) for name in names))


def test_branches_keep_what_still_means_the_same() -> None:
    before = parallel(branch("A"), branch("B1", "B2"), branch("C"), branch("D"))
    ran = run(before, INPUT, Answers({"A": ["a"], "B1": ["b1"], "B2": [breaks_later], "C": ["c"], "D": ["d"]}))
    after = parallel(branch("A", "A2"), branch("B1", "Bx"), branch("Other"))
    found = carried(before, ran, after)
    assert said(found) == [
        ("S", "GOES ON"),
        ("S[0]/A", "KEPT"),
        ("S[0]/A2", "BEGINS"),
        ("S[1]/B1", "KEPT"),
        ("S[1]/B2", "DROPPED"),
        ("S[1]/Bx", "BEGINS"),
        ("S[2]/Other", "RUNS AGAIN"),
        ("S[3]", "DROPPED"),
    ]
    done = go_on(before, ran, after, Answers({"A2": ["a2"], "Bx": ["bx"], "Other": ["other"]}))
    assert done.output == ["a2", "bx", "other"]
    assert sorted(call.state for call in done.tasks.calls) == ["A2", "Bx", "Other"]
    more = parallel(branch("A"), branch("B1", "B2"), branch("C"), branch("D"), branch("E"))
    assert said(carried(before, ran, more))[-1] == ("S[4]/E", "BEGINS")
    assert go_on(before, ran, more, Answers({"B2": [2], "E": [5]})).output == ["a", 2, "c", "d", 5]


@pytest.mark.parametrize("fields", [{"InputPath": "$.items"}, {"Parameters": {"x": 1}}])
def test_branches_that_get_something_else_all_run_again(fields: dict[str, Any]) -> None:
    before = parallel(branch("A"), branch("B"))
    ran = run(before, INPUT, Answers({"A": ["a"], "B": [BROKEN]}))
    after = parallel(branch("A"), branch("B"), **fields)
    assert said(carried(before, ran, after)) == [("S", "RUNS AGAIN")]
    done = go_on(before, ran, after, Answers())
    assert sorted(call.state for call in done.tasks.calls) == ["A", "B"]
    assert done.types().count("ParallelStateStarted") == 2


def each(*names: str, **fields: Any) -> dict[str, Any]:
    state = {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 1, "ItemProcessor": branch(*names), **fields}
    return one(state)


def test_iterations_are_kept_or_begin_once_more_and_again_after_the_next_redrive() -> None:
    before = each("P", "Q")
    ran = run(before, INPUT, Answers({"Q": ["q0", BROKEN]}))
    after = each("P", "R")
    assert said(carried(before, ran, after)) == [
        ("S", "GOES ON"),
        ("S[0]/P", "RUNS AGAIN"),
        ("S[1]/P", "KEPT"),
        ("S[1]/Q", "DROPPED"),
        ("S[1]/R", "BEGINS"),
    ]
    again = go_on(before, ran, after, Answers({"R": ["r0", "r1", BROKEN]}))
    assert [details["index"] for details in again.details("MapIterationStarted")] == [0, 1, 0, 2]
    assert again.failure == ("Broken", "it is")
    done = redrive(after, again, Answers({"R": ["r2"]}), count=2, input=INPUT)
    assert done.output == ["r0", "r1", "r2"]
    assert [event.id for event in done.events] == list(range(1, len(done.events) + 1))


def test_iterations_that_are_through_go_on_where_more_follows_now() -> None:
    before = each("P", MaxConcurrency=1)
    ran = run(before, INPUT, Answers({"P": ["p0", "p1", BROKEN]}))
    done = go_on(before, ran, each("P", "Q"), Answers({"P": ["p2"]}))
    assert done.output == ["p0", "p1", "p2"]
    assert [call.state for call in done.tasks.calls].count("Q") == 3
    assert [details["index"] for details in done.details("MapIterationSucceeded")] == [0, 1, 0, 1, 2]


def test_what_is_nested_in_what_begins_once_more_is_found_by_the_next_redrive() -> None:
    inner = {"Type": "Parallel", "Branches": [branch("X"), branch("Y")]}
    before = parallel(machine(("Old", PASS), ("In", inner)), branch("Bad"))
    ran = run(before, INPUT, Answers({"X": ["x"], "Y": ["y"], "Bad": [breaks_later]}))
    after = parallel(machine(("New", PASS), ("In", inner)), branch("Bad"))
    again = go_on(before, ran, after, Answers({"X": ["x2"], "Y": [breaks_later], "Bad": ["good"]}))
    assert again.status == "FAILED"
    done = redrive(after, again, Answers({"Y": ["y2"], "Bad": ["good"]}), count=2, input=INPUT)
    assert done.output == [["x2", "y2"], "good"]
    assert "X" not in [call.state for call in done.tasks.calls]


@pytest.mark.parametrize("config", [{"ItemSelector": {"i.$": "$$.Map.Item.Index"}}, {"ItemsPath": "$.others"}])
def test_other_items_begin_a_map_anew(config: dict[str, Any]) -> None:
    before = each("P")
    ran = run(before, INPUT, Answers({"P": ["p0", BROKEN]}))
    after = each("P", **config)
    found = carried(before, ran, after)
    assert said(found) == [("S", "RUNS AGAIN")]
    assert found.steps[0].note == "what its children get has changed: all of them run again"
    assert len(go_on(before, ran, after, Answers()).output) == (2 if "ItemsPath" in config else 3)


def test_a_new_input_is_a_new_entry() -> None:
    found = carried(BEFORE, failed(), BEFORE)
    give_input(found, "Work", b'"new"')
    done = redrive(BEFORE, failed(), Answers(), input=INPUT, restored=found.restored)
    assert done.output == "new"
    entries = [e for e in done.events if e.type == "TaskStateEntered" and (e.details or {})["name"] == "Work"]
    assert [bytes((entry.details or {})["input"]) for entry in entries] == [
        json.dumps({**INPUT, "first": "kept"}, separators=(",", ":")).encode(),
        b'"new"',
    ]
    assert entries[1].previous == entries[0].id


def test_a_new_input_for_one_iteration_for_all_or_for_the_map() -> None:
    before = each("P", MaxConcurrency=3)
    ran = run(before, INPUT, Answers({"P": [BROKEN]}))
    for wanted, expected in (("S[1]/P", [1, "new", 3]), ("P", ["new"] * 3), ("S", [7, 8])):
        found = carried(before, ran, before)
        give_input(found, wanted, b'{"items":[7,8]}' if wanted == "S" else b'"new"')
        done = redrive(before, ran, Answers(), input=INPUT, restored=found.restored)
        assert done.output == expected
    assert said(found) == [("S", "RUNS AGAIN")]
    with pytest.raises(UsageError, match=r"'Nope' is not where the execution goes on: that is S, S\[0\]/P, S\[1\]/P, "):
        give_input(carried(before, ran, before), "Nope", b"1")
