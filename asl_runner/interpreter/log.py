"""Writes the history of one execution: gives out event ids, stamps the time, hands batches to the journal."""

from __future__ import annotations

from typing import Any

from asl_runner.history.events import Event
from asl_runner.interpreter.errors import HistoryLimit
from asl_runner.interpreter.ports import Clock, Journal

_BATCH = 256


class HistoryLog:
    """The history under way. Event ids count from 1 over the whole execution, branches included."""

    __slots__ = ("_buffer", "_journal", "_limit", "_now", "last")

    def __init__(self, clock: Clock, journal: Journal, limit: int | None, first: int = 1) -> None:
        self._now = clock.now
        self._journal = journal
        self._limit = limit if limit is not None else 1 << 62
        self._buffer: list[Event] = []
        self.last = first - 1

    def record(
        self, type: str, details: dict[str, Any] | None, previous: int, scope: str, at: float | None = None
    ) -> int:
        """Adds an event and returns its id; `at` is its time if that is known. Raises `HistoryLimit` when only the last
        place is left."""
        self.last = id = self.last + 1
        if id >= self._limit:
            self.last = id - 1
            raise HistoryLimit
        buffer = self._buffer
        if len(buffer) >= _BATCH and type.endswith("StateEntered"):
            # Nowhere else: what is recorded up to here in one go is then kept in one go.
            self.flush()
            buffer = self._buffer
        buffer.append(Event(id, previous, self._now() if at is None else at, type, details, scope))
        return id

    def record_start(self, details: dict[str, Any], at: float) -> None:
        """Adds the first event, with the time at which the execution is said to have started."""
        self.last = id = self.last + 1
        self._buffer.append(Event(id, 0, at, "ExecutionStarted", details, ""))

    def record_end(self, type: str, details: dict[str, Any] | None, previous: int, at: float) -> int:
        """Adds the event that ends the execution, at its stop time; there is always a place left for it."""
        self.last = id = self.last + 1
        self._buffer.append(Event(id, previous, at, type, details, ""))
        self.flush()
        return id

    def flush(self) -> None:
        """Hands what is buffered to the journal, without waiting for it to be durable."""
        if self._buffer:
            self._journal.append(self._buffer)
            self._buffer = []

    async def commit(self) -> None:
        """Returns once everything recorded so far is durable."""
        self.flush()
        await self._journal.commit()
