"""Timing: the best of several runs, ours and the floor in turn, so that a busy machine disturbs both alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

Work: TypeAlias = Callable[[], object]


class Row(Struct, frozen=True, kw_only=True):
    """One line of the report. Times are seconds of wall clock, the best of `runs`."""

    name: str
    count: int
    """How many of `unit` one run does."""
    unit: str
    """With `MB`, `ours` and `floor` are peaks of memory instead of times."""
    ours: float
    floor: float
    floor_is: str
    mark: str
    """What the design asks for, on the machine it was written on."""

    @property
    def per_second(self) -> float:
        """Units per second."""
        return self.count / self.ours

    @property
    def ratio(self) -> float:
        """How many times the floor's time ours takes."""
        return self.ours / self.floor


def best(work: Work) -> float:
    """Seconds of one run, the garbage collector started from a clean slate."""
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def pair(ours: Work, floor: Work, runs: int) -> tuple[float, float]:
    """The best times of both, run in turn after a first run of each that does not count."""
    ours()
    floor()
    times = [(best(ours), best(floor)) for _ in range(runs)]
    return min(mine for mine, _ in times), min(other for _, other in times)
