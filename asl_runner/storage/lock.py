"""The lock that all threads and processes working in one storage root share."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RootLock:
    """Called, it gives a context in which no other thread or process holds the lock; a holder may take it again.

    It is held for a few renames only, never while bytes are copied.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = threading.RLock()
        self._depth = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._threads:
            handle = self._locked_file() if self._depth == 0 else None
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if handle is not None:
                    os.close(handle)

    def _locked_file(self) -> int | None:
        """The lock file, locked until it is closed; None on a read-only file system, where nobody moves a file."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return None
        fcntl.flock(handle, fcntl.LOCK_EX)
        return handle
