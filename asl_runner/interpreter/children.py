"""Branches and iterations under way: those that never wait for the world cost no asyncio task."""

from __future__ import annotations

import asyncio
from collections import deque

from asl_runner.definition import model
from asl_runner.interpreter.driver import ENDED, advance, drive
from asl_runner.interpreter.errors import Failure
from asl_runner.interpreter.frame import Frame, Run

_ABORTED = {
    model.Task: "TaskStateAborted",
    model.Wait: "WaitStateAborted",
    model.Parallel: "ParallelStateAborted",
    model.Map: "MapStateAborted",
}


class Children:
    """The child frames of one Parallel or Map attempt. Nothing of them is left when `cancel` has returned."""

    def __init__(self, run: Run, iteration_of: str | None = None) -> None:
        self._run = run
        self._iteration_of = iteration_of
        self._open: dict[int, Frame] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._finished: deque[Frame] = deque()
        self._wake: asyncio.Future[None] | None = None

    def add(self, frame: Frame) -> None:
        """The child has begun, though none of its states has been entered yet."""
        self._open[frame.index] = frame

    def start(self, frame: Frame) -> bool:
        """Runs the child as far as it goes without waiting; true if it has ended. Its failure is in `frame.failure`."""
        try:
            ended = advance(frame) is ENDED
        except Failure as failure:
            frame.failure = failure
            ended = True
        if ended:
            del self._open[frame.index]
            return True
        clock = self._run.ports.clock
        clock.hold()
        task = asyncio.create_task(self._finish(frame))
        # Not in _finish: a task cancelled before its first step never runs.
        task.add_done_callback(lambda _: clock.release())
        self._tasks[frame.index] = task
        return False

    @property
    def running(self) -> bool:
        """Whether some child waits, or has ended and was not yet taken by `next`."""
        return bool(self._tasks)

    async def next(self) -> Frame:
        """The next child to end, in the order they end. Raises what no child may raise: a defect, a full history."""
        clock = self._run.ports.clock
        if not self._finished:
            self._run.log.flush()
            self._wake = asyncio.get_running_loop().create_future()
            clock.release()
            try:
                await self._wake
            except asyncio.CancelledError:
                if not self._finished:
                    clock.hold()
                raise
            finally:
                self._wake = None
        frame = self._finished.popleft()
        task = self._tasks.pop(frame.index)
        if not task.done():
            await asyncio.wait([task])
        task.result()
        del self._open[frame.index]
        return frame

    async def cancel(self) -> None:
        """Ends every child that still runs, and waits until it has ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._tasks.clear()
        self._finished.clear()

    def record_aborted(self, previous: int) -> None:
        """Records the children that were cut off, innermost first within each, after event `previous` (recorded)."""
        for index in sorted(self._open):
            frame = self._open[index]
            if self._iteration_of is not None:
                details = {"name": self._iteration_of, "index": index}
                self._run.log.record("MapIterationAborted", details, previous, frame.path)
            record_state_aborted(frame, previous)

    async def _finish(self, frame: Frame) -> None:
        try:
            await drive(frame)
        except Failure as failure:
            frame.failure = failure
        finally:
            self._finished.append(frame)
            if self._wake is not None and not self._wake.done():
                # On behalf of the parent, which is about to go on.
                self._run.ports.clock.hold()
                self._wake.set_result(None)


def record_state_aborted(frame: Frame, previous: int) -> None:
    """Records that the frame's open state, and what runs inside it, was cut off."""
    if frame.children is not None:
        frame.children.record_aborted(previous)
    type = None if frame.current is None else _ABORTED.get(frame.current.__class__)
    if type is not None:
        frame.run.log.record(type, None, previous, frame.path)
