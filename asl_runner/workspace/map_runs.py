"""Map runs: the child executions of a distributed Map, kept in the workspace like any other execution.

Source: reference sections 11 (map runs) and 20.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from asl_runner.definition.model import Map, StateMachine
from asl_runner.definition.names import map_label
from asl_runner.errors import NotFound
from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact, compact_bytes
from asl_runner.history import map_runs
from asl_runner.history.map_runs import ChildRecord, MapRunRecord
from asl_runner.history.orphans import abort_children
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.visits import Counts
from asl_runner.interpreter.errors import DATA_LIMIT_EXCEEDED, Failure
from asl_runner.interpreter.map_runs import Batch, ChildEnd, MapRunRequest, MapRunSettings, MapRunStatus
from asl_runner.workspace.map_results import MapResults, child_record

if TYPE_CHECKING:
    from asl_runner.history.store import Store
    from asl_runner.interpreter.ports import Clock
    from asl_runner.workspace.running import RunningExecution
    from asl_runner.workspace.workspace import Workspace


_MOST_UNWRITTEN = 256
"""Express children that may have ended without their end being written."""


class LiveMapRun:
    """A map run under way in this process: the `MapRun` port of the interpreter."""

    def __init__(
        self,
        workspace: Workspace,
        record: MapRunRecord,
        parent: ExecutionRecord,
        request: MapRunRequest,
        clock: Clock,
        ended: Callable[[LiveMapRun], object],
    ) -> None:
        self.record = record
        self.settings = request.settings
        self.ended: Mapping[int, ChildEnd] = {}
        """Of one that goes on: how the children ended that are not run again, by their index."""
        self._begun_before: Mapping[int, str] = {}
        """The ARNs of its other children."""
        self._workspace = workspace
        self._clock = clock
        self._ended = ended
        running = workspace.running(parent.arn)
        self._mocks = None if running is None else running.mocks
        self._changed: Callable[[], None] = lambda: None
        self._request = request
        self._total = (record.items, record.executions)
        self.counts = Counts()
        """How its items stand, those of a redriven one without what succeeded before."""
        self._is_exported = False
        self._unwritten = 0
        self._writing = asyncio.Lock()
        self._express = request.state.execution_type == "EXPRESS"
        machine = child_machine(parent.definition, request.state)
        self._machine = machine
        label = record.machine_arn.rpartition("/")[2]
        self._template = ExecutionRecord(
            arn="",
            name="",
            machine_arn=record.machine_arn,
            machine_name=record.machine_arn.rpartition(":")[2],
            definition=machine.source,
            input=b"",
            start=0.0,
            role_arn=parent.role_arn,
            type=request.state.execution_type,
            map_run_arn=record.arn,
            settings=compact({**json.loads(parent.settings or "{}"), "label": label}),
        )

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self.record.arn

    @property
    def redrive_count(self) -> int:
        """How often it has been redriven."""
        return self.record.redrive_count

    def go_on(self, children: list[ChildRecord]) -> None:
        """It has begun before, with these children in the order of their index; its settings are those it had last."""
        record = self.record
        self.settings = MapRunSettings(record.max_concurrency, record.tolerated_count, record.tolerated_percentage)
        kept = ("SUCCEEDED",) if self._request.redriven is not None else ("SUCCEEDED", "FAILED", "TIMED_OUT")
        self.ended = {index: self._end_of(child) for index, child in enumerate(children) if child.status in kept}
        self._begun_before = {index: child.arn for index, child in enumerate(children) if child.status not in kept}

    def _end_of(self, child: ChildRecord) -> ChildEnd:
        if child.status == "SUCCEEDED":
            return ChildEnd(True, msgspec.json.decode(child.output or b"null"))
        return ChildEnd(False, child_record(self._workspace.writable.execution(child.arn)))

    async def grow(self, items: int, executions: int, *, complete: bool) -> None:
        """There are so many of both, at least until that is `complete`; returns once it is kept."""
        before = self._total
        total = self._total = (max(items, before[0]), max(executions, before[1]))
        self.counts.total = total[0] if complete else None
        if total != before:
            await self._workspace.writable.change(lambda connection: map_runs.grow(connection, self.arn, *total))

    def watch(self, changed: Callable[[], None]) -> None:
        """`changed` is to be called whenever the settings change."""
        self._changed = changed

    async def update(self, settings: MapRunSettings) -> None:
        """Changes what may be changed; returns once it is kept."""
        self.settings = settings
        self._changed()
        await self._workspace.writable.change(
            lambda connection: map_runs.change(
                connection,
                self.arn,
                settings.max_concurrency,
                settings.tolerated_failure_count,
                settings.tolerated_failure_percentage,
            )
        )

    async def child(self, index: int, input: Json, items: int) -> ChildEnd:
        """Runs one child execution, which stands for so many items, to its end. Cancelled, it aborts it.

        Of a map run that goes on, one that was there before goes on, too: a Standard one is redriven or, if its process
        died, goes on where it was; an Express one begins anew.
        """
        text = compact_bytes(input)
        if self._request.input_bytes is not None and len(text) > self._request.input_bytes:
            raise _too_large(self._request.state.name)
        record = self._child_record(index, text, items)
        self.counts.started += items
        before = self._begun_before.get(index)
        arn = before if before is not None and not self._express else record.arn
        try:
            running = await self._begun(record, input, before, index)
            # From now on the execution holds the clock itself; at its end we do again.
            running.when_done(self._clock.hold)
            self._clock.release()
            outcome = await running.result()
        except asyncio.CancelledError:
            cut_off = self._workspace.running(arn)
            if cut_off is not None:
                cut_off.stop()
                await cut_off.settle()
            raise
        if self._express:
            await self._keep_up()
        if outcome.status == "SUCCEEDED":
            self.counts.succeeded += items
            return ChildEnd(True, msgspec.json.decode(outcome.output or b"null"))
        self.counts.failed += items
        return ChildEnd(False, child_record(running.record))

    async def _begun(self, record: ExecutionRecord, input: Json, before: str | None, index: int) -> RunningExecution:
        workspace = self._workspace
        if before is None:
            mocks = None if self._mocks is None else self._mocks.for_item(index, input)
            return await workspace.launch(self._machine, input, record, clock=self._clock, taken=False, mocks=mocks)
        if self._express:
            return await workspace.restart(self._machine, input, record, before, clock=self._clock)
        kept = await asyncio.to_thread(workspace.writable.execution, before)
        given = msgspec.json.decode(kept.input)
        if kept.status == "RUNNING":
            mocks = None if self._mocks is None else self._mocks.for_item(index, input)
            resumed = await workspace.resume(self._machine, given, kept, clock=self._clock, mocks=mocks)
            if resumed is None:
                raise RuntimeError(f"{before} runs in another process")
            return resumed
        again = await workspace.redrive(self._machine, given, kept, at=self._clock.now(), clock=self._clock)
        if again is None:
            raise RuntimeError(f"{before} is {kept.status}, though it did not succeed")
        return again

    async def records(self) -> list[Json]:
        """The records of the children that have ended, in the order of their index."""
        store = await self._settled()

        def read(tables: sqlite3.Connection) -> list[Json]:
            return [child_record(kept) for kept in map_runs.ended_children(tables, self.arn)]

        return await asyncio.to_thread(store.read, read)

    async def export(self, pending: AsyncIterator[list[Batch]]) -> str:
        """Writes the results to the request's destination; gives the key of the manifest there.

        `pending` are those that were not begun. Raises `WriterProblem`, and what `pending` raises.
        """
        results = _results(self._workspace, self.record, self._request)
        assert results is not None
        key = await results.write(await self._settled(), pending)
        self._is_exported = True
        return key

    async def _keep_up(self) -> None:
        """Has Express children, which wait for nothing to be written, not outrun what writes them by too many."""
        self._unwritten += 1
        if self._unwritten >= _MOST_UNWRITTEN:
            async with self._writing:
                if self._unwritten >= _MOST_UNWRITTEN:
                    await self._settled()
                    self._unwritten = 0

    async def _settled(self) -> Store:
        """The database, with the ends of all children in it: nobody waits for those of Express ones."""
        store = self._workspace.writable
        await store.change(lambda connection: None)
        return store

    async def end(self, status: MapRunStatus) -> None:
        """Nothing more will be asked of it. Returns once its end is kept."""
        self._ended(self)
        stop = self._clock.now()
        written = self._is_exported or status == "SUCCEEDED"

        def end(connection: sqlite3.Connection) -> None:
            # Their process is gone, or what was to take them up was cut off before it ran them.
            abort_children(connection, self.arn, stop)
            map_runs.end(connection, self.arn, status, stop, written=written)

        await self._workspace.writable.change(end)

    def _child_record(self, index: int, input: bytes, items: int) -> ExecutionRecord:
        """A child to be begun. The same map run always gives it the same names and random numbers."""
        drawn = hashlib.blake2b(f"{self.arn}/{self.redrive_count}/{index}".encode(), digest_size=48).digest()
        name = str(uuid.UUID(bytes=drawn[:16], version=4))
        prefix = self.record.machine_arn.split(":stateMachine:")[0]
        kind = "express" if self._express else "execution"
        arn = f"{prefix}:{kind}:{self._template.machine_name}:{name}"
        return msgspec.structs.replace(
            self._template,
            arn=f"{arn}:{uuid.UUID(bytes=drawn[16:32], version=4)}" if self._express else arn,
            name=name,
            input=input,
            start=self._clock.now(),
            seed=drawn[32:].hex(),
            item_count=items,
        )


async def open_map_run(
    workspace: Workspace,
    parent: ExecutionRecord,
    clock: Clock,
    request: MapRunRequest,
    ended: Callable[[LiveMapRun], object],
) -> LiveMapRun:
    """Opens a map run of the execution `parent`, or has one of its go on; `ended` is called at its end.

    It is kept when this returns.

    Raises `WorkspaceError`, and `WriterProblem` when nothing can be written to its destination.
    """
    prefix, _, name = parent.machine_arn.partition(":stateMachine:")
    name = name.partition("/")[0]
    label = map_label(request.state.name, request.state.label, f"{prefix}:stateMachine:{name}")
    if request.redriven is not None:
        return await _redriven(workspace, parent, clock, request, request.redriven, ended)
    before = request.going_on or f"{prefix}:mapRun:{name}/{label}:{request.id}"
    if request.may_exist and (live := await _going_on(workspace, parent, clock, request, before, ended)) is not None:
        return live
    settings = request.settings
    record = MapRunRecord(
        arn=f"{prefix}:mapRun:{name}/{label}:{request.id}",
        execution_arn=parent.arn,
        machine_arn=f"{prefix}:stateMachine:{name}/{label}",
        status="RUNNING",
        start=clock.now(),
        max_concurrency=settings.max_concurrency,
        tolerated_count=settings.tolerated_failure_count,
        tolerated_percentage=settings.tolerated_failure_percentage,
        items=request.items,
        executions=request.executions,
    )
    if (results := _results(workspace, record, request)) is not None:
        await results.check()
    await workspace.writable.change(lambda connection: map_runs.add(connection, record))
    return LiveMapRun(workspace, record, parent, request, clock, ended)


async def _redriven(
    workspace: Workspace,
    parent: ExecutionRecord,
    clock: Clock,
    request: MapRunRequest,
    arn: str,
    ended: Callable[[LiveMapRun], object],
) -> LiveMapRun:
    """A map run that goes on: with the settings it had at its end, and the children it had."""

    def known(connection: sqlite3.Connection) -> MapRunRecord:
        return map_runs.by_arn(connection, arn)

    def again(connection: sqlite3.Connection) -> tuple[MapRunRecord, list[ChildRecord]]:
        return map_runs.redrive(connection, arn, clock.now()), map_runs.children(connection, arn)

    before = await workspace.writable.change(known)
    to_be = msgspec.structs.replace(before, redrive_count=before.redrive_count + 1)
    if (results := _results(workspace, to_be, request)) is not None:
        await results.check()
    record, children = await workspace.writable.change(again)
    live = LiveMapRun(workspace, record, parent, request, clock, ended)
    live.go_on(children)
    return live


async def _going_on(
    workspace: Workspace,
    parent: ExecutionRecord,
    clock: Clock,
    request: MapRunRequest,
    arn: str,
    ended: Callable[[LiveMapRun], object],
) -> LiveMapRun | None:
    """A map run whose process died: with the children it had. None if it had not been opened."""

    def known(connection: sqlite3.Connection) -> tuple[MapRunRecord, list[ChildRecord]] | None:
        try:
            return map_runs.by_arn(connection, arn), map_runs.children(connection, arn)
        except NotFound:
            return None

    found = await workspace.writable.change(known)
    if found is None:
        return None
    record, children = found
    live = LiveMapRun(workspace, record, parent, request, clock, ended)
    live.go_on(children)
    return live


def _results(workspace: Workspace, record: MapRunRecord, request: MapRunRequest) -> MapResults | None:
    """What exports its results, if they are to be."""
    writer = request.state.result_writer
    if request.destination is None or writer is None or writer.resource is None:
        return None
    objects = workspace.local.objects_for(writer.resource, request.state.name)
    return MapResults(record, request.destination, objects, workspace.directory)


def _too_large(state: str) -> Failure:
    cause = (
        f"The input of a child execution of the Map state '{state}' exceeds the maximum number of bytes service limit; "
        "keep less of each item with ItemSelector, or fewer items in a batch."
    )
    return Failure(DATA_LIMIT_EXCEEDED, cause)


def child_machine(definition: str, state: Map) -> StateMachine:
    """What the children of a distributed Map run: its processor as a machine, with its part of the definition."""
    document = json.loads(definition)
    written = _written(document, state.name) or {}
    source = {key: value for key, value in written.items() if key != "ProcessorConfig"}
    language = document.get("QueryLanguage")
    if language:
        source = {"QueryLanguage": language, **source}
    scope = state.item_processor
    return StateMachine(
        start_at=scope.start_at,
        states=scope.states,
        comment=scope.comment,
        source=compact(source),
        query_language=language or "JSONPath",
    )


def _written(scope: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The processor, as written, of the Map of this name; names are unique in a whole definition."""
    for key, state in scope["States"].items():
        processor = state.get("ItemProcessor") or state.get("Iterator")
        if key == name and processor:
            return dict(processor)
        for inner in (*state.get("Branches", ()), *([processor] if processor else ())):
            if (found := _written(inner, name)) is not None:
                return found
    return None
