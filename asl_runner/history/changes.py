"""What the writer's thread does to executions: add one, record its end, make one run again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import structs

from asl_runner.errors import NotFound, UsageError
from asl_runner.history import former, orphans, segments, statements
from asl_runner.history.records import ExecutionExists, ExecutionRecord

if TYPE_CHECKING:
    from asl_runner.history.events import Event
    from asl_runner.history.writer import Writer

REMEMBERED = 1024
"""Keys remembered to save looking them up."""


def addition(writer: Writer, record: ExecutionRecord) -> Callable[[sqlite3.Connection], ExecutionRecord]:
    """Adds an execution; `ExecutionExists` when the ARN is taken."""
    parameters = structs.asdict(record)

    def add(connection: sqlite3.Connection) -> ExecutionRecord:
        parameters["definition"] = _definition(writer.definitions, connection, record.definition)
        added = connection.execute(statements.CREATE, parameters)
        if added.rowcount == 0:
            raise ExecutionExists(f"Execution Already Exists: '{record.arn}'")
        if len(writer.keys) >= REMEMBERED:
            writer.keys.clear()
        writer.keys[record.arn] = int(added.lastrowid or 0)
        return record

    return add


def restarting(writer: Writer, record: ExecutionRecord, old: str) -> Callable[[sqlite3.Connection], ExecutionRecord]:
    """Puts an Express child of a map run in the place of the one with ARN `old`, whose history is given up."""
    parameters = {**structs.asdict(record), "old": old}

    def restart(connection: sqlite3.Connection) -> ExecutionRecord:
        parameters["definition"] = _definition(writer.definitions, connection, record.definition)
        connection.execute(statements.FORGET_EVENTS, {"arn": old})
        connection.execute(statements.RESTART, parameters)
        return record

    return restart


def importing(
    writer: Writer, record: ExecutionRecord, events: Sequence[Event], *, replace: bool
) -> Callable[[sqlite3.Connection], None]:
    """Adds an execution that has ended with its whole history, in the place of the one with its ARN if `replace`.

    `ExecutionExists` when the ARN is taken, `UsageError` when what is to be replaced still runs.
    """
    add = addition(writer, record)
    blobs = list(segments.encode(events))

    def put(connection: sqlite3.Connection) -> None:
        if replace:
            _remove(connection, record.arn)
        add(connection)
        key = writer.keys.pop(record.arn)
        for first, last, blob in blobs:
            parameters = {"execution": key, "first": first, "last": last, "events": blob}
            connection.execute(statements.ADD_SEGMENT, parameters)

    return put


def _remove(connection: sqlite3.Connection, arn: str) -> None:
    """Removes an execution that has ended and what belongs to it; nothing happens if there is none."""
    from asl_runner.history import pruning

    row = connection.execute("SELECT id, status FROM executions WHERE arn = :arn", {"arn": arn}).fetchone()
    if row is None:
        return
    if row[1] == "RUNNING":
        raise UsageError(f"{arn} is RUNNING here; it can be replaced when it has ended.")
    pruning.remove(connection, row[0], arn)


def ending(
    arn: str, parameters: dict[str, Any], *, leaves_map_runs: bool = False
) -> Callable[[sqlite3.Connection], None]:
    """Records how an execution ended; `NotFound` when there is none.

    `leaves_map_runs` says that it may not have gone on with all of those that were under way when its process died.
    """

    def end(connection: sqlite3.Connection) -> None:
        if connection.execute(statements.FINISH, {"arn": arn, **parameters}).rowcount == 0:
            raise unknown(arn)
        if leaves_map_runs:
            orphans.abort_map_runs(connection, arn, parameters["stop"])

    return end


def redriving(
    parameters: dict[str, Any], definition: str | None, inputs: Mapping[str, bytes]
) -> Callable[[sqlite3.Connection], bool]:
    """Makes an execution that ended without success run again, with this definition and these inputs if there are any.

    False if it is none such.
    """

    def redrive(connection: sqlite3.Connection) -> bool:
        if connection.execute(statements.REDRIVE, parameters).rowcount != 1:
            return False
        former.change(connection, parameters["arn"], definition, inputs)
        return True

    return redrive


def unknown(arn: str) -> NotFound:
    """There is no execution with this ARN."""
    return NotFound(f"Execution Does Not Exist: '{arn}'")


def _definition(known: dict[str, int], connection: sqlite3.Connection, text: str) -> int:
    """The key of a definition, which is added when new."""
    key = known.get(text)
    if key is None:
        connection.execute(statements.ADD_DEFINITION, {"definition": text})
        key = int(connection.execute(statements.DEFINITION_KEY, {"definition": text}).fetchone()[0])
        if len(known) >= REMEMBERED:
            known.clear()
        known[text] = key
    return key
