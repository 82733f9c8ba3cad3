"""Histories as snapshots: what is the same in every run of the same machine on the same input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asl_runner.testing.run import Run

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_TOKEN = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{160,}={0,2}")


def masked(run: Run) -> list[dict[str, Any]]:
    """The events as boto3 gives them without their times; names, ids, times and tokens inside texts replaced."""
    return [
        {key: masked_value(value, run.record.name) for key, value in event.items() if key != "timestamp"}
        for event in run.events
    ]


def masked_value(value: Any, name: str) -> Any:
    """A value with the name of its execution, ids, times and task tokens replaced in its texts."""
    if isinstance(value, dict):
        return {key: masked_value(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [masked_value(item, name) for item in value]
    if not isinstance(value, str):
        return value
    text = value.replace(name, "<name>")
    return _TOKEN.sub("<token>", _TIME.sub("<time>", _UUID.sub("<uuid>", text)))
