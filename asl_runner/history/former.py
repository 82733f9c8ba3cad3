"""What redrives changed: the definition an execution ran before, which is kept, and the inputs they gave to states."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
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


_GIVE = """
INSERT INTO redrive_inputs (execution, redrive, scope, input)
SELECT id, redrive_count, :scope, :input FROM executions WHERE arn = :arn
"""

_GIVEN = """
SELECT scope, redrive_inputs.input FROM redrive_inputs JOIN executions ON executions.id = redrive_inputs.execution
WHERE executions.arn = :arn AND redrive = executions.redrive_count
"""


def change(connection: sqlite3.Connection, arn: str, definition: str | None, inputs: Mapping[str, bytes]) -> None:
    """Gives an execution, whose redrive has just been recorded, another definition, and inputs to states by scope."""
    if definition is not None:
        connection.execute("INSERT INTO definitions (text) VALUES (?) ON CONFLICT DO NOTHING", (definition,))
        connection.execute(_KEEP, {"arn": arn})
        connection.execute(_CHANGE, {"arn": arn, "definition": definition})
    for scope, input in inputs.items():
        connection.execute(_GIVE, {"arn": arn, "scope": scope, "input": input})


def given_inputs(connection: sqlite3.Connection, arn: str) -> dict[str, bytes]:
    """The inputs that its latest redrive gave, by the scope of the state."""
    return dict(connection.execute(_GIVEN, {"arn": arn}))


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
