"""Limits on one evaluation: how long it takes and how much memory it fills, so that no expression hangs or kills us.

A thread looks at the evaluations in progress and stops one that goes too far by raising `Overrun` in its thread
(`PyThreadState_SetAsyncExc`), which costs an evaluation nothing while it runs. The thread starts with the first
evaluation and ends when there is none for a while. What one call to C builds is beyond its reach: such calls ask
`Evaluation.charge` before they build much, and regular expressions get `Evaluation.remaining` as their own limit.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import lru_cache
from typing import Any, Final, TypeVar

from asl_runner.expressions.environment import Environment, Json

TIME_LIMIT: Final = 5.0
"""Seconds an evaluation may take. The service gives it one second, on machines of its own."""

DEPTH_LIMIT: Final = 100
"""How deeply an expression may nest (measured at the service): terms of a sum, parentheses, stages of `~>`."""

SIZE_LIMIT: Final = 6_990_256
"""Bytes one value may hold, 8 for a number and 1 for a character (measured at the service)."""

MEMORY_LIMIT: Final = 512 << 20
"""Bytes the process may grow by in one evaluation, whatever the values are made of."""

GENERATED: Final = "<jsonata>"
"""The file name of compiled expressions."""

LARGE: Final = 64 << 10
"""Bytes from which a string or list is worth asking before it is built."""

# As the service words them (developer guide, and measured); they have no code there.
TIMED_OUT: Final = "Expression evaluation timeout: Check for infinite loop"
TOO_LARGE: Final = "Expression evaluation memory limit exceeded: Check for excessive memory usage"
STACK_OVERFLOW: Final = (
    "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive."
)

_TICK = 0.05
_AGAIN = 1.0
"""Seconds after which an `Overrun` that was lost, in a finalizer for example, is raised once more."""
_IDLE_TICKS = 20
_LOOK = 32 << 20
"""Bytes charged from one look at the memory of the process to the next."""

_Result = TypeVar("_Result")


class Overrun(BaseException):
    """Raised in the thread of an evaluation that went too far; no `except Exception` on the way takes it."""


class TooFar(Exception):
    """An evaluation was stopped; the text says by which limit."""


class Evaluation:
    """One evaluation in progress: what it may read, and what it has used."""

    __slots__ = ("charged", "context", "env", "fired", "firing", "left", "memory", "started", "states", "thread", "why")

    def __init__(self, states: Json, env: Environment | None, context: Json) -> None:
        self.states = states
        self.env: Any = env
        self.context = context
        self.thread = threading.get_ident()
        self.started = time.monotonic()
        self.memory: int | None = None
        self.charged = 0
        self.why: TooFar | None = None
        self.fired = 0.0
        self.firing = False
        self.left = False

    def remaining(self) -> float:
        """Seconds that are left, a moment at least: the watch ends what has none."""
        return max(self.started + TIME_LIMIT - time.monotonic(), 0.001)

    def timed_out(self) -> TooFar:
        """What to raise when the time is over."""
        return TooFar(TIMED_OUT)

    def charge(self, size: int) -> None:
        """Asks for `size` bytes that are about to be filled; raises `TooFar` when they are too many."""
        if self.memory is None:
            self.memory = resident_bytes()
        self.charged += size
        if self.charged >= _LOOK or size >= _LOOK:
            self.charged = 0
            if resident_bytes() + size - self.memory > MEMORY_LIMIT:
                raise TooFar(TOO_LARGE)

    def overruns(self, now: float) -> bool:
        """Whether it went too far, seen by the watch; `why` then says how."""
        if now - self.started > TIME_LIMIT:
            self.why = TooFar(TIMED_OUT)
        elif self.memory is None:
            self.memory = resident_bytes()
        elif resident_bytes() - self.memory > MEMORY_LIMIT:
            self.why = TooFar(TOO_LARGE)
        return self.why is not None


current: ContextVar[Evaluation] = ContextVar("jsonata_evaluation")
"""The evaluation whose code runs."""

_running: dict[Evaluation, bool] = {}
_watch: threading.Thread | None = None


def guarded(evaluation: Evaluation, work: Callable[[Evaluation], _Result]) -> _Result:
    """What `work` gives, in a context of its own. Raises `TooFar` when it goes too far, and what `work` raises.

    No `Overrun` is raised after this has returned.
    """
    _running[evaluation] = True
    if _watch is None:
        _start()
    try:
        try:
            return copy_context().run(work, evaluation)
        finally:
            _leave(evaluation)
    except Overrun:
        _leave(evaluation)
        raise evaluation.why or TooFar(TIMED_OUT) from None
    except RecursionError:
        raise TooFar(STACK_OVERFLOW) from None
    except MemoryError:
        raise TooFar(TOO_LARGE) from None


def _leave(evaluation: Evaluation) -> None:
    """Ends the watch over an evaluation, and takes an `Overrun` that is on its way; may be called again."""
    while True:
        try:
            # The watch reads these two in the opposite order, so one of the two sides sees the other.
            evaluation.left = True
            while evaluation.firing:
                time.sleep(0.0002)
            if evaluation.fired:
                _take()
            _running.pop(evaluation, None)
            return
        except Overrun:
            continue


def _take() -> None:
    """Has an `Overrun` that may be on its way to this thread raised here, where it does no harm.

    Were it taken back unraised, CPython 3.11 would look for it at every step from then on, and not come to an end under
    a debugger or a measurement of coverage.
    """
    try:
        _interrupt(threading.get_ident(), Overrun)
        while True:
            time.sleep(0)
    except Overrun:
        return


def _interrupt(thread: int, problem: type[BaseException]) -> None:
    """Raises an exception in a thread at its next step."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(problem))


def _start() -> None:
    global _watch
    thread = threading.Thread(target=_look_on, name="asl-runner-jsonata-watch", daemon=True)
    _watch = thread
    thread.start()


def _look_on() -> None:
    global _watch
    me = threading.current_thread()
    idle = 0
    while _watch is me:
        time.sleep(_TICK)
        now = time.monotonic()
        busy = list(_running)
        for evaluation in busy:
            if now - evaluation.fired > _AGAIN and evaluation.overruns(now):
                _fire(evaluation, now)
        idle = 0 if busy else idle + 1
        if idle >= _IDLE_TICKS:
            # An evaluation that began before this and saw a watch is seen here; a later one starts its own.
            _watch = None
            if _running and _watch is None:
                _watch = me
                idle = 0


def _fire(evaluation: Evaluation, now: float) -> None:
    evaluation.firing = True
    try:
        # A thread that is in somebody else's code may be in a finalizer, where an exception would be lost: it is
        # stopped the next time. One that waits for its turn raises the exception where it waits.
        frame = sys._current_frames().get(evaluation.thread)
        if not evaluation.left and frame is not None and frame.f_code.co_filename.startswith(interruptible()):
            evaluation.fired = now
            _interrupt(evaluation.thread, Overrun)
    finally:
        evaluation.firing = False


@lru_cache(maxsize=1)
def interruptible() -> tuple[str, ...]:
    """The beginnings of the file names of code in which an evaluation may be stopped."""
    engine = importlib.util.find_spec("jsonata2py")
    assert engine is not None
    assert engine.origin is not None
    return (GENERATED, os.path.dirname(engine.origin), os.path.dirname(__file__))


def resident_bytes() -> int:
    """The memory of this process: as it is now on Linux, at its highest elsewhere, 0 where nobody tells."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * _PAGE
    except OSError:
        return _peak_bytes()


def _peak_bytes() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


_PAGE = os.sysconf("SC_PAGESIZE") if hasattr(os, "sysconf") else 4096


def _forget_watch() -> None:
    """A forked child has no threads but the one that forked."""
    global _watch
    _watch = None
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_watch)
