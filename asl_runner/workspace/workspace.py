"""A workspace: its directory, its executions, and the wiring of an execution's ports to what is local.

    async with Workspace.open() as workspace:
        running = await workspace.start(machine, {"id": 7}, machine_name="order")
        outcome = await running.result()

Everything is made when first needed: a machine without Tasks starts no process, no server, and imports neither.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from asl_runner.configuration import Configuration, load_configuration
from asl_runner.history.records import ExecutionRecord
from asl_runner.workspace.kept import KeptExecutions

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.definition.resource import Resource
    from asl_runner.expressions.environment import Json
    from asl_runner.history.visits import Counts
    from asl_runner.interpreter.map_runs import MapRunRequest
    from asl_runner.interpreter.ports import Clock
    from asl_runner.interpreter.restored import Restored
    from asl_runner.resources.mocks.tasks import Mocks
    from asl_runner.workspace.local import LocalTarget
    from asl_runner.workspace.map_runs import LiveMapRun
    from asl_runner.workspace.pipelines.service import Pipelines
    from asl_runner.workspace.redriving import Redrive
    from asl_runner.workspace.running import Around, Observer, RunningExecution, StopWatch


class Workspace(KeptExecutions):
    """One workspace directory. Use it as a context manager to read, as an asynchronous one to run executions."""

    def __init__(self, configuration: Configuration, directory: Path | None = None) -> None:
        """`directory` overrides the configuration's; nothing is created or read yet."""
        super().__init__(configuration, directory)
        self.log_of: Callable[[ExecutionRecord], Observer | None] = lambda record: None
        """The log of an execution that is about to run, redriven or a child of a map run included; None for none."""
        self._local: LocalTarget | None = None
        self._running: dict[str, RunningExecution] = {}
        self._map_runs: dict[str, LiveMapRun] = {}
        self._watch: StopWatch | None = None
        self._pipelines: Pipelines | None = None

    @classmethod
    def open(cls, directory: Path | None = None, configuration: Configuration | None = None) -> Workspace:
        """The workspace of a directory, with the nearest configuration unless one is given."""
        return cls(configuration or load_configuration(), directory)

    async def start(
        self,
        machine: StateMachine,
        input: Json,
        *,
        machine_name: str = "state-machine",
        name: str | None = None,
        clock: Clock | Literal["real", "virtual"] = "real",
        observers: Sequence[Observer] = (),
        mocks: Mocks | None = None,
        around: Around | None = None,
        seed: str | None = None,
        check: bool = True,
        run_with: Mapping[str, Json] | None = None,
    ) -> RunningExecution:
        """Starts an execution, which is then kept here. `name` defaults to a new UUID. `mocks` answer its Tasks.

        `run_with` is kept with it: what whoever resumes it must know of how it was run.

        `around` gives the port that answers Tasks, made of the one that would. Executions of the same `seed` draw the
        same random numbers; by default each has one of its own. Without `check` a Task that cannot run here fails when
        its turn comes, as on AWS.

        Raises `UsageError` for a name or input AWS would not take and for a Task that cannot run here (the message says
        what to configure), `ExecutionExists` for a name that is taken, `WorkspaceError` when nothing can be written.
        """
        from asl_runner.expressions.json_text import compact_bytes
        from asl_runner.workspace import preflight

        limits = self.limits
        given = name is not None
        name = str(uuid.uuid4()) if name is None else name
        preflight.check_name(name)
        preflight.check_name(machine_name, "state machine")
        text = compact_bytes(input)
        preflight.check_input(text, limits)
        if mocks is not None:
            mocks.bind(machine)
        if check:
            self.local.check(machine, () if mocks is None else mocks.states)
        ticking = _clock(clock)
        record = self._record(machine, machine_name, name, text, ticking.now(), seed or uuid.uuid4().hex)
        is_answered = mocks is not None or around is not None
        if run_with or is_answered:
            from asl_runner.workspace.resuming import remembering

            record = remembering(record, run_with, is_answered=is_answered)
        return await self.launch(
            machine, input, record, clock=ticking, observers=observers, taken=given, mocks=mocks, around=around
        )

    async def launch(
        self,
        machine: StateMachine,
        input: Json,
        record: ExecutionRecord,
        *,
        clock: Clock | None = None,
        observers: Sequence[Observer] = (),
        taken: bool = True,
        mocks: Mocks | None = None,
        around: Around | None = None,
    ) -> RunningExecution:
        """Starts an execution that `record` describes, once it is kept; `input` is the value of the record's.

        Nothing is checked beforehand: a Task that cannot run here fails when its turn comes, as on AWS. `taken` says
        that the ARN may be: then nothing runs before it is known not to be. An Express execution is kept, too, but
        waits for nothing to be written. Raises `ExecutionExists`, and `WorkspaceError` when nothing can be written.
        """
        from asl_runner.workspace.running import noted

        created = self._store_to_write().submit_create(record)
        if taken:
            await created
        running = self._run(machine, input, record, clock, observers, mocks=mocks, around=around)
        if taken or record.type != "EXPRESS":
            running.record = await created
        else:
            created.add_done_callback(noted)
        return running

    async def redrive(
        self,
        machine: StateMachine,
        input: Json,
        record: ExecutionRecord,
        *,
        at: float | None = None,
        clock: Clock | Literal["real", "virtual"] = "real",
        observers: Sequence[Observer] = (),
        mocks: Mocks | None = None,
        around: Around | None = None,
        prepared: Redrive | None = None,
        run_with: Mapping[str, Json] | None = None,
    ) -> RunningExecution | None:
        """Has an execution that ended without success go on at its unsuccessful states, under the same ARN.

        `record` is the execution as it ended, `input` the value of its input, `at` the time of the redrive in seconds
        since the epoch, by default now; `prepared` says where it goes on, by default what `redriving.prepare` does,
        and `run_with` what `start` says.
        None when it is not, or no longer, such an execution. Raises `WorkspaceError` when nothing can be written.
        """
        import asyncio

        from asl_runner.workspace.redriving import prepare
        from asl_runner.workspace.resuming import remembering

        store, ticking = self._store_to_write(), _clock(clock, record.stop or record.start)
        at = ticking.now() if at is None else at
        if prepared is None:
            prepared = await asyncio.to_thread(prepare, store, record, machine)
        record = remembering(record, run_with, is_answered=mocks is not None or around is not None)
        if not await store.submit_redrive(record, at, prepared.definition, prepared.inputs):
            return None
        again = prepared.record(record, at)
        return self._run(machine, input, again, ticking, observers, prepared.restored, mocks, around)

    async def resume(
        self,
        machine: StateMachine,
        input: Json,
        record: ExecutionRecord,
        *,
        clock: Clock | None = None,
        observers: Sequence[Observer] = (),
        mocks: Mocks | None = None,
        around: Around | None = None,
    ) -> RunningExecution | None:
        """Has an execution whose process is gone go on where that left it; `record` is the execution as it is kept.

        None when somebody runs it, or it has ended. Raises `WorkspaceError` when nothing can be written.
        """
        import asyncio

        from asl_runner.workspace.resuming import last_moment, standing

        store = self._store_to_write()
        if not store.is_orphaned(record):
            return None
        # Before it is taken over: what cannot be read is not to be this process's then.
        restored = await asyncio.to_thread(standing, store, record, machine)
        ticking = clock or _clock("real", last_moment(store, record))
        pipeline = None
        if around is None and (self.directory / "pipelines").is_dir():
            pipeline = self.pipelines.of(record)
        claimed = await store.claim_orphan(record)
        if claimed is None:
            return None
        if pipeline is not None:
            around = self.pipelines.again(pipeline)
        return self._run(machine, input, claimed, ticking, observers, restored, mocks, around)

    async def restart(
        self, machine: StateMachine, input: Json, record: ExecutionRecord, old: str, *, clock: Clock
    ) -> RunningExecution:
        """Runs an Express child of a map run in the place of the one with ARN `old`, whose history is given up."""
        record = await self._store_to_write().submit_restart(record, old)
        return self._run(machine, input, record, clock, ())

    def _run(
        self,
        machine: StateMachine,
        input: Json,
        record: ExecutionRecord,
        clock: Clock | None,
        observers: Sequence[Observer],
        restored: Restored | None = None,
        mocks: Mocks | None = None,
        around: Around | None = None,
    ) -> RunningExecution:
        from asl_runner.workspace.running import StopWatch, run

        ticking = clock or _clock("real", record.start)
        store = self._store_to_write()
        log = self.log_of(record)
        running = self._running[record.arn] = run(
            machine,
            input,
            record,
            store,
            self.local.tasks,
            clock=ticking,
            limits=self.limits,
            region=self.configuration.region,
            observers=observers if log is None else (*observers, log),
            ended=self._ended,
            missing=lambda activity: self._missing(activity, mocks),
            open_map_run=lambda request: self._open_map_run(record, ticking, request),
            open_dataset=self.local.open_dataset,
            restored=restored,
            mocks=mocks,
            around=around,
        )
        if self._watch is None:
            self._watch = StopWatch(store, self._running)
        self._watch.start()
        return running

    def running(self, arn: str) -> RunningExecution | None:
        """The execution, if it runs in this process."""
        return self._running.get(arn)

    def map_run(self, arn: str) -> LiveMapRun | None:
        """The map run, if it is under way in this process."""
        return self._map_runs.get(arn)

    def map_counts(self, arn: str) -> Counts | None:
        """How the items of a map run stand that is under way in this process. From any thread."""
        live = self._map_runs.get(arn)
        return None if live is None else live.counts

    def _missing(self, activity: Resource, mocks: Mocks | None) -> str | None:
        from asl_runner.history import activities

        if mocks is not None and mocks.stands_for(activity.arn):
            return None

        found = self._store_to_write().read(lambda connection: activities.by_arn(connection, activity.arn))
        return None if found is not None else f"The activity {activity.arn} does not exist."

    async def _open_map_run(self, parent: ExecutionRecord, clock: Clock, request: MapRunRequest) -> LiveMapRun:
        from asl_runner.workspace.map_runs import open_map_run

        opened = await open_map_run(self, parent, clock, request, lambda ended: self._map_runs.pop(ended.arn, None))
        self._map_runs[opened.arn] = opened
        return opened

    def _ended(self, running: RunningExecution) -> None:
        if self._running.get(running.arn) is running:
            del self._running[running.arn]

    @property
    def local(self) -> LocalTarget:
        """What Tasks run on in this process."""
        if self._local is None:
            from asl_runner.workspace.local import LocalTarget

            self._local = LocalTarget(self.configuration, self.directory)
        return self._local

    @property
    def pipelines(self) -> Pipelines:
        """The SageMaker pipelines kept here."""
        if self._pipelines is None:
            from asl_runner.workspace.pipelines.service import Pipelines

            self._pipelines = Pipelines(self)
        return self._pipelines

    async def __aenter__(self) -> Workspace:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops what still runs, then ends every process and thread started here."""
        try:
            left = list(self._running.values())
            for running in left:
                running.stop(cause="The process that ran the execution ended.")
            for running in left:
                await running.settle()
            if self._watch is not None:
                await self._watch.close()
            if self._local is not None:
                await self._local.close()
        finally:
            self._watch = None
            self._local = None
            self.close()


def _clock(clock: Clock | Literal["real", "virtual"], not_before: float = 0.0) -> Clock:
    """The clock meant, which is not behind a time that has been: it may have been set back, or was a virtual one."""
    if not isinstance(clock, str):
        return clock
    from asl_runner.interpreter.clocks import RealClock, VirtualClock

    return RealClock(not_before) if clock == "real" else VirtualClock(max(time.time(), not_before))
