"""The store's SQL: the common subset of SQLite and PostgreSQL, with named parameters.

Rows of `EXECUTION` have the fields of `ExecutionRecord` in their order: `record` makes one of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asl_runner.history.records import ExecutionRecord

_COLUMNS = {
    "definition": "definitions.text",
    "event_count": (
        "COALESCE((SELECT last FROM segments WHERE execution = executions.id ORDER BY first DESC LIMIT 1), 0)"
    ),
}
"""Fields that are not columns of `executions` by the same name."""

_FIELDS = ", ".join(_COLUMNS.get(field, f"executions.{field}") for field in ExecutionRecord.__struct_fields__)


def record(row: Sequence[Any]) -> ExecutionRecord:
    """The record in a row of `EXECUTION`."""
    return ExecutionRecord(**dict(zip(ExecutionRecord.__struct_fields__, row, strict=True)))


EXECUTION = f"SELECT {_FIELDS} FROM executions JOIN definitions ON definitions.id = executions.definition"

BY_ARN = f"{EXECUTION} WHERE arn = :arn"

NEWEST_FIRST = "ORDER BY executions.start DESC, executions.id DESC"

AFTER = "(executions.start, executions.id) < (SELECT start, id FROM executions WHERE arn = :after)"

LATEST = f"{EXECUTION} WHERE map_run_arn IS NULL {NEWEST_FIRST} LIMIT 1"

BY_NAME = f"{EXECUTION} WHERE name = :name {NEWEST_FIRST}"

BY_PREFIX = f"{EXECUTION} WHERE name >= :low AND name < :high {NEWEST_FIRST} LIMIT :limit"

NAMES = """
SELECT DISTINCT name FROM executions WHERE name >= :low AND name < :high ORDER BY name LIMIT :limit
"""

ADD_DEFINITION = "INSERT INTO definitions (text) VALUES (:definition) ON CONFLICT DO NOTHING"

DEFINITION_KEY = "SELECT id FROM definitions WHERE text = :definition"

CREATE = """
INSERT INTO executions (
    arn, name, machine_arn, machine_name, definition, role_arn, input, seed, status, start, stop, output, error, cause,
    redrive_count, redrive_time, owner, pid, type, version_arn, alias_arn, map_run_arn, item_count, trace_header,
    settings
) VALUES (
    :arn, :name, :machine_arn, :machine_name, :definition, :role_arn, :input,
    :seed, :status, :start, :stop, :output, :error, :cause, :redrive_count, :redrive_time, :owner, :pid,
    :type, :version_arn, :alias_arn, :map_run_arn, :item_count, :trace_header, :settings
) ON CONFLICT DO NOTHING
"""

FINISH = """
UPDATE executions SET status = :status, stop = :stop, output = :output, error = :error, cause = :cause WHERE arn = :arn
"""

REDRIVE = """
UPDATE executions SET status = 'RUNNING', stop = NULL, output = NULL, error = NULL, cause = NULL,
    redrive_count = redrive_count + 1, redrive_time = :time, owner = :owner, pid = :pid, settings = :settings,
    stop_asked = NULL, stop_error = NULL, stop_cause = NULL
WHERE arn = :arn AND status IN ('FAILED', 'TIMED_OUT', 'ABORTED') AND redrive_count = :count
"""

RESTART = """
UPDATE executions SET arn = :arn, name = :name, definition = :definition, input = :input, item_count = :item_count,
    seed = :seed, settings = :settings, start = :start, owner = :owner, pid = :pid,
    status = 'RUNNING', stop = NULL, output = NULL, error = NULL, cause = NULL,
    stop_asked = NULL, stop_error = NULL, stop_cause = NULL
WHERE arn = :old
"""

FORGET_EVENTS = "DELETE FROM segments WHERE execution = (SELECT id FROM executions WHERE arn = :arn)"

CLAIM = """
UPDATE executions SET owner = :owner, pid = :pid WHERE arn = :arn AND status = 'RUNNING' AND owner = :before
"""

ASK_STOP = """
UPDATE executions SET stop_asked = :asked, stop_error = :error, stop_cause = :cause
WHERE arn = :arn AND status = 'RUNNING' AND stop_asked IS NULL
"""

STOP_ASKED = "SELECT stop_asked, stop_error, stop_cause FROM executions WHERE arn = :arn AND stop_asked IS NOT NULL"

STOPS_ASKED = """
SELECT arn, stop_asked, stop_error, stop_cause FROM executions WHERE status = 'RUNNING' AND stop_asked IS NOT NULL
"""

KEY = "SELECT id FROM executions WHERE arn = :arn"

RUNNING_KEY = "SELECT id FROM executions WHERE arn = :arn AND status = 'RUNNING'"

OWNER = "SELECT owner FROM executions WHERE arn = :arn"

EVENT_COUNT = "SELECT last FROM segments WHERE execution = :execution ORDER BY first DESC LIMIT 1"

ADD_SEGMENT = "INSERT INTO segments (execution, first, last, events) VALUES (:execution, :first, :last, :events)"

SEGMENTS_UP = """
SELECT first, last, events FROM segments WHERE execution = :execution AND first <= :last AND first >= (
    SELECT COALESCE(MAX(first), 0) FROM segments WHERE execution = :execution AND first <= :first
) ORDER BY first LIMIT :limit
"""

SEGMENTS_DOWN = """
SELECT first, last, events FROM segments WHERE execution = :execution AND first <= :last
ORDER BY first DESC LIMIT :limit
"""
