"""Histories and executions in AWS's own JSON: what GetExecutionHistory and DescribeExecution answer, and back.

Source: botocore's `stepfunctions` model; reference sections 15 and 16.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from asl_runner.errors import UsageError
from asl_runner.history.events import DETAILS_KEYS, PAYLOADS, Event
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.scopes import with_scopes

FIELDS: tuple[str, ...] = (
    "name",
    "index",
    "resourceType",
    "resource",
    "region",
    "parameters",
    "input",
    "output",
    "assignedVariables",
    "timeoutInSeconds",
    "heartbeatInSeconds",
    "taskCredentials",
    "workerName",
    "roleArn",
    "stateMachineAliasArn",
    "stateMachineVersionArn",
    "error",
    "cause",
    "location",
    "state",
    "length",
    "mapRunArn",
    "redriveCount",
)
"""Every field of every event's details, in the order AWS gives them."""

COMPANIONS: dict[str, str] = {
    "input": "inputDetails",
    "output": "outputDetails",
    "assignedVariables": "assignedVariablesDetails",
}
"""Fields that AWS accompanies by one that says whether they were cut off. Here nothing ever is."""

DATA_FIELDS: frozenset[str] = frozenset({"parameters", *COMPANIONS, *COMPANIONS.values()})
"""Fields left out where execution data are not asked for (recorded in logs without them)."""

_PLACES = {field: place for place, field in enumerate(FIELDS)}


def to_aws(event: Event) -> dict[str, Any]:
    """The event as boto3 gives it: `timestamp` an aware datetime of millisecond precision, payloads as JSON text."""
    answer: dict[str, Any] = {
        "timestamp": moment(event.time),
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous,
    }
    key = DETAILS_KEYS[event.type]
    if key is not None:
        answer[key] = _details_to_aws(event.details or {})
    return answer


def history(events: Iterable[Event]) -> Iterator[str]:
    """The text `aws stepfunctions get-execution-history` prints, dates in the machine's time zone, in pieces."""
    yield '{\n    "events": ['
    separator = "\n"
    for event in events:
        text = json.dumps(to_aws(event), indent=4, ensure_ascii=False, default=_iso)
        yield separator + "\n".join(f"        {line}" for line in text.split("\n"))
        separator = ",\n"
    yield "]\n}" if separator == "\n" else "\n    ]\n}"


def from_aws(document: object) -> list[Event]:
    """The events of an answer of GetExecutionHistory, in order of id, their scopes found by `previousEventId`.

    `document` is the answer, `{"events": [...]}`, or the list alone; a `timestamp` may be a datetime, ISO 8601 text, or
    a number of seconds since the epoch. Raises `UsageError` saying which event is wrong and how.
    """
    rows = document.get("events") if isinstance(document, Mapping) else document
    if not isinstance(rows, list):
        raise UsageError('This is not an execution history: expected {"events": [...]} as GetExecutionHistory answers.')
    events = sorted((_event(row, place) for place, row in enumerate(rows)), key=lambda event: event.id)
    for place, event in enumerate(events):
        if event.id != place + 1:
            raise UsageError(
                f"The history is not complete: event {place + 1} is missing or there twice. "
                "GetExecutionHistory answers in pages; join them all."
            )
    return with_scopes(events)


def describe(record: ExecutionRecord) -> dict[str, Any]:
    """The execution as DescribeExecution answers, without its `redriveStatus`, dates as aware datetimes.

    A timed-out execution has no error or cause (recorded).
    """
    answer = list_item(record)
    redrive: dict[str, Any] = {key: answer.pop(key) for key in ("redriveCount", "redriveDate") if key in answer}
    answer["input"] = record.input.decode()
    answer["inputDetails"] = {"included": True}
    if record.output is not None:
        answer["output"] = record.output.decode()
        answer["outputDetails"] = {"included": True}
    if record.status != "TIMED_OUT":
        said = {"error": record.error, "cause": record.cause}
        answer.update({key: text for key, text in said.items() if text is not None})
    return answer | redrive


def list_item(record: ExecutionRecord) -> dict[str, Any]:
    """The execution as ListExecutions lists it, dates as aware datetimes."""
    answer: dict[str, Any] = {
        "executionArn": record.arn,
        "stateMachineArn": record.machine_arn,
        "name": record.name,
        "status": record.status,
        "startDate": moment(record.start),
    }
    if record.stop is not None:
        answer["stopDate"] = moment(record.stop)
    answer["redriveCount"] = record.redrive_count
    if record.redrive_time is not None:
        answer["redriveDate"] = moment(record.redrive_time)
    return answer


def moment(seconds: float) -> datetime:
    """A time of ours as AWS's: UTC, to the millisecond."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def _details_to_aws(details: Mapping[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for field in sorted(details, key=_PLACES.__getitem__):
        value = details[field]
        answer[field] = value.decode() if field in PAYLOADS else value
        if field in COMPANIONS:
            answer[COMPANIONS[field]] = {"truncated": False}
    return answer


def _event(row: object, place: int) -> Event:
    if not isinstance(row, Mapping):
        raise UsageError(f"events[{place}] is not an object.")
    type = row.get("type")
    if type not in DETAILS_KEYS:
        raise UsageError(f"events[{place}].type is {type!r}, which is no event type of Step Functions.")
    for field in ("id", "previousEventId"):
        if not isinstance(row.get(field, 0 if field == "previousEventId" else None), int):
            raise UsageError(f"events[{place}].{field} is {row.get(field)!r}; expected a whole number.")
    key = DETAILS_KEYS[type]
    details = None if key is None else _details_from_aws(row.get(key), f"events[{place}].{key}")
    return Event(row["id"], row.get("previousEventId", 0), _seconds(row, place), type, details)


def _details_from_aws(details: object, where: str) -> dict[str, Any] | None:
    if details is None:
        return None
    if not isinstance(details, Mapping):
        raise UsageError(f"{where} is not an object.")
    kept: dict[str, Any] = {}
    for field, value in details.items():
        if field in COMPANIONS.values():
            continue
        if field not in _PLACES:
            raise UsageError(f"{where}.{field} is no field of an event of Step Functions.")
        if field in PAYLOADS:
            if not isinstance(value, str):
                raise UsageError(f"{where}.{field} is not a string; expected JSON text in a string.")
            value = value.encode()
        if field == "assignedVariables" and not _are_texts(value):
            raise UsageError(f"{where}.{field} is not an object of JSON texts in strings.")
        kept[field] = value
    return kept or None


def _are_texts(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())


def _seconds(row: Mapping[str, Any], place: int) -> float:
    value = row.get("timestamp")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, int | float):
        return float(value)
    raise UsageError(
        f"events[{place}].timestamp is {row.get('timestamp')!r}; expected an ISO 8601 date or seconds since the epoch."
    )


def _iso(value: datetime) -> str:
    return value.astimezone().isoformat()
