"""Journals: where an execution's events go. Both keep the `Journal` port of the interpreter."""

from __future__ import annotations

from collections.abc import Sequence

from asl_runner.history.events import Event
from asl_runner.history.writer import Line, Writer


class MemoryJournal:
    """Keeps the events in a list: for runs without a workspace, and tests."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, events: Sequence[Event]) -> None:
        """Takes a batch."""
        self.events.extend(events)

    async def commit(self) -> None:
        """Nothing to wait for: memory is as durable as this run."""


class ExecutionJournal:
    """Keeps the events of one execution in the store. Encoding and writing happen in the writer's thread."""

    def __init__(self, writer: Writer, arn: str) -> None:
        self._writer = writer
        self.line = Line(arn)
        """Its events on their way, for the writer."""

    def append(self, events: Sequence[Event]) -> None:
        """Takes a batch, which must not be changed afterwards; returns at once unless the disk is far behind.

        May be called from any thread, by one at a time for an execution.
        """
        if events:
            self._writer.append(self.line, events)

    async def commit(self) -> None:
        """Returns once everything appended so far is committed.

        Raises `WorkspaceError` when some of it could not be written, and from then on always.
        """
        line = self.line
        if line.failure is not None:
            raise line.failure
        if line.durable != line.appended:
            await self._writer.flush(line)
