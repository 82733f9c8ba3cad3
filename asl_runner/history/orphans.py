"""Ending an execution whose process is gone."""

from __future__ import annotations

import sqlite3
from typing import Any

from asl_runner.history import map_runs, segments, statements
from asl_runner.history.events import Event
from asl_runner.history.scopes import ROOT


def abort(
    connection: sqlite3.Connection, arn: str, stop: float, error: str | None = None, cause: str | None = None
) -> bool:
    """Records `ExecutionAborted` and the status ABORTED at `stop`; False, and nothing done, if it is not RUNNING."""
    row = connection.execute(statements.RUNNING_KEY, {"arn": arn}).fetchone()
    if row is None:
        return False
    last = connection.execute(statements.SEGMENTS_DOWN, {"execution": row[0], "last": 1 << 62, "limit": 1}).fetchone()
    events = [] if last is None else segments.decode(last[2])
    details: dict[str, Any] = {key: said for key, said in (("error", error), ("cause", cause)) if said is not None}
    id = events[-1].id + 1 if events else 1
    end = Event(id, _previous(events), stop, "ExecutionAborted", details or None)
    for first, final, blob in segments.encode([end]):
        parameters = {"execution": row[0], "first": first, "last": final, "events": blob}
        connection.execute(statements.ADD_SEGMENT, parameters)
    ended = {"arn": arn, "status": "ABORTED", "stop": stop, "output": None, "error": error, "cause": cause}
    connection.execute(statements.FINISH, ended)
    abort_map_runs(connection, arn, stop)
    return True


def abort_map_runs(connection: sqlite3.Connection, arn: str, stop: float) -> None:
    """Ends the map runs of an execution that nobody runs any more, with their children."""
    for map_run in map_runs.abort_open(connection, arn, stop):
        abort_children(connection, map_run, stop)


def abort_children(connection: sqlite3.Connection, map_run: str, stop: float) -> None:
    """Ends the children of a map run that still count as running when it has ended: nobody runs them."""
    for child in map_runs.running_children(connection, map_run):
        abort(connection, child, stop)


def _previous(events: list[Event]) -> int:
    """What an abort follows: the machine's last event, or, if that entered a state, the one before (recorded)."""
    for event in reversed(events):
        if event.scope == ROOT:
            return event.previous if event.type.endswith("StateEntered") else event.id
    return events[-1].id if events else 0
