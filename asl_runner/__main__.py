"""`asl-runner`, and `python -m asl_runner`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command line of this process and exits with its code.

    The overview and the version are answered before anything is imported: looking up a command should not cost more
    than starting Python.
    """
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        from asl_runner.cli.overview import overview

        sys.stdout.write(overview())
    elif arguments == ["--version"]:
        from asl_runner import __version__

        sys.stdout.write(f"asl-runner {__version__}\n")
    else:
        from asl_runner.cli.entry import run_command_line

        sys.exit(run_command_line(arguments))


if __name__ == "__main__":
    main()
