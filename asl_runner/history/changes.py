"""What the writer's thread does to executions: add one, record its end, make one run again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import structs

from asl_runner.errors import NotFound
from asl_runner.history import former, statements
from asl_runner.history.records import ExecutionExists, ExecutionRecord

if TYPE_CHECKING:
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


def ending(arn: str, parameters: dict[str, Any]) -> Callable[[sqlite3.Connection], None]:
    """Records how an execution ended; `NotFound` when there is none."""

    def end(connection: sqlite3.Connection) -> None:
        if connection.execute(statements.FINISH, {"arn": arn, **parameters}).rowcount == 0:
            raise unknown(arn)

    return end


def redriving(parameters: dict[str, Any], definition: str | None) -> Callable[[sqlite3.Connection], bool]:
    """Makes an execution that ended without success run again, from now on with this definition if there is one.

    False if it is none such.
    """

    def redrive(connection: sqlite3.Connection) -> bool:
        if connection.execute(statements.REDRIVE, parameters).rowcount != 1:
            return False
        if definition is not None:
            former.change(connection, parameters["arn"], definition)
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
