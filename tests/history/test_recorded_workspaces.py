"""The workspaces earlier versions have left, one for each schema, opened by this one: see `record_workspace.py`."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.history.database import SCHEMA_VERSION
from asl_runner.history.store import Store
from asl_runner.workspace import Workspace

RECORDED = Path(__file__).parent / "workspaces"
VERSIONS = sorted(int(path.name) for path in RECORDED.iterdir() if path.name.isdigit())

MENDED = """
def handler(event, context):
    return {"checked": event["number"]}
"""

KILLED_WHILE_MIGRATING = """
import os, signal, sys
from pathlib import Path
from asl_runner.history import database

read = Path.read_text

def read_or_die(path, *arguments, **named):
    if path.name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path, *arguments, **named)

Path.read_text = read_or_die
database.open_writable(Path(sys.argv[1]), "normal")
"""


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> int:
    """A schema some version wrote."""
    number: int = request.param
    return number


@pytest.fixture
def place(tmp_path: Path, version: int) -> Path:
    """A directory with the workspace that version left, and the function its executions call, mended."""
    shutil.copytree(RECORDED / str(version), tmp_path / "workspace")
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "check.py").write_text(MENDED, encoding="utf-8")
    return tmp_path


def asl_runner(place: Path, *arguments: str) -> str:
    """What a command prints; it succeeds."""
    command = [sys.executable, "-m", "asl_runner", *arguments, "--workspace", str(place / "workspace")]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def schema_of(place: Path) -> int:
    """The schema the database says it has."""
    connection = sqlite3.connect(place / "workspace" / "workspace.db")
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()
    return version


def listed(place: Path) -> dict[str, str]:
    """Names and statuses of all executions, through the command line."""
    found: list[dict[str, Any]] = json.loads(asl_runner(place, "list", "--json"))["executions"]
    return {execution["name"]: execution["status"] for execution in found}


def expected(version: int) -> dict[str, str]:
    """What was recorded."""
    spread = {"spread": "FAILED"} if version > 1 else {}
    return {"succeeded": "SUCCEEDED", "failed": "FAILED", "killed": "RUNNING"} | spread


def test_there_is_a_workspace_of_every_schema() -> None:
    """A new schema needs the workspace of the one before: `record_workspace.py`, run before the schema is raised."""
    assert VERSIONS[: SCHEMA_VERSION - 1] == list(range(1, SCHEMA_VERSION))


def test_executions_are_listed_shown_and_told(place: Path, version: int) -> None:
    assert listed(place) == expected(version)
    assert schema_of(place) == SCHEMA_VERSION
    described = json.loads(asl_runner(place, "describe", "succeeded", "--json"))
    assert json.loads(described["output"]) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert "Two" in asl_runner(place, "show", "failed")
    events = json.loads(asl_runner(place, "history", "failed", "--json"))["events"]
    assert events[-1]["type"] == "ExecutionFailed"
    assert events[-1]["executionFailedEventDetails"]["error"] == "ValueError"
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert "killed" in asl_runner(place, "list", "--status", "running")


def test_a_failed_execution_is_redriven(place: Path) -> None:
    assert json.loads(asl_runner(place, "redrive", "failed", "--quiet")) == [{"checked": 1}, {"checked": 2}]
    events = json.loads(asl_runner(place, "history", "failed", "--json"))["events"]
    types = [event["type"] for event in events]
    assert types.count("ExecutionRedriven") == 1
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    assert entered.count("One") == 1  # What had succeeded under the old version is kept.


def test_a_failed_distributed_map_is_redriven(place: Path, version: int) -> None:
    if version == 1:
        assert "spread" not in listed(place)  # There were no map runs to keep.
        return
    answer = json.loads(asl_runner(place, "redrive", "spread", "--quiet"))
    assert answer == [{"checked": 1}, {"checked": 2}, {"checked": 3}]


async def test_an_interrupted_execution_goes_on(place: Path) -> None:
    directory = place / "workspace"
    async with Workspace(Configuration(root=place, workspace=directory), directory) as workspace:
        record = workspace.find("killed")
        machine = load(record.definition)
        running = await workspace.resume(machine, json.loads(record.input), record)
        assert running is not None
        outcome = await running.result()
        assert (outcome.status, outcome.output) == ("SUCCEEDED", b'"carried on"')


def test_a_new_execution_beside_the_old_ones(place: Path, version: int) -> None:
    definition = place / "new.asl.json"
    definition.write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}', encoding="utf-8")
    asl_runner(place, "run", str(definition), "--name", "new", "--quiet")
    assert listed(place) == expected(version) | {"new": "SUCCEEDED"}


def test_a_kill_in_the_middle_of_the_upgrade_loses_nothing(place: Path, version: int) -> None:
    path = place / "workspace" / "workspace.db"
    for following in range(version + 1, SCHEMA_VERSION + 1):
        command = [sys.executable, "-c", KILLED_WHILE_MIGRATING, str(path), f"{following:04}.sql"]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert schema_of(place) == version
    assert listed(place) == expected(version)
    assert schema_of(place) == SCHEMA_VERSION


def test_two_processes_upgrade_at_once(place: Path, version: int) -> None:
    path = place / "workspace" / "workspace.db"
    script = (
        "import sys; from pathlib import Path; from asl_runner.history.store import Store; sys.stdin.read();"
        "store = Store.open(Path(sys.argv[1])); print(len(store.executions(children=False))); store.close()"
    )
    command = [sys.executable, "-c", script, str(path)]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    answers = [process.communicate()[0].strip() for process in both]
    assert answers == [str(len(expected(version)))] * 2
    with Store.open(path, read_only=True) as store:
        record = store.find("succeeded")
        assert [event.id for event in store.events(record.arn)] == list(range(1, record.event_count + 1))
