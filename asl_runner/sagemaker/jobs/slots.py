"""The machine's cores, shared by the containers that run at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

_LOOK_SECONDS = 0.2


class Share(Struct, frozen=True):
    """What one container may use."""

    threads: int
    """CPU threads: the cores divided among the containers that run now, at least one."""


class Slots:
    """At most `limit` containers at once; others wait their turn. Safe for threads."""

    def __init__(self, limit: int, cores: int) -> None:
        self.limit = max(1, limit)
        self.cores = max(1, cores)
        self._busy = 0
        self._changed = threading.Condition()

    @contextmanager
    def take(self, gave_up: Callable[[], bool], companions: int = 1) -> Iterator[Share | None]:
        """One slot for as long as the block runs; None when `gave_up()` became true before one was free.

        `companions` is how many containers are about to run side by side, if more than run already.
        """
        if not self._acquire(gave_up):
            yield None
            return
        try:
            together = min(self.limit, max(self._busy, companions))
            yield Share(max(1, self.cores // together))
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify()

    def _acquire(self, gave_up: Callable[[], bool]) -> bool:
        with self._changed:
            while self._busy >= self.limit:
                if gave_up():
                    return False
                self._changed.wait(_LOOK_SECONDS)
            self._busy += 1
        return True
