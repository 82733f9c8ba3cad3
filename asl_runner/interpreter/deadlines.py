"""The timeout and the heartbeat of a task attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Literal

from asl_runner.interpreter.errors import TIMEOUT, Failure
from asl_runner.interpreter.ports import Clock, TaskFailed, Timer


class Deadlines:
    """Cancels the work in its `async with` block when the timeout passes, or heartbeats stay away for too long.

    The block then raises a `Failure`, also when the work answers in the very moment or does not mind being cancelled.
    """

    def __init__(
        self, clock: Clock, timeout: float | None, heartbeat: float | None, on_pass: Callable[[], object]
    ) -> None:
        """`on_pass` is called when one passes, before the work is cut off."""
        self.passed: Literal["timeout", "heartbeat"] | None = None
        """Which one passed."""
        self._clock = clock
        self._seconds = timeout
        self._interval = heartbeat
        self._on_pass = on_pass
        self._task: asyncio.Task[object] | None = None
        self._timeout: Timer | None = None
        self._heartbeat: Timer | None = None
        self.running = True
        """Whether the work has not ended yet."""

    def start(self, begun: float | None = None) -> None:
        """The work has begun, just now unless it is said when: its time runs. To be called once, at the latest within
        the block."""
        if self._seconds is not None and self._timeout is None and self.running:
            since = self._clock.now() if begun is None else begun
            self._timeout = self._clock.call_at(since + self._seconds, lambda: self._pass("timeout"))
        self._await_heartbeat()

    def beat(self) -> None:
        """A heartbeat arrived: its deadline moves on."""
        if self._heartbeat is not None:
            self._await_heartbeat()

    async def __aenter__(self) -> Deadlines:
        self._task = asyncio.current_task()
        return self

    async def __aexit__(
        self, type: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.running = False
        for timer in (self._timeout, self._heartbeat):
            if timer is not None:
                timer.cancel()
        if self.passed is None or self._task is None:
            return
        by_others = self._task.uncancel() > 0
        stopped = isinstance(raised, asyncio.CancelledError)
        if raised is None or isinstance(raised, TaskFailed) or (stopped and not by_others):
            raise Failure(TIMEOUT, None, task=True, heartbeat=self.passed == "heartbeat") from raised

    def _await_heartbeat(self) -> None:
        if self._interval is None or self.passed is not None or not self.running:
            return
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._heartbeat = self._clock.call_at(self._clock.now() + self._interval, lambda: self._pass("heartbeat"))

    def _pass(self, which: Literal["timeout", "heartbeat"]) -> None:
        if self.passed is None and self.running and self._task is not None:
            self.passed = which
            self._on_pass()
            self._task.cancel()
