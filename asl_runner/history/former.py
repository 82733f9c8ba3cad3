"""What an execution ran before a redrive that changed its definition: AWS keeps one, here none is lost."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from msgspec.structs import replace

from asl_runner.history.records import ExecutionRecord

if TYPE_CHECKING:
    from asl_runner.history.store import Store

_KEEP = """
INSERT INTO former_definitions (execution, redrive, definition)
SELECT id, redrive_count, definition FROM executions WHERE arn = :arn
"""

_CHANGE = """
UPDATE executions SET definition = (SELECT id FROM definitions WHERE text = :definition) WHERE arn = :arn
"""

_OF = """
SELECT redrive, definitions.text FROM former_definitions
JOIN definitions ON definitions.id = former_definitions.definition
JOIN executions ON executions.id = former_definitions.execution
WHERE executions.arn = :arn ORDER BY redrive
"""


def change(connection: sqlite3.Connection, arn: str, definition: str) -> None:
    """Gives an execution, whose redrive has just been recorded, another definition."""
    connection.execute("INSERT INTO definitions (text) VALUES (?) ON CONFLICT DO NOTHING", (definition,))
    connection.execute(_KEEP, {"arn": arn})
    connection.execute(_CHANGE, {"arn": arn, "definition": definition})


def former_definitions(connection: sqlite3.Connection, arn: str) -> list[tuple[int, str]]:
    """The number of each redrive that changed the definition, and the text it ran until then, the earliest first."""
    return list(connection.execute(_OF, {"arn": arn}))


def as_it_was(store: Store, record: ExecutionRecord, event: int) -> ExecutionRecord:
    """The record with the definition it ran at an event."""
    former = store.read(lambda connection: former_definitions(connection, record.arn)) if record.redrive_count else []
    if not former:
        return record
    changes = dict(former)
    for later in store.events(record.arn, first=event + 1):
        if later.type == "ExecutionRedriven":
            text = changes.get((later.details or {}).get("redriveCount", 0))
            if text is not None:
                return replace(record, definition=text)
    return record
