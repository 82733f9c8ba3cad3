"""Clocks: the real one, and a virtual one that jumps to the next timer as soon as nothing real is in flight."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable

from asl_runner.interpreter.ports import Timer

_NAP = 10.0
"""Seconds after which a real wait looks at the clock again: the event loop's own stops while the machine is suspended,
and does not hear of one set forward."""

_FEW = 64
"""Cancelled timers that are not worth tidying up."""


class RealClock:
    """The machine's clock, except that it never goes back: one set back goes on here from where it was, at its pace.

    So events are in the order of their times, nothing takes less than no time, and a wait takes what it was to take.
    """

    __slots__ = ("_lead",)

    def __init__(self, not_before: float = 0.0) -> None:
        """`not_before`: a time that has been already, the last of what the execution did in another process."""
        self._lead = max(time.time(), not_before) - time.monotonic()
        """How far it is ahead of the monotonic clock, which stands still while the machine is suspended."""

    def now(self) -> float:
        """Seconds since the epoch."""
        wall, steady = time.time(), time.monotonic() + self._lead
        if wall <= steady:
            return steady
        self._lead += wall - steady
        return wall

    async def sleep_until(self, when: float) -> None:
        """Sleeps in real time, that of a suspended machine included; wakes early never."""
        while (left := when - self.now()) > 0:
            await asyncio.sleep(min(left, _NAP))

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Calls back from the event loop."""
        return _RealTimer(self, when, callback)

    def hold(self) -> None:
        """Real time needs no holding."""

    def release(self) -> None:
        """Real time needs no holding."""


class _RealTimer:
    """Looks at the clock until it is time."""

    __slots__ = ("_callback", "_clock", "_handle", "_when")

    def __init__(self, clock: RealClock, when: float, callback: Callable[[], object]) -> None:
        self._clock = clock
        self._when = when
        self._callback = callback
        self._handle = self._arm()

    def cancel(self) -> None:
        self._handle.cancel()

    def _arm(self) -> asyncio.TimerHandle:
        left = max(0.0, self._when - self._clock.now())
        return asyncio.get_running_loop().call_later(min(left, _NAP), self._look)

    def _look(self) -> None:
        if self._clock.now() >= self._when:
            self._callback()
        else:
            self._handle = self._arm()


class _VirtualTimer:
    __slots__ = ("_clock", "callback")

    def __init__(self, clock: VirtualClock, callback: Callable[[], object]) -> None:
        self._clock = clock
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        if self.callback is not None:
            self.callback = None
            self._clock.cancelled()


class VirtualClock:
    """Time that passes only while everybody waits: a year of waits takes milliseconds.

    Everything that can still act holds the clock (`hold`/`release`); when nobody does, the time jumps to the earliest
    timer. Single-threaded: to be used from one event loop.
    """

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start
        self._holds = 0
        self._timers: list[tuple[float, int, _VirtualTimer]] = []
        self._order = itertools.count()
        self._jump_scheduled = False
        self._cancelled = 0

    def now(self) -> float:
        """Seconds since the epoch, of virtual time."""
        return self._now

    async def sleep_until(self, when: float) -> None:
        """Lets the time jump while waiting; returns at once when `when` is past."""
        if when <= self._now:
            return
        woken = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                self.hold()
                woken.set_result(None)

        timer = self.call_at(when, wake)
        self.release()
        try:
            await woken
        except asyncio.CancelledError:
            timer.cancel()
            if not woken.done() or woken.cancelled():
                self.hold()
            raise

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Calls back from the event loop when the time has come to `when`."""
        timer = _VirtualTimer(self, callback)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        self._consider_jump()
        return timer

    def cancelled(self) -> None:
        """A timer was cancelled: once most of them are, they are thrown away."""
        self._cancelled += 1
        if self._cancelled > _FEW and self._cancelled * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if entry[2].callback is not None]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def hold(self) -> None:
        """Stops jumps until the matching `release`."""
        self._holds += 1

    def release(self) -> None:
        """Ends one `hold`; with the last one the time may jump."""
        self._holds -= 1
        self._consider_jump()

    def _consider_jump(self) -> None:
        # Deferred, so that whatever was just woken or cancelled gets to take its own hold first.
        if self._holds <= 0 and self._timers and not self._jump_scheduled:
            self._jump_scheduled = True
            asyncio.get_running_loop().call_soon(self._jump)

    def _jump(self) -> None:
        self._jump_scheduled = False
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
            self._cancelled -= 1
        if self._holds > 0 or not self._timers:
            return
        when, _, timer = heapq.heappop(self._timers)
        self._now = max(self._now, when)
        callback, timer.callback = timer.callback, None
        if callback is not None:
            callback()
        self._consider_jump()
