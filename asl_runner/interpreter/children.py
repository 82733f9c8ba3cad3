"""Branches and iterations under way: those that never wait for the world cost no asyncio task."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType

from asl_runner.definition import model
from asl_runner.interpreter.driver import ENDED, advance, drive
from asl_runner.interpreter.errors import Failure, HistoryLimit
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.restored import Attempt, inner_scope

_ABORTED = {
    model.Task: "TaskStateAborted",
    model.Wait: "WaitStateAborted",
    model.Parallel: "ParallelStateAborted",
    model.Map: "MapStateAborted",
}


class Children:
    """The child frames of one Parallel or Map attempt. When its `async with` block is left, none of them runs.

    They stay known to the parent while it is being cut off itself, so that whoever does that can record them.
    """

    def __init__(self, parent: Frame, iteration_of: str | None = None) -> None:
        self._parent = parent
        self._run = parent.run
        self._iteration_of = iteration_of
        self._open: dict[int, Frame] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._finished: deque[Frame] = deque()
        self._wake: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Children:
        self._parent.children = self
        return self

    async def __aexit__(
        self, type: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cancel()
        if not isinstance(raised, asyncio.CancelledError):
            self._parent.children = None

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
            self._settle(frame)
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
            wake = self._wake = asyncio.get_running_loop().create_future()
            clock.release()
            try:
                await wake
            except asyncio.CancelledError:
                if not wake.done() or wake.cancelled():
                    clock.hold()
                raise
            finally:
                self._wake = None
        frame = self._finished.popleft()
        task = self._tasks.pop(frame.index)
        if not task.done():
            await asyncio.wait([task])
        task.result()
        self._settle(frame)
        return frame

    def _settle(self, frame: Frame) -> None:
        # One that failed stays open until its failure is recorded: the parent may be cut off before it gets to that.
        if frame.failure is None:
            del self._open[frame.index]

    def record_failed(self, frame: Frame) -> None:
        """Records that the state a child failed in was cut off, if it is one for which that is recorded."""
        del self._open[frame.index]
        record_state_aborted(frame, frame.previous)

    async def cancel(self) -> None:
        """Ends every child that still runs, and waits until it has ended, however often that is interrupted.

        Raises a child's defect, if one came up instead of its end.
        """
        tasks = list(self._tasks.values())
        self._tasks.clear()
        self._finished.clear()
        for task in tasks:
            task.cancel()
        interrupted = False
        while pending := [task for task in tasks if not task.done()]:
            try:
                await asyncio.wait(pending)
            except asyncio.CancelledError:
                interrupted = True
        problems = [problem for task in tasks if not task.cancelled() and (problem := task.exception()) is not None]
        for problem in problems:
            if not isinstance(problem, HistoryLimit):
                raise problem
        if interrupted:
            raise asyncio.CancelledError

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


def _record_restored(frame: Frame, attempt: Attempt, previous: int) -> None:
    """Records the open children of a state that was open when a process died, and does not go on."""
    state, kept = frame.current, attempt.kept
    if state is None or kept is None:
        return
    for index, known in sorted((kept.children or {}).items()):
        if known.todo is None:
            continue
        child = frame.child(inner_scope(state, index), known.path, None, known.previous, index)
        if known.text:
            child.restore(known)
        if isinstance(state, model.Map):
            details = {"name": state.name, "index": index}
            frame.run.log.record("MapIterationAborted", details, previous, known.path)
        record_state_aborted(child, previous)


def record_state_aborted(frame: Frame, previous: int) -> None:
    """Records that the frame's open state, and what runs inside it, was cut off.

    Of states that failed only a Task counts as cut off (recorded).
    """
    if frame.failure is not None and not isinstance(frame.current, model.Task):
        return
    if frame.children is not None:
        frame.children.record_aborted(previous)
    elif frame.restored is not None and frame.restored.attempts:
        _record_restored(frame, frame.restored.attempts[0], previous)
    type = None if frame.current is None else _ABORTED.get(frame.current.__class__)
    if type is not None:
        frame.run.log.record(type, None, previous, frame.path)
