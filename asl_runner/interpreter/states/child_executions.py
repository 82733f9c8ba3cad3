"""The child executions of one map run: begun in order, at most so many at once, until too many items failed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.batches import Batches
from asl_runner.interpreter.errors import threshold_failure
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.map_runs import Batch, ChildEnd, MapRun


class ChildExecutions:
    """Runs what `batches` gives; only so many of them are there at once as may run, and what they give if `kept`."""

    def __init__(self, frame: Frame, run: MapRun, batches: Batches, *, kept: bool) -> None:
        self._frame = frame
        self._clock = frame.run.ports.clock
        self._run = run
        self._batches = batches
        self._failed = 0
        self._known = run.ended
        self._results: list[Json] | None = [] if kept else None
        self._count = 0
        self._waiting: deque[tuple[int, Batch]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._ended: deque[tuple[int, int, ChildEnd]] = deque()
        self._defect: BaseException | None = None
        self._wake: asyncio.Future[None] | None = None

    @property
    def results(self) -> list[Json]:
        """What they gave, in the order of the batches."""
        return self._results or []

    async def work(self) -> None:
        """Returns when all have ended. Raises `Failure`, also when more failed than is tolerated.

        Whatever it raises, none of them runs any more then.
        """
        self._run.watch(self._look)
        try:
            while True:
                self._take()
                await self._fill()
                total = self._batches.items if self._batches.ended else None
                if self._run.settings.exceeded_by(self._failed, total):
                    raise threshold_failure()
                self._begin()
                if not self._running and not self._ended:
                    return
                await self._change()
        except BaseException:
            await self._cancel()
            raise

    async def pending(self, *, read: bool) -> AsyncIterator[list[Batch]]:
        """Those that were not begun; with `read` also those that have not been read yet."""
        yield [batch for _, batch in self._waiting]
        while read and not self._batches.ended:
            yield await self._batches.more()

    def _at_once(self) -> int:
        cap = self._frame.run.limits.distributed_map_concurrency
        return min(self._run.settings.max_concurrency or cap, cap)

    async def _fill(self) -> None:
        """Has as many ready as may be begun."""
        while not self._batches.ended and len(self._waiting) < self._at_once():
            for batch in await self._batches.more():
                index = self._count
                self._count += 1
                known = self._known.get(index)
                if self._results is not None:
                    self._results.append(None if known is None else known.output)
                if known is None:
                    self._waiting.append((index, batch))
                elif not known.succeeded:
                    self._failed += batch[1]
            batches = self._batches
            await self._run.grow(batches.items, batches.executions, complete=batches.ended)

    def _begin(self) -> None:
        at_once = self._at_once()
        while self._waiting and len(self._running) < at_once:
            # On behalf of the child, from now to its end; not in the task, which may be cancelled before it begins.
            self._clock.hold()
            task = asyncio.create_task(self._child(*self._waiting.popleft()))
            self._running.add(task)
            task.add_done_callback(self._settle)

    async def _child(self, index: int, batch: Batch) -> None:
        input, items = batch
        self._ended.append((index, items, await self._run.child(index, input, items)))

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
            index, items, end = self._ended.popleft()
            if self._results is not None:
                self._results[index] = end.output
            if not end.succeeded:
                self._failed += items

    def _look(self) -> None:
        """Lets `work` go on: a child ended, or the settings changed."""
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
