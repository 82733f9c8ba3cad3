"""What `--json` prints: the shapes and dates the AWS CLI prints for the same question."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from asl_runner.cli.format import iso_time
from asl_runner.history.records import ExecutionRecord


def outcome_document(record: ExecutionRecord) -> dict[str, Any]:
    """An ended execution: ARN, name, status, dates, output or error and cause.

    Source: the same members of StartSyncExecution's answer; `output` is a JSON text in a string.
    """
    document: dict[str, Any] = {
        "executionArn": record.arn,
        "name": record.name,
        "status": record.status,
        "startDate": iso_time(record.start),
    }
    if record.stop is not None:
        document["stopDate"] = iso_time(record.stop)
    return document | _end(record)


def summary_document(record: ExecutionRecord) -> dict[str, Any]:
    """One element of ListExecutions."""
    document: dict[str, Any] = {
        "executionArn": record.arn,
        "stateMachineArn": record.machine_arn,
        "name": record.name,
        "status": record.status,
        "startDate": iso_time(record.start),
    }
    if record.stop is not None:
        document["stopDate"] = iso_time(record.stop)
    if record.redrive_count:
        document["redriveCount"] = record.redrive_count
        document["redriveDate"] = iso_time(record.redrive_time or record.start)
    return document


def describe_document(record: ExecutionRecord) -> dict[str, Any]:
    """The answer of DescribeExecution.

    Source: botocore's `stepfunctions` model; reference section 16.
    """
    document: dict[str, Any] = {
        "executionArn": record.arn,
        "stateMachineArn": record.machine_arn,
        "name": record.name,
        "status": record.status,
        "startDate": iso_time(record.start),
    }
    if record.stop is not None:
        document["stopDate"] = iso_time(record.stop)
    document["input"] = record.input.decode()
    document["inputDetails"] = {"included": True}
    end = _end(record)
    if "output" in end:
        end["outputDetails"] = {"included": True}
    document |= end
    document["redriveCount"] = record.redrive_count
    if record.redrive_time is not None:
        document["redriveDate"] = iso_time(record.redrive_time)
    if record.status in ("FAILED", "TIMED_OUT", "ABORTED"):
        document["redriveStatus"] = "REDRIVABLE"
    else:
        document["redriveStatus"] = "NOT_REDRIVABLE"
        document["redriveStatusReason"] = f"Execution is {record.status} and cannot be redriven"
    return document


def _end(record: ExecutionRecord) -> dict[str, Any]:
    said = {
        "output": None if record.output is None else record.output.decode(),
        "error": record.error,
        "cause": record.cause,
    }
    return {key: text for key, text in said.items() if text is not None}


def to_json(document: Any) -> str:
    """Indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document), indent=4).decode()


def pretty(text: bytes) -> str:
    """JSON text as it is; indented where a person reads it."""
    return (msgspec.json.format(text, indent=2) if sys.stdout.isatty() else text).decode()


def why(error: str | None, cause: str | None) -> str:
    """`: error: cause` of what is there."""
    return "".join(f": {said}" for said in (error, cause) if said)
