"""What `--json` prints: the shapes and dates the AWS CLI prints for the same question."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from asl_runner.history.records import ExecutionRecord

OUTCOME = ("executionArn", "name", "status", "startDate", "stopDate", "output", "error", "cause")
"""What `run --json` prints of DescribeExecution's members; `output` is JSON text in a string."""


def outcome_document(record: ExecutionRecord) -> dict[str, Any]:
    """An ended execution: ARN, name, status, dates, output or error and cause."""
    from asl_runner.history.interchange import describe

    described = describe(record)
    return {key: described[key] for key in OUTCOME if key in described}


def to_json(document: Any) -> str:
    """Indented JSON; dates as the AWS CLI prints them, in the machine's time zone."""
    import json

    return json.dumps(document, indent=4, ensure_ascii=False, default=lambda moment: moment.astimezone().isoformat())


def pretty(text: bytes) -> str:
    """JSON text as it is; indented where a person reads it."""
    return (msgspec.json.format(text, indent=2) if sys.stdout.isatty() else text).decode()
