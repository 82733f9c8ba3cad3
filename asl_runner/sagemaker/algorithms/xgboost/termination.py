"""SIGTERM ends a training program with 0 between two rounds; what is in `model/` by then is the job's model."""

from __future__ import annotations

import signal
import sys
import threading

_requested = threading.Event()


def exit_on_sigterm() -> None:
    """From now on SIGTERM raises `SystemExit(0)`, and `exit_if_requested` does so after it."""

    def request(_signal: int, _frame: object) -> None:
        _requested.set()
        sys.exit(0)

    _requested.clear()
    signal.signal(signal.SIGTERM, request)


def exit_if_requested() -> None:
    """Ends the program after a SIGTERM whose exception was lost, as in a finalizer or a callback of native code."""
    if _requested.is_set():
        sys.exit(0)
