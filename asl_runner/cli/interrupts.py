"""Ctrl-C, SIGTERM and the end of the terminal: the first stops what runs, the second ends everything at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from asl_runner.cli.entry import EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED

EXIT_CODES = {signal.SIGINT: EXIT_INTERRUPTED, signal.SIGTERM: EXIT_TERMINATED, signal.SIGHUP: EXIT_HUNG_UP}


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


def hear_ctrl_c() -> None:
    """Has Ctrl-C end a command that follows something, also where a shell had it ignored, as in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def interruptible(message: str | None) -> Iterator[Interruption]:
    """Lets the first signal stop what `on_signal` names, saying `message`; the second kills this process and every one
    under it. Under `nohup` the end of the terminal is no signal.

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
        if message is not None:
            # The terminal may be what has gone.
            with suppress(OSError):
                print(message, file=sys.stderr, flush=True)
        interruption.came(code)

    # Shells have what they start in the background ignore SIGINT; only of SIGHUP it is the user's wish.
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    heard = {number: code for number, code in EXIT_CODES.items() if number != signal.SIGHUP or not outlives}
    for number, code in heard.items():
        loop.add_signal_handler(number, handle, code)
    try:
        yield interruption
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
