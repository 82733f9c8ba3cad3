"""What the tests of this room run, and how: the command line, as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

WAITS: dict[str, Any] = {
    "StartAt": "Before",
    "States": {
        "Before": {"Type": "Pass", "Next": "W"},
        "W": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "After"},
        "After": {"Type": "Pass", "Result": "waited", "End": True},
    },
}
"""Waits for as long as its input says."""

COUNTS: dict[str, Any] = {
    "StartAt": "More",
    "States": {
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericGreaterThanEqualsPath": "$.to", "Next": "Done"}],
            "Default": "Add",
        },
        "Add": {
            "Type": "Pass",
            "Parameters": {"n.$": "States.MathAdd($.n, 1)", "to.$": "$.to"},
            "Next": "More",
        },
        "Done": {"Type": "Succeed", "OutputPath": "$.n"},
    },
}
"""Counts from `n` up to `to`, in a great many events."""


def write(place: Path, name: str, machine: dict[str, Any]) -> str:
    """The name of a definition file with this machine."""
    (place / f"{name}.asl.json").write_text(json.dumps(machine), encoding="utf-8")
    return f"{name}.asl.json"


def environment() -> dict[str, str]:
    """The tests' environment without what would change the answers."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("ASL_RUNNER_", "AWS_"))}


def start(place: Path, *arguments: str, prelude: str = "", **how: Any) -> subprocess.Popen[str]:
    """A command, left running; `prelude` is Python that its process runs first."""
    script = f"import sys\n{prelude}\nsys.argv[0] = 'asl-runner'\nfrom asl_runner.__main__ import main\nmain()"
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=place,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **how,
    )


def asl_runner(place: Path, *arguments: str, prelude: str = "", **how: Any) -> subprocess.CompletedProcess[str]:
    """A command, run to its end."""
    with start(place, *arguments, prelude=prelude, **how) as process:
        out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def answer(place: Path, *arguments: str, prelude: str = "") -> Any:
    """What a command that succeeds prints, as JSON."""
    done = asl_runner(place, *arguments, prelude=prelude)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
