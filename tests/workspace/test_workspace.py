"""A workspace from Python: executions started, watched, stopped, found again, and everything ended with it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.errors import NotFound, UsageError
from asl_runner.history.events import Event
from asl_runner.history.records import ExecutionExists
from asl_runner.storage.server import LocalAws
from asl_runner.workspace import Workspace
from asl_runner.workspace.local import LocalTarget

PASS: dict[str, Any] = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
WAIT: dict[str, Any] = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}


def open_workspace(root: Path, **settings: Any) -> Workspace:
    return Workspace(Configuration(root=root, workspace=root / ".asl-runner", **settings))


async def test_an_execution_is_run_watched_and_kept(tmp_path: Path) -> None:
    batches: list[Sequence[Event]] = []
    async with open_workspace(tmp_path) as workspace:
        running = await workspace.start(
            load(PASS), {"id": 7}, machine_name="order", name="first", observers=[batches.append]
        )
        assert running.arn == "arn:aws:states:us-east-1:123456789012:execution:order:first"
        outcome = await running.result()
        assert (outcome.status, outcome.output) == ("SUCCEEDED", b'{"id":7}')
        assert running.done
    events = [event for batch in batches for event in batch]
    assert events[-1].type == "ExecutionSucceeded"
    assert (events[0].time, events[-1].time) == (running.record.start, running.record.stop)
    with open_workspace(tmp_path) as again:
        (record,) = again.executions()
        assert (record.status, record.input, record.output, record.event_count) == (
            "SUCCEEDED",
            b'{"id":7}',
            b'{"id":7}',
            4,
        )
        assert again.find("latest") == again.find("fir") == record


async def test_names_default_to_new_ones_and_are_taken_once(tmp_path: Path) -> None:
    async with open_workspace(tmp_path) as workspace:
        one = await workspace.start(load(PASS), {})
        two = await workspace.start(load(PASS), {})
        assert one.name != two.name
        with pytest.raises(ExecutionExists, match="Execution Already Exists"):
            await workspace.start(load(PASS), {}, name=one.name)
        await workspace.start(load(PASS), {}, name=one.name, machine_name="another")


async def test_stop_aborts(tmp_path: Path) -> None:
    async with open_workspace(tmp_path) as workspace:
        running = await workspace.start(load(WAIT), {})
        running.stop("Operator", "enough")
        outcome = await running.result()
        assert (outcome.status, outcome.error, outcome.cause) == ("ABORTED", "Operator", "enough")


async def test_a_stop_asked_of_the_store_arrives(tmp_path: Path) -> None:
    async with open_workspace(tmp_path) as workspace:
        running = await workspace.start(load(WAIT), {})
        with open_workspace(tmp_path) as other:
            assert await asyncio.to_thread(other.stop, running.record, "E", "C")
        assert (await running.result()).status == "ABORTED"


async def test_closing_ends_what_runs(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    async with open_workspace(tmp_path) as workspace:
        running = await workspace.start(load(WAIT), {}, name="cut")
    assert running.done
    assert set(threading.enumerate()) == before
    with open_workspace(tmp_path) as again:
        assert again.find("cut").status == "ABORTED"


async def test_many_executions_run_side_by_side(tmp_path: Path) -> None:
    async with open_workspace(tmp_path) as workspace:
        started = [await workspace.start(load(PASS), number) for number in range(20)]
        outcomes = [await running.result() for running in started]
    assert [outcome.output for outcome in outcomes] == [str(number).encode() for number in range(20)]


async def test_functions_reach_the_workspaces_buckets(tmp_path: Path) -> None:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "keep.py").write_text(
        "import boto3\n"
        "def handler(event, context):\n"
        "    s3 = boto3.client('s3')\n"
        "    s3.create_bucket(Bucket='kept')\n"
        "    s3.put_object(Bucket='kept', Key='a b/é.txt', Body=event['text'].encode())\n"
        "    return s3.get_object(Bucket='kept', Key='a b/é.txt')['Body'].read().decode()\n"
    )
    machine = {
        "StartAt": "K",
        "States": {
            "K": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "keep", "Payload.$": "$"},
                "OutputPath": "$.Payload",
                "End": True,
            }
        },
    }
    async with open_workspace(tmp_path) as workspace:
        running = await workspace.start(load(machine), {"text": "hello"})
        outcome = await running.result()
    assert outcome.output == b'"hello"', outcome.cause
    assert (tmp_path / ".asl-runner" / "s3" / "kept" / "a b" / "é.txt").read_text() == "hello"


async def test_limits_can_be_lifted_by_configuration(tmp_path: Path) -> None:
    big = "x" * 300_000
    async with open_workspace(tmp_path) as workspace:
        with pytest.raises(UsageError, match="at most 262,144"):
            await workspace.start(load(PASS), big)
    async with open_workspace(tmp_path, limits={"payload_bytes": None}) as workspace:
        running = await workspace.start(load(PASS), big)
        assert (await running.result()).status == "SUCCEEDED"


async def test_what_cannot_run_here_is_refused_before_it_starts(tmp_path: Path) -> None:
    machine = {
        "StartAt": "Both",
        "States": {
            "Both": {
                "Type": "Parallel",
                "Branches": [
                    {
                        "StartAt": name,
                        "States": {
                            name: {
                                "Type": "Task",
                                "Resource": "arn:aws:lambda:us-east-1:123456789012:function:nobody",
                                "End": True,
                            }
                        },
                    }
                    for name in ("Left", "Right")
                ],
                "End": True,
            }
        },
    }
    async with open_workspace(tmp_path) as workspace:
        with pytest.raises(UsageError, match="States 'Left', 'Right' cannot run here"):
            await workspace.start(load(machine), {})
    assert not (tmp_path / ".asl-runner" / "workspace.db").exists()


def test_a_workspace_that_is_not_there_has_no_executions(tmp_path: Path) -> None:
    with open_workspace(tmp_path) as workspace:
        assert workspace.executions() == []
        with pytest.raises(NotFound):
            workspace.find("latest")
    assert not (tmp_path / ".asl-runner").exists()


def test_threads_that_ask_together_get_one_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    class Endpoint(LocalAws):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            made.append(self)
            time.sleep(0.05)
            super().__init__(*arguments, **settings)

    monkeypatch.setattr("asl_runner.storage.server.LocalAws", Endpoint)
    local = LocalTarget(Configuration(root=tmp_path, workspace=tmp_path / "w"), tmp_path / "w")
    together = threading.Barrier(4)

    def ask(_: int) -> object:
        together.wait()
        return local.aws

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == set(made)
    assert len(made) == 1
