"""Which executions may be redriven, and in AWS's words why others may not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.history.machine_records import MachineRecord
from asl_runner.history.machines import Machines
from asl_runner.history.records import ExecutionRecord
from asl_runner.interpreter.limits import AWS_LIMITS, Limits
from asl_runner.workspace import Workspace
from asl_runner.workspace.redrivable import obstacle, redrive_status

FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}}
DAY = 86_400.0


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        yield workspace


async def failed(workspace: Workspace) -> ExecutionRecord:
    running = await workspace.start(load(FAIL), {}, machine_name="m")
    await running.result()
    return workspace.store.execution(running.arn)


@pytest.mark.parametrize(
    ("changes", "days", "reason"),
    [
        ({}, 13.9, None),
        ({}, 14.1, "Execution redrivable period exceeded"),
        ({"status": "RUNNING", "stop": None}, 0, "Execution is RUNNING and cannot be redriven"),
        ({"status": "SUCCEEDED"}, 0, "Execution is SUCCEEDED and cannot be redriven"),
        ({"status": "TIMED_OUT"}, 0, None),
        ({"status": "ABORTED"}, 0, None),
        ({"event_count": 24_998}, 0, None),
        ({"event_count": 24_999}, 0, "Execution history event limit exceeded"),
        ({"start": -366 * DAY}, 0, "Execution has exceeded the max execution time"),
        ({"map_run_arn": "arn"}, 0, "Execution is a child of a Map Run and is redriven with it"),
    ],
)
async def test_reasons(workspace: Workspace, changes: dict[str, Any], days: float, reason: str | None) -> None:
    ended = await failed(workspace)
    if "start" in changes:
        changes = {"start": ended.start + changes["start"]}
    record = replace(ended, **changes)
    now = (ended.stop or 0.0) + days * DAY
    assert obstacle(workspace.store, record, now, AWS_LIMITS) == reason
    status = redrive_status(workspace.store, record, now, AWS_LIMITS)
    assert status.get("redriveStatusReason") == (None if "map_run_arn" in changes else reason)
    without = Limits(redrive_seconds=None, history_events=None, duration_seconds=None)
    lifted = {"Execution redrivable", "Execution history", "Execution has"}
    free = reason is None or any(reason.startswith(begin) for begin in lifted)
    assert (obstacle(workspace.store, record, now, without) is None) == free


async def test_a_machine_that_is_being_deleted(workspace: Workspace) -> None:
    record = await failed(workspace)
    machine = MachineRecord(
        arn=record.machine_arn,
        name="m",
        type="STANDARD",
        status="DELETING",
        definition=record.definition,
        role_arn="",
        settings={},
        created=0.0,
        updated=0.0,
    )
    await workspace.writable.change(lambda tables: Machines(tables).put_machine(machine))
    reason = obstacle(workspace.store, record, record.stop or 0.0, AWS_LIMITS)
    assert reason == "State machine is in DELETING status"


async def test_of_two_who_ask_at_once_one_redrives_it(workspace: Workspace) -> None:
    record = await failed(workspace)
    again = await workspace.redrive(load(FAIL), {}, record)
    assert again is not None
    await again.result()
    # It has failed once more meanwhile: what is known of it is no longer so.
    assert await workspace.redrive(load(FAIL), {}, record) is None
    events = list(workspace.store.events(record.arn))
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events].count("ExecutionRedriven") == 1
