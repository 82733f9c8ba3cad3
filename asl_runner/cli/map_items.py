"""The items of distributed Maps under way, as progress shows them: their executions have histories of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

from asl_runner.history.visits import Counts

MapCounts: TypeAlias = Callable[[str], Counts | None]
"""Gives how the items of a map run stand, by its ARN; None for one that is not under way."""

_PAUSE = 10.0
"""Seconds between two lines about the same Map."""


class MapRuns:
    """Knows the counts of map runs, also when they have ended."""

    def __init__(self, find: MapCounts | None) -> None:
        self._find = find
        self._known: dict[str, Counts] = {}
        self._open: dict[str, str] = {}
        self._told: dict[str, float] = {}

    def counts(self, arn: str) -> Counts | None:
        """How its items stand or stood; None as long as nobody has looked while it ran."""
        found = None if self._find is None else self._find(arn)
        if found is not None:
            self._known[arn] = found
        return self._known.get(arn)

    def opened(self, state: str, arn: str) -> None:
        """The Map has this map run now."""
        self._open[state] = arn
        self._told[state] = time.monotonic()

    def closed(self, state: str) -> None:
        """Its map run has ended."""
        self._open.pop(state, None)

    def news(self) -> Iterator[tuple[str, str]]:
        """Of each Map that was silent for a while what is done."""
        now = time.monotonic()
        for state, arn in self._open.items():
            counts = self.counts(arn)
            if counts is not None and now - self._told[state] >= _PAUSE:
                self._told[state] = now
                failures = f", {counts.failed:,} failed" if counts.failed else ""
                total = "" if counts.total is None else f" of {counts.total:,}"
                yield state, f"{counts.succeeded + counts.failed:,}{total} items done{failures}"
