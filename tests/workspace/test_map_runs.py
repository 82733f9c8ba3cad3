"""Distributed Maps: child executions, map runs, what is tolerated, what is kept."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.definition.model import StateMachine
from asl_runner.history import map_runs, segments
from asl_runner.history.events import Event
from asl_runner.history.map_runs import MapRunRecord, Standing
from asl_runner.history.records import ExecutionRecord
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.map_runs import MapRunSettings
from asl_runner.workspace import Workspace

PREFIX = "arn:aws:states:us-east-1:123456789012"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
ODD_FAILS = {
    "StartAt": "C",
    "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "F"}], "Default": "P"},
        "P": {"Type": "Pass", "End": True},
        "F": {"Type": "Fail", "Error": "Odd", "Cause": "one"},
    },
}


def distributed(
    processor: dict[str, Any], *, children: str = "STANDARD", name: str = "M", **fields: Any
) -> dict[str, Any]:
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": children}}
    return {
        "StartAt": name,
        "States": {name: {"Type": "Map", "ItemProcessor": {**config, **processor}, "End": True, **fields}},
    }


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        yield workspace


async def run(workspace: Workspace, machine: dict[str, Any], input: Any, clock: Any = "virtual") -> Any:
    running = await workspace.start(load(machine), input, machine_name="sm", clock=clock)
    outcome = await running.result()
    return running.record, outcome


def map_runs_of(workspace: Workspace, arn: str) -> list[MapRunRecord]:
    return workspace.store.read(lambda connection: map_runs.of_execution(connection, arn, None, 100))


def standings(workspace: Workspace, arn: str) -> list[Standing]:
    return workspace.store.read(lambda connection: map_runs.standings(connection, arn))


def sequence(workspace: Workspace, arn: str) -> list[tuple[str, int]]:
    return [(event.type, event.previous) for event in workspace.store.events(arn)]


@pytest.mark.parametrize("language", ["JSONPath", "JSONata"])
async def test_children_do_not_see_the_variables_outside(workspace: Workspace, language: str) -> None:
    inner = (
        {"Output": {"seen": "{% $exists($outer) %}"}} if language == "JSONata" else {"Parameters": {"x.$": "$outer"}}
    )
    machine = distributed({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True, **inner}}})
    machine["StartAt"] = "First"
    machine["QueryLanguage"] = language
    machine["States"]["First"] = {"Type": "Pass", "Assign": {"outer": 5}, "Next": "M"}
    if language == "JSONata":
        machine["States"]["M"]["Items"] = [1]
    _, outcome = await run(workspace, machine, [1])
    if language == "JSONata":
        assert json.loads(outcome.output) == [{"seen": False}]
    else:
        assert outcome.error == "States.ExceedToleratedFailureThreshold"


async def test_each_item_is_an_execution_of_its_own(workspace: Workspace) -> None:
    record, outcome = await run(workspace, distributed(PASS, Label="Each"), [{"n": 0}, {"n": 1}])
    assert json.loads(outcome.output) == [{"n": 0}, {"n": 1}]
    assert sequence(workspace, record.arn) == [
        ("ExecutionStarted", 0),
        ("MapStateEntered", 0),
        ("MapStateStarted", 2),
        ("MapRunStarted", 3),
        ("MapRunSucceeded", 4),
        ("MapStateSucceeded", 5),
        ("MapStateExited", 4),
        ("ExecutionSucceeded", 7),
    ]
    (opened,) = map_runs_of(workspace, record.arn)
    assert opened.arn.startswith(f"{PREFIX}:mapRun:sm/Each:")
    assert opened.machine_arn == f"{PREFIX}:stateMachine:sm/Each"
    assert (opened.status, opened.items, opened.executions) == ("SUCCEEDED", 2, 2)
    assert standings(workspace, opened.arn) == [Standing("SUCCEEDED", 2, 2)]
    children = [kept for kept in workspace.executions(children=True) if kept.map_run_arn == opened.arn]
    assert len(children) == 2
    for child in children:
        assert child.arn == f"{PREFIX}:execution:sm/Each:{child.name}"
        assert sequence(workspace, child.arn)[-1] == ("ExecutionSucceeded", 3)
        assert load(child.definition).start_at == "P"
    assert workspace.executions() == [workspace.find("latest")]
    assert workspace.find("latest").arn == record.arn
    assert len(workspace.executions(machine="sm/Each")) == 2


@pytest.mark.parametrize("children", ["STANDARD", "EXPRESS"])
async def test_children_have_the_names_and_random_numbers_their_map_run_gives_them(
    tmp_path: Path, children: str
) -> None:
    drawing = {
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "Parameters": {"drawn.$": "States.UUID()"}, "End": True}},
    }
    seen = []
    for number, concurrency in enumerate((1, 8)):
        machine = load(distributed(drawing, children=children, Label="L", MaxConcurrency=concurrency))
        directory = tmp_path / str(number)
        async with Workspace(Configuration(root=directory, workspace=directory)) as workspace:
            record = ExecutionRecord(
                arn=f"{PREFIX}:execution:sm:e",
                name="e",
                machine_arn=f"{PREFIX}:stateMachine:sm",
                machine_name="sm",
                definition=machine.source,
                input=b"[1,2,3]",
                start=0.0,
                seed="seed",
            )
            running = await workspace.launch(machine, [1, 2, 3], record, clock=VirtualClock(0.0))
            outcome = await running.result()
            arns = [kept.arn for kept in workspace.executions(children=True) if kept.map_run_arn]
            seen.append((outcome.output, sorted(arns)))
    assert seen[0] == seen[1]
    output, arns = seen[0]
    assert len({drawn["drawn"] for drawn in json.loads(output or b"")}) == len(arns) == 3


async def test_a_label_is_made_up_once_for_each_map(workspace: Workspace) -> None:
    first, _ = await run(workspace, distributed(PASS), [1])
    second, _ = await run(workspace, distributed(PASS), [1])
    ours, theirs = map_runs_of(workspace, first.arn)[0], map_runs_of(workspace, second.arn)[0]
    assert ours.machine_arn == theirs.machine_arn
    assert ours.arn != theirs.arn


async def test_one_failure_is_too_many_where_nothing_is_tolerated(workspace: Workspace) -> None:
    record, outcome = await run(workspace, distributed(ODD_FAILS), [{"n": 1}, {"n": 0}])
    assert outcome.error == "States.ExceedToleratedFailureThreshold"
    assert outcome.cause == "The specified tolerated failure threshold was exceeded"
    assert sequence(workspace, record.arn)[3:] == [
        ("MapRunStarted", 3),
        ("MapRunFailed", 4),
        ("MapStateFailed", 5),
        ("ExecutionFailed", 6),
    ]
    assert map_runs_of(workspace, record.arn)[0].status == "FAILED"


@pytest.mark.parametrize("fields", [{"ToleratedFailureCount": 1}, {"ToleratedFailurePercentage": 50}])
async def test_tolerated_failures_stand_in_the_result_as_records(workspace: Workspace, fields: dict[str, Any]) -> None:
    _, outcome = await run(workspace, distributed(ODD_FAILS, **fields), [{"n": 1}, {"n": 0}])
    failed, passed = json.loads(outcome.output)
    assert passed == {"n": 0}
    assert (failed["Status"], failed["Error"], failed["Cause"]) == ("FAILED", "Odd", "one")
    assert failed["Input"] == '{"n":1}'


async def test_express_children_are_kept_and_have_express_arns(workspace: Workspace) -> None:
    record, outcome = await run(workspace, distributed(PASS, children="EXPRESS", Label="L"), [1])
    assert json.loads(outcome.output) == [1]
    (opened,) = map_runs_of(workspace, record.arn)
    (child,) = [kept for kept in workspace.executions(children=True) if kept.map_run_arn == opened.arn]
    assert child.arn.startswith(f"{PREFIX}:express:sm/L:{child.name}:")
    assert (child.type, child.item_count) == ("EXPRESS", 1)


async def test_batches_hold_so_many_items_and_bytes_at_most(workspace: Workspace) -> None:
    batcher = {"MaxItemsPerBatch": 3, "MaxInputBytesPerBatch": 60, "BatchInput": {"of.$": "$.of"}}
    machine = distributed(PASS, ItemsPath="$.items", ItemBatcher=batcher)
    record, outcome = await run(workspace, machine, {"of": "x", "items": [1, 2, 3, 4, "a" * 20, "b" * 20]})
    batches = json.loads(outcome.output)
    assert [batch["Items"] for batch in batches] == [[1, 2, 3], [4, "a" * 20], ["b" * 20]]
    assert all(batch["BatchInput"] == {"of": "x"} for batch in batches)
    (opened,) = map_runs_of(workspace, record.arn)
    assert (opened.items, opened.executions) == (6, 3)
    assert standings(workspace, opened.arn) == [Standing("SUCCEEDED", 3, 6)]


async def test_the_selector_sees_the_item_and_the_parents_variables_and_children_see_neither(
    workspace: Workspace,
) -> None:
    machine = distributed(
        {
            "StartAt": "P",
            "States": {"P": {"Type": "Pass", "Output": "{% [$states.input, $exists($v)] %}", "End": True}},
        },
        Items="{% {'a': 1, 'b': 2} %}",
        ItemSelector={"key": "{% $states.context.Map.Item.Key %}", "v": "{% $v %}"},
    )
    machine["QueryLanguage"] = "JSONata"
    machine["States"]["S"] = {"Type": "Pass", "Assign": {"v": 7}, "Next": "M"}
    machine["StartAt"] = "S"
    _, outcome = await run(workspace, machine, {})
    assert json.loads(outcome.output) == [[{"key": "a", "v": 7}, False], [{"key": "b", "v": 7}, False]]


async def test_waits_of_children_pass_in_virtual_time_within_their_concurrency(workspace: Workspace) -> None:
    waiting = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    record, outcome = await run(workspace, distributed(waiting, MaxConcurrency=2), [1, 2, 3])
    assert json.loads(outcome.output) == [1, 2, 3]
    assert 7200 <= outcome.stop_time - record.start < 7210


async def test_a_stop_ends_the_children_and_the_map_run(workspace: Workspace) -> None:
    waiting = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    running = await workspace.start(load(distributed(waiting)), [1, 2], machine_name="sm")
    while len(workspace.executions(status="RUNNING", children=True)) < 3:
        await asyncio.sleep(0.01)
    running.stop("Enough", "of this")
    assert (await running.result()).status == "ABORTED"
    (opened,) = map_runs_of(workspace, running.arn)
    assert opened.status == "ABORTED"
    assert opened.stop is not None
    assert standings(workspace, opened.arn) == [Standing("ABORTED", 2, 2)]


async def test_settings_change_while_it_runs(workspace: Workspace) -> None:
    waiting = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    running = await workspace.start(load(distributed(waiting, MaxConcurrency=1)), [1, 2, 3], machine_name="sm")
    while len(workspace.executions(status="RUNNING", children=True)) < 2:
        await asyncio.sleep(0.01)
    (opened,) = map_runs_of(workspace, running.arn)
    live = workspace.map_run(opened.arn)
    assert live is not None
    await live.update(MapRunSettings(max_concurrency=0, tolerated_failure_percentage=20.0))
    while len(workspace.executions(status="RUNNING", children=True)) < 4:
        await asyncio.sleep(0.01)
    (changed,) = map_runs_of(workspace, running.arn)
    assert (changed.max_concurrency, changed.tolerated_percentage) == (0, 20.0)


async def test_maps_in_maps_open_map_runs_of_their_own(workspace: Workspace) -> None:
    inner = distributed(PASS, name="Inner", Label="In")
    record, outcome = await run(workspace, distributed(inner, Label="Out"), [[1, 2], [3]])
    assert json.loads(outcome.output) == [[1, 2], [3]]
    (outer,) = map_runs_of(workspace, record.arn)
    children = [kept for kept in workspace.executions(children=True) if kept.map_run_arn == outer.arn]
    runs = [opened for child in children for opened in map_runs_of(workspace, child.arn)]
    assert sorted(opened.items for opened in runs) == [1, 2]
    assert all(opened.machine_arn == f"{PREFIX}:stateMachine:sm/In" for opened in runs)


WAITS = {"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.wait", "End": True}}}


async def stopped_half_way(workspace: Workspace, children: str) -> tuple[StateMachine, ExecutionRecord]:
    """An execution stopped when its first child has succeeded, its second is running and its third has not begun."""
    machine = load(distributed(WAITS, children=children, MaxConcurrency=1))
    running = await workspace.start(machine, [{"wait": 0}, {"wait": 60}, {"wait": 0}], machine_name="sm")
    while len(workspace.executions(children=True)) < 3:
        await asyncio.sleep(0.01)
    running.stop()
    await running.result()
    return machine, running.record


async def redriven(workspace: Workspace, machine: StateMachine, record: ExecutionRecord) -> Any:
    clock = VirtualClock()
    again = await workspace.redrive(
        machine, json.loads(record.input), workspace.find(record.arn), at=clock.now(), clock=clock
    )
    assert again is not None
    return await again.result()


def children_of(workspace: Workspace) -> list[ExecutionRecord]:
    return sorted(
        (kept for kept in workspace.executions(children=True) if kept.map_run_arn), key=lambda kept: kept.input
    )


async def test_a_redrive_has_the_map_run_go_on_with_the_children_that_did_not_succeed(workspace: Workspace) -> None:
    machine, record = await stopped_half_way(workspace, "STANDARD")
    before = children_of(workspace)
    outcome = await redriven(workspace, machine, record)
    assert json.loads(outcome.output) == [{"wait": 0}, {"wait": 60}, {"wait": 0}]
    (run_,) = map_runs_of(workspace, record.arn)
    assert (run_.status, run_.redrive_count) == ("SUCCEEDED", 1)
    assert standings(workspace, run_.arn) == [Standing("SUCCEEDED", 3, 3)]
    after = children_of(workspace)
    assert {kept.arn for kept in before} < {kept.arn for kept in after}
    assert [kept.redrive_count for kept in after] == [0, 0, 1]
    assert sequence(workspace, record.arn)[3:] == [
        ("MapRunStarted", 3),
        ("ExecutionAborted", 4),
        ("ExecutionRedriven", 5),
        ("MapRunRedriven", 4),
        ("MapRunSucceeded", 7),
        ("MapStateSucceeded", 8),
        ("MapStateExited", 7),
        ("ExecutionSucceeded", 10),
    ]
    (event,) = [event for event in workspace.store.events(record.arn) if event.type == "MapRunRedriven"]
    assert event.details == {"mapRunArn": run_.arn, "redriveCount": 1}


async def test_a_redrive_begins_express_children_anew(workspace: Workspace) -> None:
    machine, record = await stopped_half_way(workspace, "EXPRESS")
    _, cut_off = children_of(workspace)
    outcome = await redriven(workspace, machine, record)
    assert outcome.status == "SUCCEEDED"
    after = children_of(workspace)
    assert cut_off.arn not in {kept.arn for kept in after}
    assert [kept.redrive_count for kept in after] == [0, 0, 0]
    assert all(sequence(workspace, kept.arn)[0] == ("ExecutionStarted", 0) for kept in after)


async def test_a_child_whose_redrive_is_cut_off_before_it_runs_ends_with_its_map_run(workspace: Workspace) -> None:
    machine, record = await stopped_half_way(workspace, "STANDARD")
    submitted = asyncio.Event()

    async def hangs(machine: StateMachine, input: Any, record: ExecutionRecord, **more: Any) -> Any:
        await workspace.writable.submit_redrive(record, record.start)
        submitted.set()
        await asyncio.Event().wait()

    again = await workspace.redrive(machine, json.loads(record.input), workspace.find(record.arn))
    assert again is not None
    workspace.redrive = hangs  # type: ignore[method-assign]
    await submitted.wait()
    again.stop()
    assert (await again.result()).status == "ABORTED"
    assert [child.status for child in children_of(workspace)] == ["SUCCEEDED", "ABORTED"]
    (run_,) = map_runs_of(workspace, record.arn)
    assert run_.status == "ABORTED"


async def test_an_execution_whose_process_is_gone_is_ended_with_its_children(workspace: Workspace) -> None:
    _, record = await stopped_half_way(workspace, "STANDARD")

    def revive(connection: sqlite3.Connection) -> None:
        running = "UPDATE executions SET status = 'RUNNING', stop = NULL, owner = 'gone' WHERE status = 'ABORTED'"
        assert connection.execute(running).rowcount == 2
        connection.execute("UPDATE map_runs SET status = 'RUNNING', stop = NULL")

    await workspace.writable.change(revive)
    assert workspace.stop(workspace.find(record.arn))
    assert workspace.find(record.arn).status == "ABORTED"
    assert [child.status for child in children_of(workspace)] == ["SUCCEEDED", "ABORTED"]


async def test_an_express_child_begun_anew_belongs_to_the_process_that_runs_it(workspace: Workspace) -> None:
    machine, record = await stopped_half_way(workspace, "EXPRESS")
    _, cut_off = children_of(workspace)
    gone = "UPDATE executions SET status = 'RUNNING', stop = NULL, owner = 'gone' WHERE arn = :arn"
    await workspace.writable.change(lambda tables: tables.execute(gone, {"arn": cut_off.arn}))
    again = await workspace.redrive(machine, json.loads(record.input), workspace.find(record.arn))
    assert again is not None
    while (begun := children_of(workspace)[-1]).arn == cut_off.arn:
        await asyncio.sleep(0.01)
    assert (begun.status, begun.owner) == ("RUNNING", workspace.find(record.arn).owner)
    again.stop()
    await again.result()
    assert [child.status for child in children_of(workspace)] == ["SUCCEEDED", "ABORTED"]


async def test_a_redrive_goes_on_also_when_too_many_had_failed(workspace: Workspace) -> None:
    machine = load(distributed(ODD_FAILS))
    running = await workspace.start(machine, [{"n": 0}, {"n": 1}, {"n": 0}], machine_name="sm", clock="virtual")
    assert (await running.result()).status == "FAILED"
    outcome = await redriven(workspace, machine, running.record)
    assert outcome.error == "States.ExceedToleratedFailureThreshold"
    (run_,) = map_runs_of(workspace, running.arn)
    assert (run_.status, run_.redrive_count) == ("FAILED", 1)
    assert standings(workspace, run_.arn) == [Standing("FAILED", 1, 1), Standing("SUCCEEDED", 2, 2)]


async def test_a_child_killed_before_its_history_began_is_redriven_from_its_input(workspace: Workspace) -> None:
    machine, record = await stopped_half_way(workspace, "STANDARD")
    _, cut_off = children_of(workspace)

    def forget(connection: sqlite3.Connection) -> None:
        key = connection.execute("SELECT id FROM executions WHERE arn = ?", (cut_off.arn,)).fetchone()[0]
        connection.execute("DELETE FROM segments WHERE execution = ?", (key,))
        end = Event(1, 0, record.start, "ExecutionAborted")
        for first, last, blob in segments.encode([end]):
            connection.execute("INSERT INTO segments VALUES (?, ?, ?, ?)", (key, first, last, blob))

    await workspace.writable.change(forget)
    assert (await redriven(workspace, machine, record)).status == "SUCCEEDED"
    assert [kind for kind, _ in sequence(workspace, cut_off.arn)] == [
        "ExecutionAborted",
        "ExecutionRedriven",
        "WaitStateEntered",
        "WaitStateExited",
        "ExecutionSucceeded",
    ]


async def test_a_map_run_that_a_resumed_execution_does_not_come_to_ends_with_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    wait = {"Type": "Wait", "Seconds": 3600}
    fails = {
        "StartAt": "W",
        "States": {"W": {**wait, "Next": "P"}, "P": {"Type": "Pass", "OutputPath": "$.missing", "End": True}},
    }
    waits = distributed({"StartAt": "L", "States": {"L": {**wait, "End": True}}})
    both = {"Type": "Parallel", "Branches": [waits, fails], "End": True}
    machine = load({"StartAt": "B", "States": {"B": both}})
    running = await workspace.start(machine, [1, 2], machine_name="sm")
    while [child.status for child in children_of(workspace)] != ["RUNNING"] * 2:
        await asyncio.sleep(0.01)
    events = list(workspace.store.events(running.arn))
    waited = next(event for event in events if event.type == "WaitStateEntered")
    failed = [
        ("WaitStateExited", {"name": "W", "output": b"[1,2]"}),
        ("PassStateEntered", {"name": "P", "input": b"[1,2]"}),
    ]
    more = [
        Event(
            len(events) + place, waited.id if place == 1 else len(events) + 1, waited.time, type, details, waited.scope
        )
        for place, (type, details) in enumerate(failed, 1)
    ]
    # As if the process had died when the branch had failed and nobody had taken note.
    directory = tmp_path / "later"
    directory.mkdir()
    with sqlite3.connect(directory / "workspace.db") as later:
        workspace.writable.read(lambda connection: connection.backup(later))
        (execution,) = later.execute("SELECT id FROM executions WHERE arn = ?", (running.arn,)).fetchone()
        for first, last, blob in segments.encode(more):
            later.execute("INSERT INTO segments VALUES (?, ?, ?, ?)", (execution, first, last, blob))
    later.close()
    running.stop()
    await running.result()

    async with Workspace(Configuration(root=tmp_path, workspace=directory)) as again:
        resumed = await again.resume(machine, [1, 2], again.find(running.arn))
        assert resumed is not None
        assert (await resumed.result()).error == "States.Runtime"
        assert [child.status for child in children_of(again)] == ["ABORTED"] * 2
        assert [run_.status for run_ in map_runs_of(again, running.arn)] == ["ABORTED"]
