"""Small definitions for the tests, and where the shared collections of real ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"
REPOSITORY = Path(__file__).resolve().parents[2]


def shared(folder: str) -> Path:
    """A folder of the shared collections; the module is skipped where it is not there."""
    path = SHARED / folder
    if not path.is_dir():
        pytest.skip(f"no shared {folder} beside the repository", allow_module_level=True)
    return path


def machine(states: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A definition of these states that starts with the first one."""
    return {"StartAt": next(iter(states), "A"), "States": states, **fields}


def one(state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A definition with one state `S`, which ends it unless it says where it goes."""
    moves = {"Next", "End"} & state.keys() or state.get("Type") in ("Choice", "Succeed", "Fail")
    return machine({"S": state if moves else {**state, "End": True}}, **fields)


def task(**fields: Any) -> dict[str, Any]:
    """A Task state with these fields."""
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", **fields}


def each(**fields: Any) -> dict[str, Any]:
    """A Map state with these fields and a processor of one Pass state."""
    config = fields.pop("ProcessorConfig", None)
    processor = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    if config is not None:
        processor["ProcessorConfig"] = config
    return {"Type": "Map", "ItemProcessor": processor, **fields}
