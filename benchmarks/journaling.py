"""What the journal costs: the same executions kept with each durability, against the same with nothing kept."""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.history.database import Durability
from asl_runner.history.events import Event
from asl_runner.history.store import Store
from asl_runner.workspace import Workspace
from benchmarks.interpreting import ARN, execute, record_of
from benchmarks.machines import ALL, Workload
from benchmarks.measure import Row, pair

EXECUTIONS = 1_000
AT_ONCE = 100
COMMITS = 500
DURABILITIES: tuple[Durability, ...] = ("normal", "full")
NOTHING_KEPT = "the same with its history in memory only"


def rows(runs: int) -> Iterator[Row]:
    """Each workload with each durability."""
    for workload in (each for each in ALL if each.name.startswith(("loop of", "inline Map"))):
        for durability in DURABILITIES:
            with tempfile.TemporaryDirectory() as directory:
                yield _one(workload, durability, runs, Path(directory))
    for durability in DURABILITIES:
        with tempfile.TemporaryDirectory() as directory:
            yield _many(durability, runs, Path(directory))
    with tempfile.TemporaryDirectory() as directory:
        yield _commits(runs, Path(directory))


def _one(workload: Workload, durability: Durability, runs: int, directory: Path) -> Row:
    machine = load(json.dumps(workload.definition))
    numbers = itertools.count()
    with Store.open(directory / "workspace.db", durability=durability) as store:
        ours, floor = pair(
            lambda: asyncio.run(execute(machine, workload, str(next(numbers)), store)),
            lambda: asyncio.run(execute(machine, workload, "memory", None)),
            runs,
        )
    return Row(
        name=f"{workload.name}, {durability}",
        count=workload.count,
        unit=workload.unit,
        ours=ours,
        floor=floor,
        floor_is=NOTHING_KEPT,
        mark=workload.mark,
    )


def _many(durability: Durability, runs: int, directory: Path) -> Row:
    """Executions of ten Pass states, a hundred at a time, in one process; the floor is one after the other."""
    given = {"id": 7}
    workload = Workload(
        name="ten states", definition=_ten_states(), input=given, output=given, count=10, unit="states", mark="none"
    )
    machine = load(json.dumps(workload.definition))
    configuration = Configuration(root=directory, workspace=directory, durability=durability)

    async def one(workspace: Workspace) -> None:
        running = await workspace.start(machine, workload.input)
        outcome = await running.result()
        if outcome.output is None or json.loads(outcome.output) != workload.output:
            raise AssertionError(f"ten states: wrong output {outcome}")

    async def all_of_them() -> None:
        async with Workspace(configuration) as workspace:
            for _ in range(EXECUTIONS // AT_ONCE):
                await asyncio.gather(*(one(workspace) for _ in range(AT_ONCE)))

    async def in_memory() -> None:
        for _ in range(EXECUTIONS):
            await execute(machine, workload, "memory", None)

    ours, floor = pair(lambda: asyncio.run(all_of_them()), lambda: asyncio.run(in_memory()), runs)
    return Row(
        name=f"{EXECUTIONS:,} executions of ten states, {AT_ONCE} at a time, {durability}",
        count=EXECUTIONS,
        unit="executions",
        ours=ours,
        floor=floor,
        floor_is="as many one after the other, in memory only",
        mark="2,500/s",
    )


def _commits(runs: int, directory: Path) -> Row:
    """What a Task waits for before it goes out, again and again: nothing else is under way that it could share."""
    stores = {kind: Store.open(directory / f"{kind}.db", durability=kind) for kind in DURABILITIES}
    numbers = itertools.count()

    async def commit(kind: Durability) -> None:
        arn = f"{ARN}:{next(numbers)}"
        stores[kind].create_execution(record_of(arn, "{}"))
        journal = stores[kind].journal(arn)
        for number in range(1, COMMITS + 1):
            journal.append([Event(number, number - 1, 0.0, "TaskScheduled", {"resource": "f"})])
            await journal.commit()

    ours, floor = pair(lambda: asyncio.run(commit("full")), lambda: asyncio.run(commit("normal")), runs)
    for store in stores.values():
        store.close()
    return Row(
        name=f"{COMMITS} commits one after the other, full",
        count=COMMITS,
        unit="commits",
        ours=ours,
        floor=floor,
        floor_is="the same with normal",
        mark="none",
    )


def _ten_states() -> dict[str, Any]:
    names = [f"State{number}" for number in range(10)]
    states: dict[str, Any] = {name: {"Type": "Pass", "Next": following} for name, following in pairwise(names)}
    return {"StartAt": names[0], "States": states | {names[-1]: {"Type": "Pass", "End": True}}}
