"""A redrive with another definition and other inputs, cut off by the end of its process, goes on as it was asked to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.definition.model import StateMachine
from asl_runner.history import segments, statements
from asl_runner.history.records import ExecutionRecord
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.resources.mocks.answers import raises
from asl_runner.resources.mocks.tasks import Mocks
from asl_runner.workspace import Workspace
from asl_runner.workspace.redriving import plan

ARN = "arn:aws:lambda:us-east-1:123456789012:function:work"


def machine(*, comment: str, last: str) -> StateMachine:
    each = {
        "Type": "Map",
        "MaxConcurrency": 1,
        "ItemProcessor": {
            "StartAt": "Work",
            "States": {"Work": {"Type": "Task", "Resource": ARN, "Comment": comment, "End": True}},
        },
        "Next": last,
    }
    return load({"StartAt": "Each", "States": {"Each": each, last: {"Type": "Pass", "End": True}}})


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        yield workspace


async def failed(workspace: Workspace) -> ExecutionRecord:
    mocks = Mocks({"Work": raises("Broken")})
    running = await workspace.start(
        machine(comment="old", last="Old"), [1, 2, 3], machine_name="m", name="e", clock="virtual", mocks=mocks
    )
    await running.result()
    return workspace.store.execution(running.arn)


async def abandon(workspace: Workspace, arn: str) -> None:
    """Makes the execution one of a process that is gone."""
    statement = "UPDATE executions SET owner = 'gone' WHERE arn = :arn"
    await workspace.writable.change(lambda tables: tables.execute(statement, {"arn": arn}))


@pytest.mark.parametrize("changed", [True, False])
async def test_a_redrive_that_was_asked_for_and_never_began_begins(workspace: Workspace, changed: bool) -> None:
    record = await failed(workspace)
    now = machine(comment="new", last="New") if changed else load(record.definition)
    asked = plan(workspace.store, record, now, [("Each[0]/Work", b'"given"')] if changed else [])
    clock = VirtualClock(record.start + 100)
    assert await workspace.writable.submit_redrive(record, clock.now(), asked.definition, asked.inputs)
    await abandon(workspace, record.arn)
    kept = workspace.store.execution(record.arn)
    assert json.loads(kept.definition) == json.loads(now.source)
    calls: list[Any] = []

    def answer(input: Any) -> Any:
        calls.append(input)
        return input

    running = await workspace.resume(now, [1, 2, 3], kept, clock=clock, mocks=Mocks({"Work": answer}))
    assert running is not None
    outcome = await running.result()
    assert json.loads(outcome.output or b"null") == ["given" if changed else 1, 2, 3]
    events = list(workspace.store.events(record.arn))
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events].count("ExecutionRedriven") == 1


async def test_what_had_not_had_its_turn_is_as_the_redrive_put_it(workspace: Workspace) -> None:
    record = await failed(workspace)
    now = machine(comment="new", last="New")
    asked = plan(workspace.store, record, now, [("Work", b'"given"')])
    mocks = Mocks({"Work": raises("Broken")})
    clock = VirtualClock(record.start + 100)
    running = await workspace.redrive(now, [1, 2, 3], record, clock=clock, mocks=mocks, prepared=asked)
    assert running is not None
    await running.result()
    # As if its process had died right after the redrive: what came of it is not kept.
    redriven = next(e.id for e in workspace.store.events(record.arn) if e.type == "ExecutionRedriven")
    events = list(workspace.store.events(record.arn, last=redriven))
    kept = workspace.store.execution(record.arn)
    await workspace.writable.change(
        lambda tables: tables.execute("DELETE FROM segments WHERE last >= :id", {"id": redriven})
    )
    key = workspace.store.read(lambda tables: tables.execute(statements.KEY, {"arn": record.arn}).fetchone()[0])
    tail = [event for event in events if event.id >= redriven]
    [(first, last, blob)] = segments.encode(tail)
    row = {"execution": key, "first": first, "last": last, "events": blob}
    running_again = "UPDATE executions SET status = 'RUNNING', stop = NULL, error = NULL, cause = NULL WHERE id = :key"

    def put(tables: Any) -> None:
        tables.execute(statements.ADD_SEGMENT, row)
        tables.execute(running_again, {"key": key})

    await workspace.writable.change(put)
    await abandon(workspace, record.arn)
    kept = workspace.store.execution(record.arn)
    assert (kept.status, kept.event_count) == ("RUNNING", redriven)
    resumed = await workspace.resume(now, [1, 2, 3], kept, clock=clock, mocks=Mocks({"Work": lambda input: input}))
    assert resumed is not None
    outcome = await resumed.result()
    assert json.loads(outcome.output or b"null") == ["given", 2, 3]
