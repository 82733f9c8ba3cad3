"""Map runs: the child executions of a distributed Map, kept in the workspace like any other execution.

Source: reference sections 11 (map runs) and 20.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from asl_runner.definition.model import Map, StateMachine
from asl_runner.definition.names import map_label
from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact, compact_bytes
from asl_runner.history import map_runs
from asl_runner.history.map_runs import ChildRecord, MapRunRecord
from asl_runner.history.records import ExecutionRecord
from asl_runner.interpreter.context import iso_time
from asl_runner.interpreter.map_runs import ChildEnd, MapRunRequest, MapRunSettings, MapRunStatus

if TYPE_CHECKING:
    from asl_runner.interpreter.ports import Clock
    from asl_runner.workspace.running import RunningExecution
    from asl_runner.workspace.workspace import Workspace


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
        self._workspace = workspace
        self._clock = clock
        self._ended = ended
        running = workspace.running(parent.arn)
        self._mocks = None if running is None else running.mocks
        self._children: list[ChildRecord] = []
        self._changed: Callable[[], None] = lambda: None
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

    @property
    def outputs(self) -> Mapping[int, Json]:
        """Of one that goes on: what the children gave that succeeded before, by their index."""
        return {
            index: msgspec.json.decode(child.output or b"null")
            for index, child in enumerate(self._children)
            if child.status == "SUCCEEDED"
        }

    def go_on(self, children: list[ChildRecord]) -> None:
        """It has begun before, with these children in the order of their index."""
        self._children = children

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

        Of a map run that goes on, one that was there before goes on, too: a Standard one is redriven, an Express one
        begins anew.
        """
        record = self._child_record(compact_bytes(input), items)
        before = self._children[index] if index < len(self._children) else None
        arn = before.arn if before is not None and not self._express else record.arn
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
        if outcome.status == "SUCCEEDED":
            return ChildEnd(True, msgspec.json.decode(outcome.output or b"null"))
        return ChildEnd(False, _described(running.record))

    async def _begun(
        self, record: ExecutionRecord, input: Json, before: ChildRecord | None, index: int
    ) -> RunningExecution:
        workspace = self._workspace
        if before is None:
            mocks = None if self._mocks is None else self._mocks.for_item(index)
            return await workspace.launch(self._machine, input, record, clock=self._clock, taken=False, mocks=mocks)
        if self._express:
            return await workspace.restart(self._machine, input, record, before.arn, clock=self._clock)
        kept = await asyncio.to_thread(workspace.writable.execution, before.arn)
        given = msgspec.json.decode(kept.input)
        again = await workspace.redrive(self._machine, given, kept, at=self._clock.now(), clock=self._clock)
        if again is None:
            raise RuntimeError(f"{before.arn} is {kept.status}, though it did not succeed")
        return again

    async def end(self, status: MapRunStatus) -> None:
        """Nothing more will be asked of it. Returns once its end is kept."""
        self._ended(self)
        stop = self._clock.now()
        await self._workspace.writable.change(lambda connection: map_runs.end(connection, self.arn, status, stop))

    def _child_record(self, input: bytes, items: int) -> ExecutionRecord:
        name = str(uuid.uuid4())
        prefix = self.record.machine_arn.split(":stateMachine:")[0]
        kind = "express" if self._express else "execution"
        arn = f"{prefix}:{kind}:{self._template.machine_name}:{name}"
        return msgspec.structs.replace(
            self._template,
            arn=f"{arn}:{uuid.uuid4()}" if self._express else arn,
            name=name,
            input=input,
            start=self._clock.now(),
            seed=uuid.uuid4().hex,
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

    Raises `WorkspaceError`.
    """
    prefix, _, name = parent.machine_arn.partition(":stateMachine:")
    name = name.partition("/")[0]
    label = map_label(request.state.name, request.state.label, f"{prefix}:stateMachine:{name}")
    if request.redriven is not None:
        return await _redriven(workspace, parent, clock, request, request.redriven, ended)
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

    def again(connection: sqlite3.Connection) -> tuple[MapRunRecord, list[ChildRecord]]:
        return map_runs.redrive(connection, arn, clock.now()), map_runs.children(connection, arn)

    record, children = await workspace.writable.change(again)
    settings = MapRunSettings(record.max_concurrency, record.tolerated_count, record.tolerated_percentage)
    live = LiveMapRun(workspace, record, parent, msgspec.structs.replace(request, settings=settings), clock, ended)
    live.go_on(children)
    return live


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


def _described(record: ExecutionRecord) -> Json:
    """A failed child as it stands in the result of its Map, where failures are tolerated (reference section 11)."""
    found = {
        "Cause": record.cause,
        "Error": record.error,
        "ExecutionArn": record.arn,
        "Input": record.input.decode(),
        "InputDetails": {"Included": True},
        "Name": record.name,
        "StartDate": iso_time(record.start),
        "StateMachineArn": record.machine_arn,
        "Status": record.status,
        "StopDate": None if record.stop is None else iso_time(record.stop),
    }
    return {name: value for name, value in found.items() if value is not None}
