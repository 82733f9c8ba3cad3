"""The interpreter with its journal, against a floor: what the same number of events costs plain Python."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from asl_runner.definition import load
from asl_runner.definition.model import StateMachine
from asl_runner.expressions.environment import Json
from asl_runner.history.journal import MemoryJournal
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.store import Store
from asl_runner.interpreter.clocks import RealClock
from asl_runner.interpreter.execution import Execution, Outcome
from asl_runner.interpreter.limits import Limits
from asl_runner.interpreter.ports import ExecutionInfo, Ports, TaskCall
from benchmarks.machines import ALL, Workload
from benchmarks.measure import Row, pair

ARN = "arn:aws:states:us-east-1:123456789012:execution:m"


class NoTasks:
    """None of the machines here has a Task."""

    async def call(self, call: TaskCall) -> Json:
        """Never called."""
        raise AssertionError(call.state)


def rows(runs: int) -> Iterator[Row]:
    """One row per workload."""
    for workload in ALL:
        with tempfile.TemporaryDirectory() as directory:
            yield _measure(workload, runs, Path(directory))


def _measure(workload: Workload, runs: int, directory: Path) -> Row:
    store = Store.open(directory / "workspace.db")
    machine = load(json.dumps(workload.definition))
    count = 0

    def ours() -> None:
        nonlocal count
        count += 1
        asyncio.run(execute(machine, workload, str(count), store))

    ours()
    events = store.event_count(f"{ARN}:1")
    mine, floor = pair(ours, lambda: _floor(events), runs)
    store.close()
    return Row(
        name=workload.name,
        count=workload.count,
        unit=workload.unit,
        ours=mine,
        floor=floor,
        floor_is=f"a Python loop that makes and encodes as many events ({events:,})",
        mark=workload.mark,
    )


async def execute(machine: StateMachine, workload: Workload, name: str, store: Store | None) -> None:
    """Runs one execution to its end, kept in the store, or without one in memory only."""
    info = ExecutionInfo(
        arn=f"{ARN}:{name}",
        name=name,
        state_machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:m",
        state_machine_name="m",
        role_arn="arn:aws:iam::123456789012:role/r",
        region="us-east-1",
        start_time=0.0,
    )
    if store is not None:
        store.create_execution(record_of(info.arn, machine.source))
    journal = MemoryJournal() if store is None else store.journal(info.arn)
    ports = Ports(clock=RealClock(), journal=journal, tasks=NoTasks(), seed="0")
    unlimited = Limits(history_events=None, payload_bytes=None)
    outcome: Outcome = await Execution(machine, workload.input, info, ports, limits=unlimited).run()
    if outcome.output is None or json.loads(outcome.output) != workload.output:
        raise AssertionError(f"{workload.name}: wrong output {outcome}")


def record_of(arn: str, definition: str) -> ExecutionRecord:
    """An execution about to start."""
    return ExecutionRecord(
        arn=arn,
        name=arn.rpartition(":")[2],
        machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:m",
        machine_name="m",
        definition=definition,
        input=b"{}",
        start=0.0,
    )


def _floor(events: int) -> None:
    """As many events as dictionaries, each with a small payload encoded, kept in a list and then written as text."""
    encode = msgspec.json.encode
    kept: list[dict[str, Any]] = []
    data = {"i": 0, "label": "x"}
    for id in range(events):
        data = {"i": id, "label": data["label"]}
        kept.append({"id": id, "previous": id - 1, "type": "PassStateEntered", "name": "Step", "input": encode(data)})
    encode(kept)
