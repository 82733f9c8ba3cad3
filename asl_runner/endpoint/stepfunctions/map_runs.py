"""Map runs: list, describe, update."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from asl_runner.endpoint.stepfunctions.arns import parse_arn
from asl_runner.endpoint.stepfunctions.errors import invalid, no_resource
from asl_runner.endpoint.stepfunctions.kept import kept_execution
from asl_runner.endpoint.stepfunctions.paging import cut_page, decode_token, page_size
from asl_runner.errors import NotFound
from asl_runner.history import map_runs
from asl_runner.history.map_runs import MapRunRecord, Standing
from asl_runner.interpreter.map_runs import MapRunSettings

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions

_COUNTS = {
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "timedOut",
    "ABORTED": "aborted",
}
"""The status of a child to the count it belongs to."""


async def list_map_runs(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """ListMapRuns: those an execution opened, newest first."""
    arn = (await kept_execution(service, request["executionArn"])).arn
    scope = f"map runs of {arn}"
    after = decode_token(scope, request.get("nextToken"))
    size = page_size(request)
    found = service.workspace.writable.read(lambda tables: map_runs.of_execution(tables, arn, after, size + 1))
    return cut_page(found, size, scope, lambda record: (record.start, record.arn), _list_item, "mapRuns")


async def describe_map_run(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeMapRun, with the counts as they are now."""
    arn = parse_arn(request["mapRunArn"], "mapRun").text

    def find(tables: sqlite3.Connection) -> tuple[MapRunRecord, list[Standing]]:
        return _required(tables, arn), map_runs.standings(tables, arn)

    record, standings = service.workspace.writable.read(find)
    answer = {
        "mapRunArn": record.arn,
        "executionArn": record.execution_arn,
        "status": record.status,
        "startDate": record.start,
        "maxConcurrency": record.max_concurrency,
        "toleratedFailurePercentage": float(record.tolerated_percentage or 0),
        "toleratedFailureCount": record.tolerated_count or 0,
        "itemCounts": _counts(record, record.items, ((one.status, one.items) for one in standings)),
        "executionCounts": _counts(record, record.executions, ((one.status, one.executions) for one in standings)),
        "redriveCount": record.redrive_count,
    }
    if record.stop is not None:
        answer["stopDate"] = record.stop
    if record.redrive_time is not None:
        answer["redriveDate"] = record.redrive_time
    return answer


def _counts(record: MapRunRecord, total: int, standings: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Children not begun yet are pending; once the map run has ended nothing is, and they count as aborted."""
    counts = {"pending": 0, **dict.fromkeys(_COUNTS.values(), 0), "total": total}
    for status, count in standings:
        counts[_COUNTS.get(status, "pending")] += count
    ended = sum(counts[name] for name in ("succeeded", "failed", "timedOut", "aborted"))
    left = total - sum(counts[name] for name in ("pending", *_COUNTS.values()))
    counts["pending" if record.status == "RUNNING" else "aborted"] += left
    counts["resultsWritten"] = ended if record.results_written else 0
    return counts


async def update_map_run(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """UpdateMapRun. What the request is silent about stays; one that has ended cannot be changed."""
    arn = parse_arn(request["mapRunArn"], "mapRun").text
    if not any(key in request for key in ("maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage")):
        raise invalid(
            "Must provide a value for at least one of maxConcurrency, toleratedFailureCount or "
            "toleratedFailurePercentage"
        )
    service.workspace.writable.read(lambda tables: _required(tables, arn))
    live = service.workspace.map_run(arn)
    if live is None:
        raise invalid(f"Map Run is not running: '{arn}'")
    now = live.settings
    await live.update(
        MapRunSettings(
            request.get("maxConcurrency", now.max_concurrency),
            request.get("toleratedFailureCount", now.tolerated_failure_count),
            request.get("toleratedFailurePercentage", now.tolerated_failure_percentage),
        )
    )
    return {}


def require_map_run(service: StepFunctions, text: str) -> None:
    """Raises `ServiceError` InvalidArn or ResourceNotFound."""
    arn = parse_arn(text, "mapRun").text
    service.workspace.writable.read(lambda tables: _required(tables, arn))


def _required(tables: sqlite3.Connection, arn: str) -> MapRunRecord:
    """Raises `ServiceError` ResourceNotFound."""
    try:
        return map_runs.by_arn(tables, arn)
    except NotFound:
        raise no_resource(arn) from None


def _list_item(record: MapRunRecord) -> dict[str, Any]:
    item = {
        "executionArn": record.execution_arn,
        "mapRunArn": record.arn,
        "stateMachineArn": record.machine_arn,
        "startDate": record.start,
    }
    return item if record.stop is None else {**item, "stopDate": record.stop}


OPERATIONS: dict[str, Operation] = {
    "ListMapRuns": list_map_runs,
    "DescribeMapRun": describe_map_run,
    "UpdateMapRun": update_map_run,
}
"""This family's operations, by name in the model."""
