"""A log that another process writes, read on line by line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

_BLOCK = 1 << 20


class GrowingLog:
    """One log, read as far as it goes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def fresh(self) -> Iterator[str]:
        """The lines completed since the last look, without their ends; none while there is no log."""
        try:
            with self._path.open("rb") as log:
                log.seek(self._at)
                while block := log.read(_BLOCK):
                    self._at += len(block)
                    *lines, self._rest = (self._rest + self._decoder.decode(block)).split("\n")
                    yield from lines
        except FileNotFoundError:
            return  # Nothing has been printed yet.

    def last(self) -> Iterator[str]:
        """The line that was never ended, once, if there is one; for a log that grows no more."""
        rest, self._rest = self._rest + self._decoder.decode(b"", final=True), ""
        if rest:
            yield rest
