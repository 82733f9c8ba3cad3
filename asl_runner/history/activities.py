"""Activities, as the workspace's database keeps them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct


class ActivityRecord(Struct, frozen=True, kw_only=True):
    """One activity; `created` is in seconds since the epoch."""

    arn: str
    name: str
    encryption: dict[str, Any]
    """`encryptionConfiguration`, with AWS's keys."""
    created: float


_FIELDS = "arn, name, encryption, created"


def _record(row: Sequence[Any]) -> ActivityRecord:
    arn, name, encryption, created = row
    return ActivityRecord(arn=arn, name=name, encryption=msgspec.json.decode(encryption), created=created)


def add(connection: sqlite3.Connection, record: ActivityRecord) -> None:
    """Adds a new one."""
    connection.execute(
        f"INSERT INTO activities ({_FIELDS}) VALUES (:arn, :name, :encryption, :created)",
        {
            "arn": record.arn,
            "name": record.name,
            "encryption": msgspec.json.encode(record.encryption).decode(),
            "created": record.created,
        },
    )


def remove(connection: sqlite3.Connection, arn: str) -> None:
    """Removes one with its tags; nothing happens if it is not there."""
    connection.execute("DELETE FROM tags WHERE resource = :arn", {"arn": arn})
    connection.execute("DELETE FROM activities WHERE arn = :arn", {"arn": arn})


def by_arn(connection: sqlite3.Connection, arn: str) -> ActivityRecord | None:
    """The one with this ARN."""
    row = connection.execute(f"SELECT {_FIELDS} FROM activities WHERE arn = :arn", {"arn": arn}).fetchone()
    return None if row is None else _record(row)


def listed(connection: sqlite3.Connection, after: tuple[float, str] | None, limit: int) -> list[ActivityRecord]:
    """Activities in the order they were created, those after `(created, arn)`."""
    created, arn = after or (-1.0, "")
    rows = connection.execute(
        f"SELECT {_FIELDS} FROM activities WHERE (created, arn) > (:created, :arn) ORDER BY created, arn LIMIT :limit",
        {"created": created, "arn": arn, "limit": limit},
    )
    return [_record(row) for row in rows]
