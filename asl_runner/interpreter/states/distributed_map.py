"""A distributed Map: one map run, with a child execution for each item or batch of items.

Source: reference section 11; recorded histories for the events. What MapStateExited follows changed in 2024: before,
it was MapRunSucceeded; since, it is MapRunStarted.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Iterator
from typing import TypeAlias

from asl_runner.definition.model import ItemBatcher, Map, Quantity
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.expressions.json_text import compact_bytes
from asl_runner.interpreter.dataflow import states_variable
from asl_runner.interpreter.errors import (
    ITEM_READER_FAILED,
    RESULT_WRITER_FAILED,
    Failure,
    threshold_failure,
)
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.map_runs import ChildEnd, MapRun, MapRunRequest, MapRunSettings
from asl_runner.interpreter.quantities import whole_number
from asl_runner.interpreter.states.items import items_of, max_concurrency, selected, tolerated

Batch: TypeAlias = "tuple[Json, int]"
"""The input of a child execution, and how many items it stands for."""


async def work(frame: Frame, state: Map, effective: Json) -> Json:
    """One attempt: the array of the child executions' outputs.

    Raises `Failure`, `ExpressionError`, and `UsageError` where nothing runs child executions.
    """
    _check_available(frame, state)
    items = items_of(state, effective, frame)
    concurrency = max_concurrency(state, effective, frame)
    log = frame.run.log
    kept = frame.take_kept()
    redriven = None if kept is None else kept.map_run
    if kept is None:
        frame.previous = log.record("MapStateStarted", {"length": len(items)}, frame.previous, frame.path)
    else:
        frame.previous = kept.started
    settings = MapRunSettings(concurrency, *tolerated(state, effective, frame))
    batches = list(batches_of(state, effective, items, frame))
    run = await _opened(frame, state, settings, items=len(items), executions=len(batches), redriven=redriven)
    details: dict[str, Json] = {"mapRunArn": run.arn}
    if redriven is not None:
        details["redriveCount"] = run.redrive_count
    started = log.record("MapRunRedriven" if redriven else "MapRunStarted", details, frame.previous, frame.path)
    frame.previous = started
    log.flush()
    results = await _ChildExecutions(frame, run, batches, len(items)).results()
    succeeded = log.record("MapRunSucceeded", None, started, frame.path)
    log.record("MapStateSucceeded", None, succeeded, frame.path)
    return results


def _check_available(frame: Frame, state: Map) -> None:
    if state.item_reader is not None:
        raise Failure(ITEM_READER_FAILED, f"The Map state {state.name!r} has an ItemReader, which cannot be read here.")
    if state.result_writer is not None and state.result_writer.resource is not None:
        cause = f"The Map state {state.name!r} has a ResultWriter, which cannot be written here."
        raise Failure(RESULT_WRITER_FAILED, cause)
    if frame.run.ports.open_map_run is None:
        raise UsageError(f"The Map state {state.name!r} has Mode DISTRIBUTED; nothing here runs child executions.")


async def _opened(
    frame: Frame, state: Map, settings: MapRunSettings, *, items: int, executions: int, redriven: str | None
) -> MapRun:
    open_ = frame.run.ports.open_map_run
    assert open_ is not None
    id = str(uuid.UUID(bytes=frame.random.randbytes(16), version=4))
    return await open_(
        MapRunRequest(state=state, id=id, settings=settings, items=items, executions=executions, redriven=redriven)
    )


def batches_of(state: Map, effective: Json, items: Json, frame: Frame) -> Iterator[Batch]:
    """What each child execution gets: the items after ItemSelector and ItemBatcher. Raises `ExpressionError`."""
    inputs = (selected(state, effective, item, frame) for item in map_items(items))
    if state.item_batcher is None:
        return ((input, 1) for input in inputs)
    return _batched(state, state.item_batcher, effective, inputs, frame)


def map_items(items: Json) -> Iterator[dict[str, Json]]:
    """The context's `Map.Item` for each item. Those of an object are its members."""
    if isinstance(items, dict):
        for index, (key, value) in enumerate(items.items()):
            member = {"key": key, "value": value}
            yield {"Index": index, "Key": key, "Value": member, "Source": "STATE_DATA"}
    else:
        for index, value in enumerate(items):
            yield {"Index": index, "Value": value, "Source": "STATE_DATA"}


def _batched(
    state: Map, batcher: ItemBatcher, effective: Json, inputs: Iterator[Json], frame: Frame
) -> Iterator[Batch]:
    """Groups of items, each within the number of items and of bytes of its JSON text."""
    most = _positive(batcher.max_items_per_batch, effective, frame)
    limits = (_positive(batcher.max_input_bytes_per_batch, effective, frame), frame.run.limits.payload_bytes)
    limit = min((limit for limit in limits if limit is not None), default=None)
    frame_of_batch: dict[str, Json] = {}
    if batcher.batch_input is not None:
        data = states_variable(frame) if state.query_language == "JSONata" else effective
        frame_of_batch["BatchInput"] = batcher.batch_input(data, frame)
    empty = len(compact_bytes({**frame_of_batch, "Items": []}))
    group: list[Json] = []
    size = empty
    for input in inputs:
        more = len(compact_bytes(input)) + 1
        full = most is not None and len(group) >= most
        if group and (full or (limit is not None and size + more - 1 > limit)):
            yield {**frame_of_batch, "Items": group}, len(group)
            group, size = [], empty
        group.append(input)
        size += more
    if group:
        yield {**frame_of_batch, "Items": group}, len(group)


def _positive(quantity: Quantity | None, effective: Json, frame: Frame) -> int | None:
    if quantity is None:
        return None
    number = whole_number(quantity, effective, frame)
    if number <= 0:
        raise ExpressionError(f"field {quantity.field.removesuffix('Path')} must be positive")
    return number


class _ChildExecutions:
    """Runs the child executions of one map run: in order, at most so many at once, until too many items failed."""

    def __init__(self, frame: Frame, run: MapRun, batches: list[Batch], items: int) -> None:
        self._frame = frame
        self._clock = frame.run.ports.clock
        self._run = run
        self._batches = batches
        self._items = items
        self._failed = 0
        known = run.outputs
        self._results: list[Json] = [known.get(index) for index in range(len(batches))]
        self._waiting = deque(index for index in range(len(batches)) if index not in known)
        self._running: set[asyncio.Task[None]] = set()
        self._ended: deque[tuple[int, ChildEnd]] = deque()
        self._defect: BaseException | None = None
        self._wake: asyncio.Future[None] | None = None

    async def results(self) -> list[Json]:
        """The outputs in the order of the batches. Raises `Failure` when more failed than is tolerated."""
        run = self._run
        run.watch(self._look)
        try:
            while True:
                self._take()
                if run.settings.exceeded_by(self._failed, self._items):
                    break
                self._begin()
                if not self._running and not self._ended:
                    await run.end("SUCCEEDED")
                    return self._results
                await self._change()
            await self._cancel()
        except BaseException:
            await self._cancel()
            await run.end("ABORTED")
            raise
        await run.end("FAILED")
        raise self._failure()

    def _failure(self) -> Failure:
        frame = self._frame
        failure = threshold_failure()
        details = {"error": failure.error, "cause": failure.cause}
        frame.previous = frame.run.log.record("MapRunFailed", details, frame.previous, frame.path)
        return failure

    def _begin(self) -> None:
        cap = self._frame.run.limits.distributed_map_concurrency
        at_once = min(self._run.settings.max_concurrency or cap, cap)
        while self._waiting and len(self._running) < at_once:
            # On behalf of the child, from now to its end; not in the task, which may be cancelled before it begins.
            self._clock.hold()
            task = asyncio.create_task(self._child(self._waiting.popleft()))
            self._running.add(task)
            task.add_done_callback(self._settle)

    async def _child(self, index: int) -> None:
        input, items = self._batches[index]
        self._ended.append((index, await self._run.child(index, input, items)))

    def _settle(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None and self._defect is None:
            self._defect = problem
        self._look()
        self._clock.release()

    def _take(self) -> None:
        if self._defect is not None:
            raise self._defect
        while self._ended:
            index, end = self._ended.popleft()
            self._results[index] = end.output
            if not end.succeeded:
                self._failed += self._batches[index][1]

    def _look(self) -> None:
        """Lets `results` go on: a child ended, or the settings changed."""
        if self._wake is not None and not self._wake.done():
            self._clock.hold()
            self._wake.set_result(None)

    async def _change(self) -> None:
        """Waits, without holding the clock, until there is something to do."""
        if self._ended or self._defect is not None:
            return
        wake = self._wake = asyncio.get_running_loop().create_future()
        self._clock.release()
        try:
            await wake
        except asyncio.CancelledError:
            if not wake.done() or wake.cancelled():
                self._clock.hold()
            raise
        finally:
            self._wake = None

    async def _cancel(self) -> None:
        """Aborts the children that run, and waits until they have ended, however often that is interrupted."""
        interrupted = False
        for task in self._running:
            task.cancel()
        while self._running:
            try:
                await asyncio.wait(self._running)
            except asyncio.CancelledError:
                interrupted = True
        if interrupted:
            raise asyncio.CancelledError
