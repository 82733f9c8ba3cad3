"""Whether a function's files have changed, for a server that runs while they are being written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

INTERVAL = 0.5
"""Seconds between two looks at the same folder."""

MOST = 2000
"""Entries looked at; beyond them, a folder holds more than a person edits."""

_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})


class Changes:
    """Remembers how folders looked."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[float, str]] = {}

    def mark(self, root: Path) -> str:
        """A text that is another one after a Python file of the folder was written, added or removed."""
        now = time.monotonic()
        looked, mark = self._seen.get(root, (0.0, ""))
        if not mark or now - looked >= INTERVAL:
            mark = _mark(root)
            self._seen[root] = (now, mark)
        return mark


def _mark(root: Path) -> str:
    newest = count = 0
    for entry in _files(root):
        try:
            newest = max(newest, entry.stat().st_mtime_ns)
        except OSError:
            continue  # Gone meanwhile: it does not count.
        count += 1
    return f"{newest} {count}"


def _files(root: Path) -> Iterator[os.DirEntry[str]]:
    folders, left = [str(root)], MOST
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError:
            continue  # What cannot be read cannot be told to have changed; running it will say what is wrong.
        for entry in entries:
            left -= 1
            if left < 0:
                return
            if entry.name.endswith(".py"):
                yield entry
            elif not entry.name.startswith(".") and entry.name not in _SKIPPED and entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
