"""One execution, and lists of them, in a few fields. Times are seconds since the epoch, data are JSON texts."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from asl_runner.history import statements
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.store import Store

REDRIVABLE = ("FAILED", "TIMED_OUT", "ABORTED")


def item(record: ExecutionRecord, *, orphaned: bool) -> dict[str, Any]:
    """What a list shows."""
    return {
        "arn": record.arn,
        "name": record.name,
        "machine": record.machine_name,
        "machineArn": record.machine_arn,
        "status": record.status,
        "orphaned": orphaned,
        "type": record.type,
        "start": record.start,
        "stop": record.stop,
        "duration": (time.time() if record.stop is None else record.stop) - record.start,
        "events": record.event_count,
        "error": record.error,
        "redrives": record.redrive_count,
    }


def summary(store: Store, record: ExecutionRecord) -> dict[str, Any]:
    """What the head of an execution's page shows."""
    return {
        **item(record, orphaned=store.is_orphaned(record)),
        "cause": record.cause,
        "input": record.input.decode(),
        "output": None if record.output is None else record.output.decode(),
        "redriveTime": record.redrive_time,
        "redrivable": record.status in REDRIVABLE and record.type == "STANDARD" and record.map_run_arn is None,
        "mapRunArn": record.map_run_arn,
        "parent": None if record.map_run_arn is None else store.read(lambda c: _parent(c, record.map_run_arn)),
        "version": record.version_arn,
        "alias": record.alias_arn,
        "stopAsked": record.stop_asked is not None,
    }


def _parent(connection: sqlite3.Connection, map_run: str | None) -> str | None:
    row = connection.execute("SELECT execution_arn FROM map_runs WHERE arn = :arn", {"arn": map_run}).fetchone()
    return None if row is None else str(row[0])


FILTERS = ("machine", "status", "text", "since", "until", "map_run")


def listed(store: Store, filters: dict[str, str], *, after: str | None = None, limit: int = 50) -> dict[str, Any]:
    """A page of the executions that `filters` leave, newest first, and how many of each status there are.

    `machine` is a name, `status` a status, `text` is in the name or the error, `since` and `until` are times of the
    start in seconds since the epoch, `map_run` the ARN of a map run. Children of map runs are only there with that.
    """
    where, parameters = _where(filters)
    counted = f"SELECT executions.status, COUNT(*) FROM executions WHERE {where} GROUP BY executions.status"
    counts = store.read(lambda connection: dict(connection.execute(counted, parameters).fetchall()))
    if filters.get("status"):
        where += " AND executions.status = :status"
        parameters["status"] = filters["status"]
    if after:
        where += f" AND {statements.AFTER}"
        parameters["after"] = after
    query = f"{statements.EXECUTION} WHERE {where} {statements.NEWEST_FIRST} LIMIT :limit"
    parameters["limit"] = limit + 1
    found = store.read(lambda connection: connection.execute(query, parameters).fetchall())
    records = [statements.record(row) for row in found]
    return {
        "executions": [item(record, orphaned=store.is_orphaned(record)) for record in records[:limit]],
        "next": records[limit - 1].arn if len(records) > limit else None,
        "counts": counts,
    }


def _where(filters: dict[str, str]) -> tuple[str, dict[str, Any]]:
    wanted = ["executions.map_run_arn = :map_run" if filters.get("map_run") else "executions.map_run_arn IS NULL"]
    parameters: dict[str, Any] = {name: value for name, value in filters.items() if value and name in FILTERS}
    parameters.pop("status", None)
    if "machine" in parameters:
        wanted.append("executions.machine_name = :machine")
    if "text" in parameters:
        wanted.append("(executions.name LIKE :text ESCAPE '!' OR executions.error LIKE :text ESCAPE '!')")
        escaped = parameters["text"].replace("!", "!!").replace("%", "!%").replace("_", "!_")
        parameters["text"] = f"%{escaped}%"
    for name, sign in (("since", ">="), ("until", "<=")):
        if name in parameters:
            wanted.append(f"executions.start {sign} :{name}")
            parameters[name] = float(parameters[name])
    return " AND ".join(wanted), parameters


def machine_names(store: Store) -> list[str]:
    """The state machines that executions were kept of, by name."""
    query = "SELECT DISTINCT machine_name FROM executions WHERE map_run_arn IS NULL ORDER BY machine_name"
    return [name for (name,) in store.read(lambda connection: connection.execute(query).fetchall())]
