"""Runs the command line as a person does: in a directory, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

PASS: dict[str, Any] = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"n": 1}, "End": True}}}
WAIT: dict[str, Any] = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
FAIL: dict[str, Any] = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Order.Lost", "Cause": "gone"}}}


def task(function: str, **fields: Any) -> dict[str, Any]:
    """A machine of one Lambda task."""
    resource = f"arn:aws:lambda:us-east-1:123456789012:function:{function}"
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True, **fields}}}


def write(directory: Path, name: str, document: Any) -> Path:
    """A file with this JSON, or this text."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def environment() -> dict[str, str]:
    """The tests' environment without what would change the answers."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("ASL_RUNNER_", "AWS_"))}


def asl_runner(directory: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """One command, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "asl_runner", *arguments],
        cwd=directory,
        env=environment(),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def start(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """One command, left running."""
    return subprocess.Popen(
        [sys.executable, "-m", "asl_runner", *arguments],
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As a shell has it, whatever the tests themselves run under.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )


def wait_for_line(process: subprocess.Popen[str], text: str) -> str:
    """Reads stderr up to the line that holds `text`, and gives it."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"{text!r} never came")
