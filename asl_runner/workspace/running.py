"""A running execution: its end, how to stop it, and the watch for stops asked for by other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from asl_runner.history.events import Event
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.store import Store
from asl_runner.interpreter.execution import Execution, Outcome
from asl_runner.interpreter.ports import Journal

Observer: TypeAlias = Callable[[Sequence[Event]], None]
"""Is told every batch of events on its way to the journal; must be quick, and not change it."""

STOP_POLL = 0.25
"""Seconds between two looks whether another process asked for a stop."""


class RunningExecution:
    """An execution started by `Workspace.start`; it runs whether or not anybody waits for its result."""

    def __init__(self, record: ExecutionRecord, execution: Execution, store: Store) -> None:
        self.record = record
        """As it was at the start, from `result` on as it ended."""
        self._execution = execution
        self._store = store
        self._task = asyncio.create_task(self._run(), name=f"execution {record.name}")

    @property
    def arn(self) -> str:
        """The execution's ARN."""
        return self.record.arn

    @property
    def name(self) -> str:
        """The execution's name."""
        return self.record.name

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._task.done()

    async def result(self) -> Outcome:
        """Waits for the end, which is then kept.

        Raises `WorkspaceError` when the history could not be written. Cancelling the wait does not stop the execution.
        """
        return await asyncio.shield(self._task)

    def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """Ends it with status ABORTED; `result` then returns soon. Nothing happens if it has ended."""
        self._execution.stop(error, cause)

    async def settle(self) -> None:
        """Returns once it has ended, however it ended; for whoever closes what it runs on."""
        await asyncio.wait([self._task])

    async def _run(self) -> Outcome:
        watch = asyncio.create_task(self._watch())
        try:
            outcome = await self._execution.run()
        finally:
            watch.cancel()
            await asyncio.wait([watch])
        ended = self._store.submit_finish(
            self.arn, outcome.status, outcome.stop_time, outcome.output, outcome.error, outcome.cause
        )
        await asyncio.wrap_future(ended)
        self.record = replace(
            self.record,
            status=outcome.status,
            stop=outcome.stop_time,
            output=outcome.output,
            error=outcome.error,
            cause=outcome.cause,
        )
        return outcome

    async def _watch(self) -> None:
        """Stops the execution when somebody asked the store for it."""
        while True:
            await asyncio.sleep(STOP_POLL)
            asked = self._store.stop_requested(self.arn)
            if asked is not None:
                self.stop(asked.error, asked.cause)
                return


class ObservedJournal:
    """A journal whose batches observers are told of, too."""

    def __init__(self, journal: Journal, observers: Sequence[Observer]) -> None:
        self._journal = journal
        self._observers = tuple(observers)

    def append(self, events: Sequence[Event]) -> None:
        """Takes a batch."""
        self._journal.append(events)
        for observer in self._observers:
            observer(events)

    async def commit(self) -> None:
        """Returns once everything appended so far is durable."""
        await self._journal.commit()
