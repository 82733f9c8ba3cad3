"""Executions launched without being checked first, as the endpoint does it, and redriven."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.history.records import ExecutionExists, ExecutionRecord
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.workspace import Workspace

PREFIX = "arn:aws:states:us-east-1:123456789012"
PASS: dict[str, Any] = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
WAIT: dict[str, Any] = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
TASK: dict[str, Any] = {
    "StartAt": "T",
    "States": {"T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:no", "End": True}},
}


def open_workspace(root: Path) -> Workspace:
    return Workspace(Configuration(root=root, workspace=root / ".asl-runner"))


def record(name: str = "e", **fields: Any) -> ExecutionRecord:
    return ExecutionRecord(
        arn=f"{PREFIX}:execution:m:{name}",
        name=name,
        machine_arn=f"{PREFIX}:stateMachine:m",
        machine_name="m",
        definition="{}",
        input=b" 1 ",
        start=1000.0,
        seed="seed",
        **fields,
    )


async def test_a_task_that_cannot_run_fails_when_its_turn_comes(tmp_path: Path) -> None:
    async with open_workspace(tmp_path) as workspace:
        running = await workspace.launch(load(TASK), 1, record())
        assert workspace.running(running.arn) is running
        outcome = await running.result()
        assert (outcome.status, outcome.error) == ("FAILED", "Lambda.ResourceNotFoundException")
        events = list(workspace.store.events(running.arn))
        assert (events[0].details or {})["input"] == b" 1 "
        with pytest.raises(ExecutionExists):
            await workspace.launch(load(TASK), 1, record())


async def test_a_defect_ends_the_execution_and_is_told_apart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(handler: object, call: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("asl_runner.resources.lambda_.LambdaFunction.__call__", broken)
    async with open_workspace(tmp_path) as workspace:
        caught = {**TASK["States"]["T"], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "T"}]}
        running = await workspace.launch(load({"StartAt": "T", "States": {"T": caught}}), 1, record())
        await running.settle()
        with pytest.raises(ZeroDivisionError):
            await running.result()
        kept = workspace.store.execution(running.arn)
        assert (kept.status, kept.error) == ("ABORTED", "AslRunner.Defect")
        assert kept.cause == "asl_runner itself failed, not the workflow (ZeroDivisionError: of ours)."
        types = [event.type for event in workspace.store.events(running.arn)]
        assert types[-2:] == ["LambdaFunctionStarted", "ExecutionAborted"]
    assert running.arn in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_express_executions_are_kept_under_names_used_before(tmp_path: Path) -> None:
    async with open_workspace(tmp_path) as workspace:
        for count in range(2):
            express = record(type="EXPRESS")
            express = replace(express, arn=f"{PREFIX}:express:m:e:{count}")
            running = await workspace.launch(load(PASS), 1, express, taken=False)
            assert (await running.result()).status == "SUCCEEDED"
    with open_workspace(tmp_path) as workspace:
        kept = workspace.executions()
        assert [(each.type, each.name, each.status) for each in kept] == [("EXPRESS", "e", "SUCCEEDED")] * 2


async def test_only_what_ended_without_success_is_redriven(tmp_path: Path) -> None:
    async with open_workspace(tmp_path) as workspace:
        machine = load(WAIT)
        first = await workspace.launch(machine, 1, record("stopped"))
        while workspace.find("stopped").event_count < 2:
            await asyncio.sleep(0.001)
        first.stop("E", "C")
        await first.result()
        stopped = workspace.find("stopped")
        again = await workspace.redrive(machine, 1, stopped, at=2000.0)
        assert again is not None
        assert (again.record.status, again.record.redrive_count, again.record.redrive_time) == ("RUNNING", 1, 2000.0)
        assert workspace.running(again.arn) is again
        assert await workspace.redrive(machine, 1, stopped, at=2001.0) is None
        kept = workspace.find("stopped")
        assert (kept.status, kept.error, kept.redrive_count, kept.redrive_time) == ("RUNNING", None, 1, 2000.0)
        again.stop()
        await again.result()
        types = [event.type for event in workspace.store.events(kept.arn)]
        assert types.count("WaitStateEntered") == 1
        assert types[-2:] == ["ExecutionRedriven", "ExecutionAborted"]

        passing = await workspace.launch(load(PASS), 1, record("passing"))
        await passing.result()
        assert await workspace.redrive(load(PASS), 1, workspace.find("passing"), at=2000.0) is None


async def test_an_express_execution_has_five_minutes_and_no_limit_of_events(tmp_path: Path) -> None:
    inner = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    states: dict[str, Any] = {
        "M": {"Type": "Map", "ItemProcessor": inner, "Next": "W"},
        "W": {"Type": "Wait", "Seconds": 301, "End": True},
    }
    many = Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner", limits={"history_events": 20})
    async with Workspace(many) as workspace:
        machine, items = load({"StartAt": "M", "States": states}), list(range(20))
        clock = VirtualClock(1000.0)
        running = await workspace.launch(machine, items, record("long", type="EXPRESS"), clock=clock)
        outcome = await running.result()
        assert (outcome.status, outcome.error, outcome.stop_time) == ("TIMED_OUT", None, 1300.0)
        running = await workspace.launch(machine, items, record("full"), clock=VirtualClock(1000.0))
        assert (await running.result()).error == "States.Runtime"


async def test_executions_that_wait_take_no_threads(tmp_path: Path) -> None:
    async with open_workspace(tmp_path) as workspace:
        machine = load(WAIT)
        await workspace.launch(machine, 1, record("first"))
        before = threading.active_count()
        for number in range(300):
            await workspace.launch(machine, 1, record(f"w{number}"))
        assert threading.active_count() == before
