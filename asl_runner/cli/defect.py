"""What is said when asl_runner itself is wrong: a short report on stderr, the traceback in a file."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path


def report_defect(defect: Exception, arguments: Sequence[str]) -> None:
    """Says on stderr that this is a defect in asl_runner, and where the traceback is."""
    from asl_runner import __version__
    from asl_runner.configuration import WORKSPACE_NAME

    text = "".join(traceback.format_exception(defect))
    report = f"asl-runner {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n{list(arguments)!r}\n\n{text}"
    name = f"defect-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    summary = f"{type(defect).__name__}: {defect}".splitlines()[0]
    print(f"Error: this is a defect in asl_runner, not in your workflow: {summary}", file=sys.stderr)
    for directory in (Path(WORKSPACE_NAME), Path(tempfile.gettempdir())):
        try:
            directory.mkdir(exist_ok=True)
            file = directory.resolve() / name
            file.write_text(report, encoding="utf-8")
        except OSError:
            continue
        print(f"The traceback is in {file}; please report it.", file=sys.stderr)
        return
    print(text, file=sys.stderr, end="")
