"""The memory of a distributed Map does not grow with its items."""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
from pathlib import Path
from typing import Any

from test_map_runs import PASS, distributed

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.workspace import Workspace

FEW, MANY = 600, 2_400
"""So many that what waits to be written, some hundred children at most however slow the disk, is little beside them."""

ITEM = 8_000
"""Bytes of an item."""

ALLOWED = 0.4
"""What more items may need, as a part of what they weigh: nothing, but for the moment at which it is looked."""


def machine(reader: dict[str, Any]) -> dict[str, Any]:
    return distributed(
        PASS,
        children="EXPRESS",
        MaxConcurrency=20,
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": reader,
            "Parameters": {"Bucket": "data", "Key.$": "$.key"},
        },
        ResultWriter={
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "data", "Prefix": "out"},
        },
    )


async def peak(workspace: Workspace, definition: dict[str, Any], items: int) -> int:
    """Bytes that the run of a map over so many items needed at most, beyond what there was before."""
    row = json.dumps({"text": "x" * ITEM})
    key = f"{items}.json"
    workspace.local.buckets.put("data", key, f"[{','.join([row] * items)}]".encode(), create=True)
    parsed = load(definition)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    running = await workspace.start(parsed, {"key": key}, machine_name="sm", clock="virtual")
    outcome = await running.result()
    assert outcome.status == "SUCCEEDED"
    manifest = json.loads(
        workspace.local.buckets.path(
            "data", json.loads(outcome.output or b"")["ResultWriterDetails"]["Key"]
        ).read_bytes()
    )
    (file,) = manifest["ResultFiles"]["SUCCEEDED"]
    assert file["Size"] > items * ITEM
    return tracemalloc.get_traced_memory()[1] - before


def test_four_times_the_items_need_no_more_memory(tmp_path: Path) -> None:
    async def measured() -> tuple[int, int]:
        async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / "w")) as workspace:
            definition = machine({"InputType": "JSON"})
            await peak(workspace, definition, 100)
            return await peak(workspace, definition, FEW), await peak(workspace, definition, MANY)

    tracemalloc.start()
    try:
        few, many = asyncio.run(measured())
    finally:
        tracemalloc.stop()
    assert many - few < ALLOWED * (MANY - FEW) * ITEM, f"{few:,} bytes for {FEW:,} items, {many:,} for {MANY:,}"
