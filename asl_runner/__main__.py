"""`asl-runner`, and `python -m asl_runner`."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


def main() -> None:
    """Runs the command line of this process and exits with its code.

    The overview and the version are answered before anything is imported: looking up a command should not cost more
    than starting Python.
    """
    arguments = sys.argv[1:]
    if sys.stdout is None or sys.stderr is None:
        _open_closed_streams()
    if arguments in (["--help"], ["-h"]):
        from asl_runner.cli.overview import overview

        sys.stdout.write(overview())
    elif arguments == ["--version"]:
        from asl_runner import __version__

        sys.stdout.write(f"asl-runner {__version__}\n")
    else:
        try:
            code = _run(arguments)
        except KeyboardInterrupt:
            sys.stderr.write("Interrupted.\n")  # While modules were loading, or after a command had done its work.
            code = INTERRUPTED
        _exit(code)


def _open_closed_streams() -> None:
    """What is written to a stream that the caller has closed goes nowhere, and is no mistake."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the process ends


def _run(arguments: list[str]) -> int:
    import gc

    # Hardly anything here is garbage in cycles: modules while they load, then events on their way to the disk.
    gc.set_threshold(50_000, 20, 50)
    from asl_runner.cli.entry import run_command_line

    return run_command_line(arguments)


def _exit(code: int) -> None:
    """Ends the process. All is closed and written; taking every module apart would cost as much as a small run."""
    import atexit
    import signal

    # What is left to end ends by itself when this process does.
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # Whoever read it has gone.
    os._exit(code)


if __name__ == "__main__":
    main()
