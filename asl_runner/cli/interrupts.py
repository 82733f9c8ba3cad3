"""Ctrl-C and SIGTERM while an execution runs: the first stops it, the second ends everything at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from asl_runner.cli.entry import EXIT_INTERRUPTED, EXIT_TERMINATED

EXIT_CODES = {signal.SIGINT: EXIT_INTERRUPTED, signal.SIGTERM: EXIT_TERMINATED}


class Interruption:
    """Whether a signal came; `exit_code` is what the command then exits with."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        self._stop: Callable[[], object] | None = None

    def on_signal(self, stop: Callable[[], object]) -> None:
        """Calls `stop` at the first signal, at once if it has come."""
        self._stop = stop
        if self.exit_code is not None:
            stop()

    def came(self, code: int) -> None:
        """A signal came that asks for this exit code."""
        self.exit_code = code
        if self._stop is not None:
            self._stop()


@contextmanager
def interruptible(*, quiet: bool = False) -> Iterator[Interruption]:
    """Lets the first signal stop what `on_signal` names; the second kills this process and every one under it.

    To be used inside a running event loop, in the main thread.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    interruption = Interruption()

    def handle(code: int) -> None:
        if interruption.exit_code is not None:
            from asl_runner.cli.processes import kill_descendants

            kill_descendants()
            os._exit(code)
        if not quiet:
            print("Stopping the execution; once more to kill it.", file=sys.stderr, flush=True)
        interruption.came(code)

    for number, code in EXIT_CODES.items():
        loop.add_signal_handler(number, handle, code)
    try:
        yield interruption
    finally:
        for number in EXIT_CODES:
            loop.remove_signal_handler(number)
