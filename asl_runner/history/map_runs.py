"""The map runs of distributed Maps, as the workspace's database keeps them.

How the children of a map run stand is counted in their own records, so it is right at any time, also after a crash.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct, structs

from asl_runner.errors import NotFound
from asl_runner.history import statements
from asl_runner.history.records import ExecutionRecord


class MapRunRecord(Struct, frozen=True, kw_only=True):
    """One map run. Times are seconds since the epoch."""

    arn: str
    execution_arn: str
    machine_arn: str
    """The ARN of the state machine with the label: what its children run."""
    status: str
    start: float
    stop: float | None = None
    max_concurrency: int
    tolerated_count: int | None
    tolerated_percentage: float | None
    items: int
    """How many items it has in all."""
    executions: int
    """How many child executions it has in all, begun or not."""
    redrive_count: int = 0
    redrive_time: float | None = None
    results_written: bool = False
    """Whether the results were exported, or given to the state."""


class Standing(Struct, frozen=True):
    """How many children of a map run have a status, and how many items they stand for."""

    status: str
    executions: int
    items: int


_FIELDS = ", ".join(MapRunRecord.__struct_fields__)
_VALUES = ", ".join(f":{field}" for field in MapRunRecord.__struct_fields__)


def add(connection: sqlite3.Connection, record: MapRunRecord) -> None:
    """Adds a new one."""
    connection.execute(f"INSERT INTO map_runs ({_FIELDS}) VALUES ({_VALUES})", structs.asdict(record))


class ChildRecord(Struct, frozen=True):
    """What a map run that goes on needs to know of a child."""

    arn: str
    status: str
    output: bytes | None


def grow(connection: sqlite3.Connection, arn: str, items: int, executions: int) -> None:
    """Records that it has at least so many of both."""
    connection.execute(
        "UPDATE map_runs SET items = :items, executions = :executions WHERE arn = :arn",
        {"arn": arn, "items": items, "executions": executions},
    )


def ended_children(connection: sqlite3.Connection, arn: str) -> Iterator[ExecutionRecord]:
    """Its children that have ended, in the order of their items, read as they are asked for."""
    # Children lie close together in the table: going through it from the first of them needs no sorting.
    first = connection.execute("SELECT MIN(id) FROM executions WHERE map_run_arn = :arn", {"arn": arn}).fetchone()[0]
    rows = connection.execute(
        f"{statements.EXECUTION} WHERE executions.id >= :first AND +map_run_arn = :arn AND stop IS NOT NULL"
        " ORDER BY executions.id",
        {"arn": arn, "first": first or 0},
    )
    return map(statements.record, rows)


def children(connection: sqlite3.Connection, arn: str) -> list[ChildRecord]:
    """The children begun so far, in the order of their items, in which they are begun."""
    rows = connection.execute(
        "SELECT arn, status, output FROM executions WHERE map_run_arn = :arn ORDER BY id", {"arn": arn}
    )
    return [ChildRecord(*row) for row in rows]


def redrive(connection: sqlite3.Connection, arn: str, time: float) -> MapRunRecord:
    """Has one go on; gives what is then kept of it. Raises `NotFound`."""
    connection.execute(
        "UPDATE map_runs SET status = 'RUNNING', stop = NULL, results_written = 0, redrive_count = redrive_count + 1,"
        " redrive_time = :time WHERE arn = :arn",
        {"arn": arn, "time": time},
    )
    return by_arn(connection, arn)


def end(connection: sqlite3.Connection, arn: str, status: str, stop: float, *, written: bool) -> None:
    """Records how one ended, and whether its results were handed over."""
    connection.execute(
        "UPDATE map_runs SET status = :status, stop = :stop, results_written = :written WHERE arn = :arn",
        {"arn": arn, "status": status, "stop": stop, "written": written},
    )


def change(
    connection: sqlite3.Connection, arn: str, max_concurrency: int, count: int | None, percentage: float | None
) -> None:
    """Records new settings of one."""
    connection.execute(
        "UPDATE map_runs SET max_concurrency = :max_concurrency, tolerated_count = :count,"
        " tolerated_percentage = :percentage WHERE arn = :arn",
        {"arn": arn, "max_concurrency": max_concurrency, "count": count, "percentage": percentage},
    )


def by_arn(connection: sqlite3.Connection, arn: str) -> MapRunRecord:
    """The one with this ARN. Raises `NotFound`."""
    row = connection.execute(f"SELECT {_FIELDS} FROM map_runs WHERE arn = :arn", {"arn": arn}).fetchone()
    if row is None:
        raise NotFound(f"There is no map run {arn}")
    return _record(row)


def of_execution(
    connection: sqlite3.Connection, execution_arn: str, after: tuple[float, str] | None, limit: int
) -> list[MapRunRecord]:
    """Those an execution opened, newest first; `after` is the start and the ARN of the last one seen."""
    start, arn = after or (float("inf"), "")
    rows = connection.execute(
        f"SELECT {_FIELDS} FROM map_runs WHERE execution_arn = :execution"
        " AND (start < :start OR (start = :start AND arn > :arn)) ORDER BY start DESC, arn LIMIT :limit",
        {"execution": execution_arn, "start": start, "arn": arn, "limit": limit},
    )
    return [_record(row) for row in rows]


def _record(row: Sequence[Any]) -> MapRunRecord:
    fields = dict(zip(MapRunRecord.__struct_fields__, row, strict=True))
    return MapRunRecord(**{**fields, "results_written": bool(fields["results_written"])})


def standings(connection: sqlite3.Connection, arn: str) -> list[Standing]:
    """How the children begun so far stand, by status."""
    rows = connection.execute(
        "SELECT status, COUNT(*), SUM(item_count) FROM executions WHERE map_run_arn = :arn GROUP BY status",
        {"arn": arn},
    )
    return [Standing(*row) for row in rows]


def running_children(connection: sqlite3.Connection, arn: str) -> list[str]:
    """The ARNs of its children that count as running."""
    # By status: few executions of a workspace run, while a map run may have a million children.
    rows = connection.execute(
        "SELECT arn FROM executions WHERE status = 'RUNNING' AND +map_run_arn = :arn ORDER BY id", {"arn": arn}
    )
    return [child for (child,) in rows]


def abort_open(connection: sqlite3.Connection, execution_arn: str, stop: float) -> list[str]:
    """Ends the map runs of an execution that were under way when its process ended; gives their ARNs."""
    rows = connection.execute(
        "SELECT arn FROM map_runs WHERE execution_arn = :arn AND status = 'RUNNING'", {"arn": execution_arn}
    )
    open_ = [arn for (arn,) in rows]
    connection.execute(
        "UPDATE map_runs SET status = 'ABORTED', stop = :stop WHERE execution_arn = :arn AND status = 'RUNNING'",
        {"arn": execution_arn, "stop": stop},
    )
    return open_
