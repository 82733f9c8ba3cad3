"""How long a person waits before anything happens: help, and a small run from cold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, pair

_THREE = {
    "StartAt": "A",
    "States": {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Pass", "Parameters": {"sum.$": "States.MathAdd($.a, 1)"}, "Next": "C"},
        "C": {"Type": "Succeed"},
    },
}


def rows(runs: int) -> Iterator[Row]:
    """`--help`, and a run of three states."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "three.asl.json")
        file.write_text(json.dumps(_THREE), encoding="utf-8")
        run = ["run", str(file), "--input", '{"a": 1}', "--quiet", "--workspace", str(Path(directory, "workspace"))]
        for name, arguments, mark in (
            ("asl-runner --help", ["--help"], "under 4 times"),
            ("a run of three states from cold", run, "under 8 times"),
        ):
            ours, floor = pair(
                lambda arguments=arguments: _start("-m", "asl_runner", *arguments),  # type: ignore[misc]
                lambda: _start("-c", "pass"),
                max(runs, 5),
            )
            yield Row(name=name, count=1, unit="starts", ours=ours, floor=floor, floor_is="python -c pass", mark=mark)


def _start(*arguments: str) -> None:
    # As installed: with the bytecode of the first start at hand.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
