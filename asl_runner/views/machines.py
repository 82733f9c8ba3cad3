"""State machines: those created through the API, and those that executions were run of from files."""

from __future__ import annotations

import sqlite3
from typing import Any

from asl_runner.errors import NotFound
from asl_runner.history.machines import Machines
from asl_runner.history.store import Store


def listed(store: Store) -> list[dict[str, Any]]:
    """Every machine with how many executions it has had and how the last one went, by name."""
    return store.read(_listed)


def _listed(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT machine_arn, machine_name, COUNT(*), MAX(start), SUM(status = 'FAILED' OR status = 'TIMED_OUT'),"
        " SUM(status = 'RUNNING') FROM executions WHERE map_run_arn IS NULL GROUP BY machine_arn"
    ).fetchall()
    found = {
        arn: {"arn": arn, "name": name, "executions": count, "last": last, "failed": failed, "running": running}
        for arn, name, count, last, failed, running in rows
    }
    for record in Machines(connection).machines(None, 10_000):
        none = {"executions": 0, "last": None, "failed": 0, "running": 0}
        found[record.arn] = {**none, **found.get(record.arn, {}), "arn": record.arn, "name": record.name}
        found[record.arn] |= {"created": record.created, "type": record.type}
    return sorted(found.values(), key=lambda one: (one["name"].lower(), one["arn"]))


def machine(store: Store, name: str) -> dict[str, Any]:
    """One machine by name or ARN: its definition as it is, else as its last execution ran it.

    `startable` says whether the API knows it, so that executions can be started by its ARN. Raises `NotFound`.
    """
    found = [one for one in listed(store) if name in (one["name"], one["arn"])]
    if not found:
        raise NotFound(f"No state machine is called {name!r}.")
    chosen = found[0]
    kept = store.read(lambda connection: Machines(connection).machine(chosen["arn"]))
    if kept is not None:
        more = {"definition": kept.definition, "roleArn": kept.role_arn, "startable": True}
        return {**chosen, **more, "example": _example(store, chosen["arn"])}
    [last] = store.executions(machine=chosen["arn"], limit=1)
    more = {"definition": last.definition, "roleArn": last.role_arn, "startable": False}
    return {**chosen, **more, "example": last.input.decode()}


def _example(store: Store, arn: str) -> str:
    """An input to begin with: that of the last execution."""
    last = store.executions(machine=arn, limit=1)
    return last[0].input.decode() if last else "{}"
