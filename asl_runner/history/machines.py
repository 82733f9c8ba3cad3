"""State machines, versions, aliases and tags in the workspace's database.

Everything goes through one connection at a time: a reader's, or the writer's inside a transaction (`Store.change`), so
that what a change looks at first is still so when it writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from asl_runner.history.machine_records import AliasRecord, MachineRecord, Route, VersionRecord

T = TypeVar("T", bound=Struct)

_JSON: dict[str, Any] = {"settings": dict[str, Any], "asked": dict[str, Any], "routing": list[Route]}
"""Fields kept as JSON text, with their types."""


class _Table:
    """The SQL of one table whose rows are structs of the same field names; `definition` is kept once by its text."""

    def __init__(self, name: str, kind: type[Struct], keys: tuple[str, ...]) -> None:
        fields = kind.__struct_fields__
        shared = "definition" in fields
        columns = ["definitions.text" if field == "definition" else f"{name}.{field}" for field in fields]
        join = f" JOIN definitions ON definitions.id = {name}.definition" if shared else ""
        values = [
            "(SELECT id FROM definitions WHERE text = :definition)" if field == "definition" else f":{field}"
            for field in fields
        ]
        kept = ", ".join(f"{field} = excluded.{field}" for field in fields if field not in keys)
        self.shared = shared
        self.select = f"SELECT {', '.join(columns)} FROM {name}{join}"
        self.put = (
            f"INSERT INTO {name} ({', '.join(fields)}) VALUES ({', '.join(values)}) "
            f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {kept}"
        )


_MACHINES = _Table("machines", MachineRecord, ("arn",))
_VERSIONS = _Table("versions", VersionRecord, ("machine", "number"))
_ALIASES = _Table("aliases", AliasRecord, ("machine", "name"))

_OF_MACHINE = (
    "DELETE FROM aliases WHERE machine = :arn",
    "DELETE FROM versions WHERE machine = :arn",
    "DELETE FROM tags WHERE resource = :arn",
    "DELETE FROM machines WHERE arn = :arn",
)


class Machines:
    """The tables, through a connection. What changes them needs the writer's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def machine(self, arn: str) -> MachineRecord | None:
        """The state machine with this ARN."""
        return self._one(MachineRecord, f"{_MACHINES.select} WHERE arn = :arn", {"arn": arn})

    def machines(self, after: tuple[float, str] | None, limit: int) -> list[MachineRecord]:
        """State machines in the order they were created, those after `(created, arn)`; none whose deletion is done."""
        created, arn = after or (-1.0, "")
        query = (
            f"{_MACHINES.select} WHERE (created, arn) > (:created, :arn) AND (machines.status = 'ACTIVE' OR EXISTS "
            "(SELECT 1 FROM executions WHERE executions.status = 'RUNNING' AND executions.machine_arn = machines.arn)) "
            "ORDER BY created, arn LIMIT :limit"
        )
        return self._all(MachineRecord, query, {"created": created, "arn": arn, "limit": limit})

    def put_machine(self, record: MachineRecord) -> None:
        """Adds a state machine, or writes what became of it."""
        self._put(_MACHINES, record)

    def remove_machine(self, arn: str) -> None:
        """Removes a state machine with its versions, aliases and tags. Its executions stay."""
        for statement in _OF_MACHINE:
            self._connection.execute(statement, {"arn": arn})

    def has_running(self, arn: str) -> bool:
        """Whether an execution of the state machine is running."""
        query = "SELECT 1 FROM executions WHERE status = 'RUNNING' AND machine_arn = :arn LIMIT 1"
        return self._connection.execute(query, {"arn": arn}).fetchone() is not None

    def version(self, machine: str, number: int) -> VersionRecord | None:
        """A version of a state machine."""
        query = f"{_VERSIONS.select} WHERE machine = :machine AND number = :number"
        return self._one(VersionRecord, query, {"machine": machine, "number": number})

    def version_of(self, machine: str, revision: str | None) -> VersionRecord | None:
        """The last version published of a revision."""
        query = f"{_VERSIONS.select} WHERE machine = :machine AND revision IS :revision ORDER BY number DESC LIMIT 1"
        return self._one(VersionRecord, query, {"machine": machine, "revision": revision})

    def versions(self, machine: str, below: int | None, limit: int) -> list[VersionRecord]:
        """Versions of a state machine, newest first, those with numbers under `below`."""
        query = f"{_VERSIONS.select} WHERE machine = :machine AND number < :below ORDER BY number DESC LIMIT :limit"
        parameters = {"machine": machine, "below": (1 << 63) - 1 if below is None else below, "limit": limit}
        return self._all(VersionRecord, query, parameters)

    def put_version(self, record: VersionRecord) -> None:
        """Adds a version."""
        self._put(_VERSIONS, record)

    def remove_version(self, machine: str, number: int) -> None:
        """Removes a version; nothing happens if there is none."""
        query = "DELETE FROM versions WHERE machine = :machine AND number = :number"
        self._connection.execute(query, {"machine": machine, "number": number})

    def alias(self, machine: str, name: str) -> AliasRecord | None:
        """An alias of a state machine."""
        query = f"{_ALIASES.select} WHERE machine = :machine AND name = :name"
        return self._one(AliasRecord, query, {"machine": machine, "name": name})

    def aliases(self, machine: str) -> list[AliasRecord]:
        """The aliases of a state machine, in the order they were created. There are at most 100."""
        query = f"{_ALIASES.select} WHERE machine = :machine ORDER BY created, name"
        return self._all(AliasRecord, query, {"machine": machine})

    def put_alias(self, record: AliasRecord) -> None:
        """Adds an alias, or writes what became of it."""
        self._put(_ALIASES, record)

    def remove_alias(self, machine: str, name: str) -> None:
        """Removes an alias; nothing happens if there is none."""
        query = "DELETE FROM aliases WHERE machine = :machine AND name = :name"
        self._connection.execute(query, {"machine": machine, "name": name})

    def has_activity(self, arn: str) -> bool:
        """Whether there is an activity with this ARN."""
        query = "SELECT 1 FROM activities WHERE arn = :arn"
        return self._connection.execute(query, {"arn": arn}).fetchone() is not None

    def tags(self, resource: str) -> dict[str, str]:
        """The tags of a resource, in the order their keys were given."""
        query = "SELECT key, value FROM tags WHERE resource = :resource ORDER BY rowid"
        return dict(self._connection.execute(query, {"resource": resource}).fetchall())

    def put_tags(self, resource: str, tags: Mapping[str, str]) -> None:
        """Adds tags; those with the same key get the new value."""
        query = (
            "INSERT INTO tags (resource, key, value) VALUES (:resource, :key, :value) "
            "ON CONFLICT (resource, key) DO UPDATE SET value = excluded.value"
        )
        for key, value in tags.items():
            self._connection.execute(query, {"resource": resource, "key": key, "value": value})

    def remove_tags(self, resource: str, keys: Iterable[str]) -> None:
        """Removes tags; keys that are not there do not matter."""
        for key in keys:
            query = "DELETE FROM tags WHERE resource = :resource AND key = :key"
            self._connection.execute(query, {"resource": resource, "key": key})

    def _one(self, kind: type[T], query: str, parameters: dict[str, Any]) -> T | None:
        row = self._connection.execute(query, parameters).fetchone()
        return None if row is None else _record(kind, row)

    def _all(self, kind: type[T], query: str, parameters: dict[str, Any]) -> list[T]:
        return [_record(kind, row) for row in self._connection.execute(query, parameters)]

    def _put(self, table: _Table, record: Struct) -> None:
        row = structs.asdict(record)
        for name in _JSON.keys() & row.keys():
            row[name] = msgspec.json.encode(row[name]).decode()
        if table.shared:
            self._connection.execute("INSERT INTO definitions (text) VALUES (:definition) ON CONFLICT DO NOTHING", row)
        self._connection.execute(table.put, row)


def _record(kind: type[T], row: tuple[Any, ...]) -> T:
    fields = dict(zip(kind.__struct_fields__, row, strict=True))
    for name in _JSON.keys() & fields.keys():
        fields[name] = msgspec.json.decode(fields[name], type=_JSON[name])
    return kind(**fields)
