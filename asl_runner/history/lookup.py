"""Which execution a person means: `latest`, an ARN, a name, or the beginning of a name.

`latest` is none that a distributed Map started.
"""

from __future__ import annotations

import sqlite3

from asl_runner.errors import NotFound, UsageError
from asl_runner.history import statements
from asl_runner.history.records import ExecutionRecord

LATEST = "latest"

_SHOWN = 5
"""Candidates a message lists."""

_SEARCHED = 1000
"""Recent names looked through for one that is close to what was typed."""

_AFTER_ALL = "\U0010ffff"


def prefix_range(prefix: str) -> dict[str, str]:
    """The parameters `low` and `high` that select the names with a prefix, by index."""
    return {"low": prefix, "high": prefix + _AFTER_ALL}


def find(connection: sqlite3.Connection, text: str) -> ExecutionRecord:
    """The one execution meant.

    Raises `NotFound`, with names that are close, and `UsageError` when several are meant.
    """
    if text == LATEST:
        row = connection.execute(statements.LATEST).fetchone()
        if row is None:
            raise NotFound("There is no execution yet; `asl-runner run` starts one.")
        return statements.record(row)
    if text.startswith("arn:"):
        rows = connection.execute(statements.BY_ARN, {"arn": text}).fetchall()
    else:
        rows = connection.execute(statements.BY_NAME, {"name": text}).fetchall() if text else []
        rows = rows or connection.execute(statements.BY_PREFIX, {**prefix_range(text), "limit": _SHOWN + 1}).fetchall()
    found = [statements.record(row) for row in rows]
    if not found:
        raise NotFound(f"No execution is called {text!r}.{_hint(connection, text)}")
    if len(found) > 1:
        raise UsageError(_ambiguous(text, found))
    return found[0]


def _ambiguous(text: str, found: list[ExecutionRecord]) -> str:
    same_name = all(record.name == text for record in found)
    means = "is the name of several executions" if same_name else "begins the names of several executions"
    lines = [record.arn if same_name else record.name for record in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append("...")
    wanted = "the ARN" if same_name else "more of the name"
    return "\n  ".join([f"{text!r} {means}; give {wanted}:", *lines])


def _hint(connection: sqlite3.Connection, text: str) -> str:
    from difflib import get_close_matches

    parameters = {**prefix_range(""), "limit": _SEARCHED}
    names = [name for (name,) in connection.execute(statements.NAMES, parameters)]
    close = get_close_matches(text.rpartition(":")[2], names, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(close)}?" if close else " `asl-runner list` shows those there are."
