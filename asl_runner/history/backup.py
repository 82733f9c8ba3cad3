"""A copy of the workspace's database as it stands, taken while others write it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from asl_runner.errors import UsageError, WorkspaceError
from asl_runner.history.database import explained, open_reader


def backup(database: Path, target: Path) -> int:
    """Copies everything committed by now into a new file, which is there whole or not at all; gives its size in bytes.

    Nobody waits for it. The copy is a database by itself, with no log beside it. Raises `NotFound` where there is no
    database, `UsageError` when the target is there already, `WorkspaceError` when it cannot be written.
    """
    if target.exists():
        raise UsageError(f"{target} is there already; name a file that is not.")
    if not target.parent.is_dir():
        raise UsageError(f"There is no directory {target.parent}.")
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    reader = open_reader(database)
    try:
        with explained(partial):
            copy = sqlite3.connect(partial, isolation_level=None)
            try:
                with explained(database):
                    reader.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # Else reading the copy would leave files beside it.
                if copy.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                    raise WorkspaceError(f"The workspace database {database} is damaged; no copy was made of it.")
            finally:
                copy.close()
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        size = partial.stat().st_size
        os.link(partial, target)  # Unlike a rename it never replaces what somebody else has put there meanwhile.
    except FileExistsError:
        raise UsageError(f"{target} is there already; name a file that is not.") from None
    finally:
        reader.close()
        partial.unlink(missing_ok=True)
    return size
