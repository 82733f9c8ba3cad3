"""Distributed Maps from an object in S3 to results in S3, against a floor: the same data by a plain Python loop."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.workspace import Workspace
from benchmarks.measure import Row, pair

ITEMS = 5_000


def rows(runs: int) -> Iterator[Row]:
    """One row for each type of child."""
    for children in ("EXPRESS", "STANDARD"):
        with tempfile.TemporaryDirectory() as directory:
            yield _measure(children, runs, Path(directory))


def _measure(children: str, runs: int, directory: Path) -> Row:
    source = directory / "s3" / "data" / "items.json"
    source.parent.mkdir(parents=True)
    source.write_text(json.dumps([{"id": number, "text": "x" * 100} for number in range(ITEMS)]), encoding="utf-8")
    configuration = Configuration(root=directory, workspace=directory)
    machine = load(json.dumps(_machine(children)))

    async def run() -> None:
        async with Workspace(configuration) as workspace:
            running = await workspace.start(machine, {})
            outcome = await running.result()
        details = json.loads(outcome.output or b"{}").get("ResultWriterDetails", {})
        results = source.parent / details["Key"].replace("manifest", "SUCCEEDED_0")
        if len(json.loads(results.read_bytes())) != ITEMS:
            raise AssertionError(f"distributed Map: wrong results {outcome}")

    mine, floor = pair(lambda: asyncio.run(run()), lambda: _floor(source, directory), runs)
    return Row(
        name=f"distributed Map of {ITEMS:,} items, {children} children, S3 to S3",
        count=ITEMS,
        unit="items",
        ours=mine,
        floor=floor,
        floor_is="a Python loop that reads them, keeps a row of each in SQLite, writes a result of each",
        mark="none",
    )


def _machine(children: str) -> dict[str, Any]:
    state = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": "data", "Key": "items.json"},
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": children},
            "StartAt": "P",
            "States": {"P": {"Type": "Pass", "End": True}},
        },
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "data", "Prefix": "out"},
        },
        "End": True,
    }
    return {"StartAt": "M", "States": {"M": state}}


def _floor(source: Path, directory: Path) -> None:
    """Every item a transaction-wide row with its input and output, then a file with both of all."""
    database = directory / "floor.db"
    database.unlink(missing_ok=True)
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE children (id INTEGER PRIMARY KEY, input TEXT, output TEXT)")
    for item in json.loads(source.read_bytes()):
        text = json.dumps(item)
        connection.execute("INSERT INTO children (input, output) VALUES (?, ?)", (text, text))
    connection.commit()
    found = connection.execute("SELECT input, output FROM children ORDER BY id")
    results = [{"Input": input, "Output": output, "Status": "SUCCEEDED"} for input, output in found]
    (directory / "floor.json").write_text(json.dumps(results), encoding="utf-8")
    connection.close()
