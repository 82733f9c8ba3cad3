"""What is refused before an execution starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.errors import UsageError
from asl_runner.workspace import Workspace


def mapping(name: str, inner: dict[str, Any], **config: Any) -> dict[str, Any]:
    """A scope of one Map state."""
    return {"StartAt": name, "States": {name: {"Type": "Map", "ItemProcessor": {**config, **inner}, "End": True}}}


def passing(name: str) -> dict[str, Any]:
    return {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}


async def test_distributed_maps_are_refused_by_name_before_anything_starts(tmp_path: Path) -> None:
    distributed = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    machine = mapping("Outer", mapping("In", passing("A"), **distributed))
    branch = mapping("Deep", passing("B"), **distributed)
    machine["States"]["Outer"] |= {"Next": "Both"}
    del machine["States"]["Outer"]["End"]
    machine["States"]["Both"] = {"Type": "Parallel", "Branches": [branch], "End": True}
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        with pytest.raises(UsageError, match=r"States 'In', 'Deep' cannot run here.*DISTRIBUTED"):
            await workspace.start(load(machine), {})
        assert workspace.executions() == []
