"""The workspace's SQLite file: opening it, its schema, and what its failures mean to a person.

WAL, so that readers never wait for the writer; several processes may have it open at once. The schema's number is
SQLite's `user_version`; `schema/NNNN.sql` raises it to N.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from asl_runner.errors import NotFound, WorkspaceError

Durability = Literal["normal", "full"]

APPLICATION_ID = 0x41534C52
"""`ASLR`: tells a workspace from any other SQLite file."""

SCHEMA_VERSION = 5

_WHAT_IT_IS = """
SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)
FROM pragma_user_version, pragma_application_id
"""

_SCHEMA = Path(__file__).parent / "schema"

BUSY_SECONDS = 30.0
"""How long one process waits for another to finish its transaction."""

_LEAST = 512
"""Bytes no database can be shorter than. SQLite takes the rest of one that was cut off for an empty one."""

_MEANINGS = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space and run again",
    sqlite3.SQLITE_READONLY: "it cannot be written; check the permissions of the file and its directory",
    sqlite3.SQLITE_PERM: "permission denied; check the permissions of the file and its directory",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that the directory exists and can be written",
    sqlite3.SQLITE_BUSY: "another process keeps it locked; end that process or wait for it",
    sqlite3.SQLITE_LOCKED: "another process keeps it locked; end that process or wait for it",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore it from a copy or move it away to start afresh",
    sqlite3.SQLITE_NOTADB: "the file is not a workspace database; move it away or choose another directory",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write it",
    sqlite3.SQLITE_NOLFS: "the file system cannot hold a file this large",
    sqlite3.SQLITE_TOOBIG: "a value is larger than SQLite can keep",
}
"""SQLite's primary result codes that are the workspace's trouble, not a defect of ours."""


def workspace_error(path: Path, failure: Exception) -> WorkspaceError | None:
    """What a failure of SQLite says about the file, or None when it says nothing (a defect in a statement)."""
    code = getattr(failure, "sqlite_errorcode", None)
    if isinstance(failure, UnicodeDecodeError) or (code is None and "decode to UTF-8" in str(failure)):
        code = sqlite3.SQLITE_CORRUPT  # All text in it was valid when it was written.
    meaning = None if code is None else _MEANINGS.get(code & 0xFF)
    return None if meaning is None else WorkspaceError(f"Cannot use the workspace database {path}: {meaning}.")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's failures about the file into `WorkspaceError`."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as failure:
        error = workspace_error(path, failure)
        if error is None:
            raise
        raise error from failure


def open_writable(path: Path, durability: Durability) -> sqlite3.Connection:
    """A connection that may write, with the current schema; creates the directory and the file when missing.

    Raises `WorkspaceError` naming the file when it cannot be used, is damaged, or was made by a newer version.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise WorkspaceError(f"Cannot create the workspace directory {path.parent}: {failure.strerror}.") from failure
    with explained(path):
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            check(connection, path)
            _use_wal(connection)
            connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}")
            # Some builds of SQLite overwrite what is deleted, and write as much as is freed: more than a full disk has.
            connection.execute("PRAGMA secure_delete = FAST")
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads; never creates anything. A database of an older version is brought up to date first.

    Raises `NotFound` when there is no database, `WorkspaceError` when it cannot be read, or not be brought up to date.
    """
    if not path.exists():
        raise NotFound(f"There is no workspace database at {path}; running a state machine creates it.")
    try:
        return _open_to_read(path)
    except _Outdated as outdated:
        try:
            open_writable(path, "normal").close()
        except WorkspaceError as failure:
            raise WorkspaceError(
                f"The workspace database {path} has schema {outdated.version} of an older asl-runner, and must be "
                f"brought to {SCHEMA_VERSION} before it can be read. {failure}"
            ) from failure
    return _open_to_read(path)


class _Outdated(Exception):
    """The database has an older schema."""

    def __init__(self, version: int) -> None:
        super().__init__(f"schema {version}")
        self.version = version


def _open_to_read(path: Path) -> sqlite3.Connection:
    with explained(path):
        try:
            return _read(path, "mode=ro")
        except sqlite3.OperationalError:
            # A closed WAL database in a directory that cannot be written: SQLite would create its shared memory file.
            if path.with_name(f"{path.name}-wal").exists():
                raise
            return _read(path, "mode=ro&immutable=1")


def check(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's number, 0 for an empty file.

    Raises `WorkspaceError` for another program's file or a newer schema.
    """
    # At one moment: another process may be making the database just now.
    found: tuple[int, int, int] = connection.execute(_WHAT_IT_IS).fetchone()
    version, application, tables = found
    if version > SCHEMA_VERSION:
        raise WorkspaceError(
            f"The workspace database {path} has schema {version}, made by a newer asl-runner; "
            f"this one knows up to {SCHEMA_VERSION}. Upgrade asl-runner or use another directory."
        )
    if application != APPLICATION_ID and (version or tables):
        raise WorkspaceError(f"{path} is a database of another program; choose another directory for the workspace.")
    if version == 0 and 0 < path.stat().st_size < _LEAST:
        raise WorkspaceError(f"Cannot use the workspace database {path}: {_MEANINGS[sqlite3.SQLITE_CORRUPT]}.")
    return version


def _read(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        version = check(connection, path)
        if version == 0:
            raise NotFound(f"The workspace database {path} is empty; running a state machine fills it.")
        if version < SCHEMA_VERSION:
            raise _Outdated(version)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switches to WAL. SQLite answers busy at once when another process is switching too, so we wait here."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as failure:
            if failure.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Applies the schema files the database has not seen, all in one transaction."""
    if check(connection, path) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version in range(check(connection, path) + 1, SCHEMA_VERSION + 1):
            text = (_SCHEMA / f"{version:04}.sql").read_text(encoding="utf-8")
            for statement in text.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
