"""Records a workspace database for `tests/history/workspaces/N/`, N being the schema of the asl_runner that runs it.

    PYTHONPATH=$PWD python tests/history/record_workspace.py tests/history/workspaces/4

To be run once for each schema, before the next one is written, and never again: the next version opens what this one
has left. It speaks to the command line alone, so that any version can be recorded. What it runs:

* `succeeded`: a Choice and an inline Map over three items;
* `failed`: a Parallel, one branch of which succeeds while the function of the other raises;
* `spread` (from schema 2 on): a distributed Map of three children, one of which fails;
* `killed`: a Wait in the second branch of a Parallel, the process killed with SIGKILL, its write-ahead log left behind.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:check"

HANDLER = """
def handler(event, context):
    if event["number"] == 2:
        raise ValueError("number two is not ready")
    return {"checked": event["number"]}
"""


def task(name: str, **more: Any) -> dict[str, Any]:
    """One state, a Task of the function that refuses number two."""
    return {"StartAt": name, "States": {name: {"Type": "Task", "Resource": FUNCTION, "End": True, **more}}}


MACHINES: dict[str, dict[str, Any]] = {
    "succeeded": {
        "StartAt": "Choose",
        "States": {
            "Choose": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.numbers[0]", "NumericEquals": 1, "Next": "Each"}],
                "Default": "Lost",
            },
            "Lost": {"Type": "Fail"},
            "Each": {
                "Type": "Map",
                "ItemsPath": "$.numbers",
                "Iterator": {
                    "StartAt": "Say",
                    "States": {"Say": {"Type": "Pass", "Parameters": {"n.$": "$"}, "End": True}},
                },
                "End": True,
            },
        },
    },
    "failed": {
        "StartAt": "Both",
        "States": {
            "Both": {
                "Type": "Parallel",
                "Branches": [task("One", InputPath="$.one"), task("Two", InputPath="$.two")],
                "End": True,
            }
        },
    },
    "spread": {
        "StartAt": "All",
        "States": {
            "All": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "MaxConcurrency": 1,
                "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
                | task("Check"),
                "End": True,
            }
        },
    },
    "killed": {
        "StartAt": "Both",
        "States": {
            "Both": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": "Quick", "States": {"Quick": {"Type": "Pass", "End": True}}},
                    {"StartAt": "Slow", "States": {"Slow": {"Type": "Wait", "Seconds": 20, "End": True}}},
                ],
                "Next": "Last",
            },
            "Last": {"Type": "Pass", "Result": "carried on", "End": True},
        },
    },
}

INPUTS: dict[str, Any] = {
    "succeeded": {"numbers": [1, 2, 3]},
    "failed": {"one": {"number": 1}, "two": {"number": 2}},
    "spread": {"items": [{"number": 1}, {"number": 2}, {"number": 3}]},
    "killed": {},
}


def command(place: Path, *arguments: str) -> list[str]:
    """The command line of the asl_runner on the path, its workspace in `place`."""
    return [sys.executable, "-m", "asl_runner", *arguments, "--workspace", str(place / "workspace")]


def run(place: Path, name: str) -> list[str]:
    """The command that runs a machine under its own name."""
    definition = place / f"{name}.asl.json"
    definition.write_text(json.dumps(MACHINES[name]), encoding="utf-8")
    return command(place, "run", str(definition), "--name", name, "--input", json.dumps(INPUTS[name]))


def killed(place: Path) -> None:
    """Runs the machine that waits, and kills it once it does."""
    with subprocess.Popen(run(place, "killed"), cwd=place) as process:
        listed = command(place, "history", "killed", "--json")
        while b"WaitStateEntered" not in subprocess.run(listed, cwd=place, capture_output=True, check=False).stdout:
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)


def folded(place: Path) -> None:
    """Moves the write-ahead log into the database, so that what is left of it in the end is the killed process's."""
    connection = sqlite3.connect(place / "workspace" / "workspace.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def main(target: Path) -> None:
    """Runs everything in a temporary directory and keeps the database."""
    from asl_runner.history.database import SCHEMA_VERSION

    if target.name != str(SCHEMA_VERSION):
        raise SystemExit(f"This asl_runner has schema {SCHEMA_VERSION}; {target} is to be named after it.")
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        (place / "lambdas").mkdir()
        (place / "lambdas" / "check.py").write_text(HANDLER, encoding="utf-8")
        for name in ("succeeded", "failed", *(("spread",) if SCHEMA_VERSION > 1 else ())):
            subprocess.run(run(place, name), cwd=place, check=False)
        folded(place)
        killed(place)
        target.mkdir(parents=True)
        for file in ("workspace.db", "workspace.db-wal"):
            if (place / "workspace" / file).exists():
                shutil.copy(place / "workspace" / file, target / file)
                os.chmod(target / file, 0o644)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
