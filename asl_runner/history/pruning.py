"""Taking ended executions out of the workspace's database: which, with what belongs to them, and the room it gives.

One is taken whole, with its map runs and their children, in one transaction, however large: no kill leaves half of
it. Whether it has ended is asked in that very transaction, so none is taken that has been redriven meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from asl_runner.errors import WorkspaceError
from asl_runner.history import ownership
from asl_runner.history.database import explained, open_writable

BATCH = 500
"""Rows of `executions` after which a transaction ends with the execution it is at, so that others get their turn."""

_CHUNK = 500
"""Keys named in one statement."""


class Selection(Struct, frozen=True, kw_only=True):
    """Which executions: ended before `before` (seconds since the epoch), and what more is said."""

    before: float
    statuses: tuple[str, ...] = ()
    """Of these statuses; all if there are none."""
    machine: str | None = None
    """Of the state machine of this name or ARN."""
    spared: frozenset[str] = frozenset()
    """ARNs of executions that something else refers to."""


class Pruned(Struct, kw_only=True):
    """What was taken, or would be."""

    names: list[str] = []
    """Names of the executions, in the order in which they ended."""
    children: int = 0
    """Executions that their map runs had started."""
    map_runs: int = 0
    history_bytes: int = 0
    """Of events, as they are kept."""

    def add(self, other: Pruned) -> None:
        """Counts another one in."""
        self.names += other.names
        self.children += other.children
        self.map_runs += other.map_runs
        self.history_bytes += other.history_bytes


class _Family(Struct):
    """An execution with its descendants, by key and ARN, and its map runs by ARN."""

    name: str
    keys: list[int]
    arns: list[str]
    map_runs: list[str]


def survey(connection: sqlite3.Connection, selection: Selection) -> Pruned:
    """What `prune` would take, by now."""
    found = Pruned()
    for key, arn, name in _ended(connection, selection):
        found.add(_measured(connection, _family(connection, key, arn, name)))
    return found


def prune(connection: sqlite3.Connection, selection: Selection) -> Pruned:
    """Takes so many as are to be taken in one transaction, those that ended first; none when none are left."""
    taken = Pruned()
    for key, arn, name in _ended(connection, selection, BATCH + len(selection.spared)):
        family = _family(connection, key, arn, name)
        taken.add(_measured(connection, family))
        _delete(connection, family)
        if len(taken.names) + taken.children >= BATCH:
            break
    return taken


def remove(connection: sqlite3.Connection, key: int, arn: str) -> None:
    """Takes one execution, inside the transaction under way. It must have ended."""
    _delete(connection, _family(connection, key, arn, ""))


def forget_definitions(connection: sqlite3.Connection, owners: Path) -> bool:
    """Removes definitions nothing refers to; false, and nothing done, while some process runs executions here.

    Such a process remembers which definitions there are. It holds its lock before it does: one that comes after this
    transaction finds them gone.
    """
    if ownership.any_alive(owners):
        return False
    connection.execute(
        "DELETE FROM definitions WHERE id NOT IN (SELECT definition FROM executions)"
        " AND id NOT IN (SELECT definition FROM machines) AND id NOT IN (SELECT definition FROM versions)"
        " AND id NOT IN (SELECT definition FROM former_definitions)"
    )
    return True


def shrink(path: Path) -> bool:
    """Gives the room of what was taken back to the disk, for which it needs as much as is left for a while.

    False, and nothing changed, where the disk does not have that. Others who write wait meanwhile, those who read do
    not. Raises `WorkspaceError`.
    """
    connection = open_writable(path, "normal")
    try:
        with explained(path):
            if connection.execute("PRAGMA freelist_count").fetchone()[0]:
                connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except WorkspaceError as failure:
        if getattr(failure.__cause__, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_FULL:
            raise
        return False
    finally:
        connection.close()
    return True


def _ended(connection: sqlite3.Connection, selection: Selection, most: int = -1) -> list[tuple[int, str, str]]:
    """Key, ARN and name of each, those that ended first at the front; children go with their parents.

    Of no more than `most`, the spared ones included; of all if that is negative.
    """
    wanted = ["stop < :before", "status <> 'RUNNING'", "map_run_arn IS NULL"]
    parameters = {"before": selection.before, "machine": selection.machine, "most": most}
    if selection.machine is not None:
        wanted.append("machine_arn = :machine" if selection.machine.startswith("arn:") else "machine_name = :machine")
    if selection.statuses:
        parameters |= {f"status{place}": status for place, status in enumerate(selection.statuses)}
        wanted.append(f"status IN ({', '.join(f':status{place}' for place in range(len(selection.statuses)))})")
    query = f"SELECT id, arn, name FROM executions WHERE {' AND '.join(wanted)} ORDER BY stop, id LIMIT :most"
    return [row for row in connection.execute(query, parameters) if row[1] not in selection.spared]


def _family(connection: sqlite3.Connection, key: int, arn: str, name: str) -> _Family:
    """The execution with all its map runs have started, at any depth."""
    family = _Family(name, [key], [arn], [])
    parents = [arn]
    while parents:
        runs = [row[0] for row in _rows(connection, "SELECT arn FROM map_runs WHERE execution_arn", parents)]
        children = _rows(connection, "SELECT id, arn FROM executions WHERE map_run_arn", runs)
        parents = [child for _, child in children]
        family.map_runs += runs
        family.keys += [key for key, _ in children]
        family.arns += parents
    return family


def _measured(connection: sqlite3.Connection, family: _Family) -> Pruned:
    sizes = _rows(connection, "SELECT COALESCE(SUM(LENGTH(events)), 0) FROM segments WHERE execution", family.keys)
    return Pruned(
        names=[family.name],
        children=len(family.keys) - 1,
        map_runs=len(family.map_runs),
        history_bytes=sum(size for (size,) in sizes),
    )


def _delete(connection: sqlite3.Connection, family: _Family) -> None:
    for table in ("segments", "former_definitions", "redrive_inputs"):
        _rows(connection, f"DELETE FROM {table} WHERE execution", family.keys)
    _rows(connection, "DELETE FROM map_runs WHERE arn", family.map_runs)
    _rows(connection, "DELETE FROM tags WHERE resource", family.arns)
    _rows(connection, "DELETE FROM executions WHERE id", family.keys)


def _rows(connection: sqlite3.Connection, statement: str, keys: Sequence[int] | Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows of a statement that ends where `IN (keys)` is to follow."""
    found: list[tuple[Any, ...]] = []
    for first in range(0, len(keys), _CHUNK):
        some = keys[first : first + _CHUNK]
        found += connection.execute(f"{statement} IN ({', '.join('?' * len(some))})", some)
    return found
