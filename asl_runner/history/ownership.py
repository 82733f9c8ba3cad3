"""Which process runs an execution, and whether it still lives.

Each process that runs executions holds an exclusive lock on a file of its own for as long as it lives; the kernel lets
go of it however the process ends. A process id alone would not do: ids are given out again, and mean something else in
each container.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path

from asl_runner.errors import WorkspaceError


class Owner:
    """This process's claim on the executions it runs: `token` names it, `release` gives it up."""

    def __init__(self, directory: Path) -> None:
        """Takes the lock. Raises `WorkspaceError` when the directory cannot be written."""
        self.token = uuid.uuid4().hex
        self._path = _lock_path(directory, self.token)
        fresh = self._path.with_suffix(".new")
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            # Only now under its name: whoever sweeps dead owners never meets a file not yet locked.
            fresh.rename(self._path)
        except OSError as failure:
            raise WorkspaceError(
                f"Cannot write in the workspace directory {directory}: {failure.strerror}."
            ) from failure

    def release(self) -> None:
        """Gives up the claim: executions still RUNNING under it become orphans."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def is_alive(directory: Path, token: str) -> bool:
    """Does the process that holds this token still run?"""
    try:
        file = os.open(_lock_path(directory, token), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def any_alive(directory: Path) -> bool:
    """Does any process run, or has it run, executions and not ended yet?"""
    return any(is_alive(directory, path.stem) for path in directory.glob("*.lock"))


def sweep(directory: Path) -> None:
    """Removes what dead processes left."""
    for path in directory.glob("*.lock"):
        if not is_alive(directory, path.stem):
            path.unlink(missing_ok=True)


def _lock_path(directory: Path, token: str) -> Path:
    return directory / f"{token}.lock"
