"""A running execution: its end, how to stop it, and the watch for stops asked for by other processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from msgspec.structs import replace

from asl_runner.errors import AslRunnerError, WorkspaceError
from asl_runner.history.events import TERMINAL, Event
from asl_runner.history.records import ExecutionRecord, Status
from asl_runner.history.store import Store
from asl_runner.interpreter.execution import Execution, Outcome
from asl_runner.interpreter.ports import ExecutionInfo, Ports

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.definition.resource import Resource
    from asl_runner.expressions.environment import Json
    from asl_runner.interpreter.datasets import OpenDataset
    from asl_runner.interpreter.limits import Limits
    from asl_runner.interpreter.map_runs import OpenMapRun
    from asl_runner.interpreter.ports import Clock, Tasks
    from asl_runner.interpreter.restored import Restored
    from asl_runner.resources.mocks.tasks import Mocks

Observer: TypeAlias = Callable[[Sequence[Event]], None]
"""Is told every batch of events on its way to the journal; must be quick, and not change it."""

Around: TypeAlias = "Callable[[Tasks], Tasks]"
"""Gives the port that answers an execution's Tasks, made of the one that otherwise would."""

EXPRESS_SECONDS = 300
"""How long an Express execution may take. Source: reference section 17."""

STOP_POLL = 0.25
"""Seconds between two looks whether another process asked for a stop."""


def run(
    machine: StateMachine,
    input: Json,
    record: ExecutionRecord,
    store: Store,
    tasks: Tasks,
    *,
    clock: Clock,
    limits: Limits,
    region: str,
    observers: Sequence[Observer],
    ended: Callable[[RunningExecution], object],
    missing: Callable[[Resource], str | None] = lambda resource: None,
    open_map_run: OpenMapRun | None = None,
    open_dataset: OpenDataset | None = None,
    restored: Restored | None = None,
    mocks: Mocks | None = None,
    around: Around | None = None,
) -> RunningExecution:
    """Begins to run an execution that the store is keeping or about to keep; `ended` is called at its end.

    With `restored` it is redriven, see `Execution`. What `mocks` do not answer `tasks` do; `around` sees all of it.
    """
    express = record.type == "EXPRESS"
    info = ExecutionInfo(
        arn=record.arn,
        name=record.name,
        state_machine_arn=record.machine_arn,
        state_machine_name=record.machine_name,
        role_arn=record.role_arn,
        region=region,
        start_time=record.start,
        redrive_count=None if express else record.redrive_count,
        redrive_time=record.redrive_time,
        version_arn=record.version_arn,
        alias_arn=record.alias_arn,
    )
    resumed = restored is not None and restored.after is not None
    journal = KeptJournal(store, record.arn, observers, durable=not express, resumed=resumed)
    tasks = tasks if mocks is None else mocks.over(tasks, clock)
    tasks = tasks if around is None else around(tasks)
    ports = Ports(
        clock=clock,
        journal=journal,
        tasks=tasks,
        seed=_seed(record),
        missing=missing,
        open_map_run=open_map_run,
        open_dataset=open_dataset,
    )
    if express:
        limits = replace(limits, history_events=None, duration_seconds=EXPRESS_SECONDS)
    execution = Execution(machine, input, info, ports, limits=limits, input_text=record.input, restored=restored)
    return RunningExecution(record, execution, journal, clock, ended, mocks)


def _seed(record: ExecutionRecord) -> str:
    """A redrive draws other random numbers: its task tokens are new ones."""
    return f"{record.seed}/{record.redrive_count}" if record.redrive_count else record.seed


DEFECT = "AslRunner.Defect"
"""The error of an execution that a defect of ours stopped; no state can raise or catch it."""

MISTAKE = "AslRunner.Usage"
"""The error of one that a mistake in what it was given stopped, such as a mock that has no answer left."""


class RunningExecution:
    """An execution started by `Workspace.start`; it runs whether or not anybody waits for its result."""

    def __init__(
        self,
        record: ExecutionRecord,
        execution: Execution,
        journal: KeptJournal,
        clock: Clock,
        ended: Callable[[RunningExecution], object],
        mocks: Mocks | None = None,
    ) -> None:
        self.mocks = mocks
        """What answers its Tasks instead of the world, and those of the children of its distributed Maps."""
        self.record = record
        """As it was at the start, from `result` on as it ended."""
        self._execution = execution
        self._journal = journal
        self._clock = clock
        self._awaited = False
        """Whether somebody waits for the result, and so hears of a defect."""
        self._task = asyncio.create_task(self._run(), name=f"execution {record.name}")
        # Whoever asks for the result gets the exception; one that nobody asks for is not worth a warning.
        self._task.add_done_callback(noted)
        self._task.add_done_callback(lambda task: ended(self))

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

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it runs, and if it could not be kept."""
        if not self._task.done() or self._task.cancelled() or self._task.exception() is not None:
            return None
        return self._task.result()

    async def result(self) -> Outcome:
        """Waits for the end, which is then kept.

        Raises `WorkspaceError` when the history could not be written. Cancelling the wait does not stop the execution.
        """
        self._awaited = True
        outcome = await asyncio.shield(self._task)
        self.record = replace(
            self.record,
            status=outcome.status,
            stop=outcome.stop_time,
            output=outcome.output,
            error=outcome.error,
            cause=outcome.cause,
        )
        return outcome

    def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """Ends it with status ABORTED; `result` then returns soon. Nothing happens if it has ended."""
        self._execution.stop(error, cause)

    async def settle(self) -> None:
        """Returns once it has ended, however it ended; for whoever closes what it runs on."""
        await asyncio.wait([self._task])

    def when_done(self, callback: Callable[[], object]) -> None:
        """Calls back at the very end, before the clock can jump on."""
        self._task.add_done_callback(lambda task: callback())

    async def _run(self) -> Outcome:
        try:
            outcome = await self._execution.run()
        except WorkspaceError:
            raise
        except AslRunnerError as mistake:
            await self._journal.broken_off(MISTAKE, str(mistake))
            raise
        except Exception as defect:
            if not self._awaited:
                _log_defect(self.arn, defect)
            said = str(defect) or "no message"
            cause = f"asl_runner itself failed, not the workflow ({type(defect).__name__}: {said})."
            await self._journal.broken_off(DEFECT, cause)
            raise
        self._clock.hold()
        self._task.add_done_callback(lambda task: self._clock.release())
        await self._journal.ended()
        return outcome


def _log_defect(arn: str, defect: Exception) -> None:
    import logging

    logging.getLogger(__name__).error("A defect in asl_runner stopped the execution %s", arn, exc_info=defect)


def noted(future: asyncio.Future[Any]) -> None:
    """Takes note of an exception that nobody waits for."""
    if not future.cancelled():
        future.exception()


class StopWatch:
    """Stops executions of this process that other processes asked the store to end."""

    def __init__(self, store: Store, running: Mapping[str, RunningExecution]) -> None:
        self._store = store
        self._running = running
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watches as long as something runs; nothing happens while it does already."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="stop watch")

    async def close(self) -> None:
        """Ends the watch."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _watch(self) -> None:
        while self._running:
            await asyncio.sleep(STOP_POLL)
            try:
                requests = self._store.stops_requested()
            except WorkspaceError:
                continue  # The executions meet the same trouble when they write, and report it.
            for arn, asked in requests.items():
                if arn in self._running:
                    self._running[arn].stop(asked.error, asked.cause)


class KeptJournal:
    """The `Journal` port of an execution kept in a store; tells observers of every batch.

    With its last event the execution's status goes to the store, in one transaction.
    """

    def __init__(
        self, store: Store, arn: str, observers: Sequence[Observer], *, durable: bool = True, resumed: bool = False
    ) -> None:
        """Without `durable` nobody waits for anything to be written; `resumed` after its process died."""
        self._resumed = resumed
        self._store = store
        self._arn = arn
        self._journal = store.journal(arn)
        self._observers = tuple(observers)
        self._durable = durable
        self._finished: asyncio.Future[None] | None = None

    def append(self, events: Sequence[Event]) -> None:
        """Takes a batch."""
        if events and events[-1].type in TERMINAL:
            self._finished = self._finish(events)
            self._finished.add_done_callback(noted)  # `commit` fails first when it does.
        else:
            self._journal.append(events)
        for observer in self._observers:
            observer(events)

    async def commit(self) -> None:
        """Returns once everything appended so far is durable. Raises `WorkspaceError` when it cannot be."""
        if self._durable:
            await self._journal.commit()

    async def ended(self) -> None:
        """Returns once the status is durable, too. Raises `WorkspaceError`."""
        if self._finished is not None and self._durable:
            await self._finished

    async def broken_off(self, error: str, cause: str) -> None:
        """Ends an execution that something outside of it stopped: kept as ABORTED with what happened.

        Raises `WorkspaceError`.
        """
        from asl_runner.history.orphans import abort

        arn = self._arn
        await self._journal.commit()
        await self._store.change(lambda connection: abort(connection, arn, time.time(), error, cause[:32_768]))

    def _finish(self, events: Sequence[Event]) -> asyncio.Future[None]:
        last = events[-1]
        details = last.details or {}
        output = details.get("output")
        return self._store.submit_finish(
            self._arn,
            cast(Status, TERMINAL[last.type]),
            last.time,
            None if output is None else bytes(output),
            details.get("error"),
            details.get("cause"),
            self._journal,
            events,
            leaves_map_runs=self._resumed,
        )
