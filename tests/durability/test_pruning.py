"""`asl-runner prune`: what goes, what stays, and that nothing is lost by a kill or by others who work meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from machines import COUNTS, WAITS, answer, asl_runner, start, write

from asl_runner.history.store import Store

NOISY = """
def handler(event, context):
    print("called with", event)
    return event
"""

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:noisy"

SPREADS: dict[str, Any] = {
    "StartAt": "All",
    "States": {
        "All": {
            "Type": "Map",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "One",
                "States": {"One": {"Type": "Pass", "End": True}},
            },
            "End": True,
        }
    },
}
CALLS = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": FUNCTION, "End": True}}}
FAILS = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No"}}}

KILLED_WHEN_SHRINKING = """
import os, signal
from asl_runner.history import pruning
pruning.shrink = lambda path: os.kill(os.getpid(), signal.SIGKILL)
"""

KILLED_IN_THE_SECOND_BATCH = """
import os, signal
from asl_runner.history import pruning
pruning.BATCH = 1
delete, calls = pruning._delete, []
def dies(connection, family):
    delete(connection, family)
    calls.append(family)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
pruning._delete = dies
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one execution of each kind."""
    place = tmp_path_factory.mktemp("filled")
    (place / "lambdas").mkdir()
    (place / "lambdas" / "noisy.py").write_text(NOISY, encoding="utf-8")
    for name, machine in (("calls", CALLS), ("spreads", SPREADS), ("fails", FAILS), ("count", COUNTS), ("w", WAITS)):
        write(place, name, machine)
    asl_runner(place, "run", "calls.asl.json", "--name", "calls", "--input", "{}")
    asl_runner(place, "run", "spreads.asl.json", "--name", "spreads", "--input", "[1, 2, 3]")
    asl_runner(place, "run", "fails.asl.json", "--name", "fails")
    asl_runner(place, "run", "count.asl.json", "--name", "count", "--input", '{"n": 0, "to": 3000}')
    with start(place, "run", "w.asl.json", "--name", "interrupted", "--input", '{"seconds": 600}') as process:
        assert process.stderr is not None
        while "W" not in process.stderr.readline():
            pass
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    logs = place / ".asl-runner" / "logs" / "calls"
    assert list(logs.iterdir())
    os.utime(logs, (1, 1))
    return place


@pytest.fixture
def place(filled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(filled, tmp_path / "place"))


def names(place: Path) -> set[str]:
    """The executions that are there."""
    return {each["name"] for each in answer(place, "list", "--json")["executions"]}


def left(place: Path, table: str) -> int:
    """The rows of a table."""
    with closing(sqlite3.connect(place / ".asl-runner" / "workspace.db")) as connection:
        count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return count


def size(place: Path) -> int:
    """Bytes of the database and its log."""
    files = (place / ".asl-runner").glob("workspace.db*")
    return sum(file.stat().st_size for file in files if not file.name.endswith("-shm"))


def test_everything_that_has_ended_goes_whole(place: Path) -> None:
    would = answer(place, "prune", "--older-than", "0s", "--dry-run", "--json")
    assert names(place) == {"calls", "spreads", "fails", "count", "interrupted"}
    before = size(place)
    freed = answer(place, "prune", "--older-than", "0s", "--json")
    assert freed["executions"] == would["executions"] == ["calls", "spreads", "fails", "count"]
    assert (freed["childExecutions"], freed["mapRuns"], freed["logFolders"]) == (3, 1, 1)
    assert {key: would[key] for key in ("childExecutions", "mapRuns", "logFolders", "historyBytes")} == {
        key: freed[key] for key in ("childExecutions", "mapRuns", "logFolders", "historyBytes")
    }
    assert names(place) == {"interrupted"}
    assert (left(place, "executions"), left(place, "map_runs"), left(place, "definitions")) == (1, 0, 1)
    assert not (place / ".asl-runner" / "logs" / "calls").exists()
    assert size(place) < before
    assert freed["databaseBytesAfter"] < freed["databaseBytesBefore"]
    assert asl_runner(place, "history", "interrupted").returncode == 0
    again = asl_runner(place, "prune", "--older-than", "0s")
    assert "Nothing ended before" in again.stdout


def test_only_what_is_meant(place: Path) -> None:
    assert "Nothing" in asl_runner(place, "prune", "--older-than", "1h").stdout
    said = asl_runner(place, "prune", "--older-than", "0s", "--status", "FAILED").stdout
    assert said.startswith("Removed 1 execution, ")
    assert names(place) == {"calls", "spreads", "count", "interrupted"}
    said = asl_runner(place, "prune", "--older-than", "0s", "--machine", "spreads").stdout
    assert said.startswith("Removed 1 execution, 3 children of their Maps, ")
    assert names(place) == {"calls", "count", "interrupted"}
    assert (place / ".asl-runner" / "logs" / "calls").exists()


@pytest.mark.parametrize("age", ["30", "d", "soon", "-1d", "3 years"])
def test_a_span_of_time_that_is_none(tmp_path: Path, age: str) -> None:
    done = asl_runner(tmp_path, "prune", f"--older-than={age}")
    assert done.returncode == 2
    assert "like 30d or 12h" in done.stderr


def test_a_workspace_that_is_not_there(tmp_path: Path) -> None:
    done = asl_runner(tmp_path, "prune", "--older-than", "1d")
    assert done.returncode == 2
    assert "no workspace database" in done.stderr
    assert not (tmp_path / ".asl-runner").exists()


@pytest.mark.parametrize("when", [KILLED_IN_THE_SECOND_BATCH, KILLED_WHEN_SHRINKING])
def test_a_kill_leaves_each_execution_whole_or_gone(place: Path, when: str) -> None:
    assert asl_runner(place, "prune", "--older-than", "0s", prelude=when).returncode == -signal.SIGKILL
    there = names(place)
    assert "interrupted" in there
    assert len(there) == (4 if when == KILLED_IN_THE_SECOND_BATCH else 1)
    with Store.open(place / ".asl-runner" / "workspace.db", read_only=True) as store:
        for record in store.executions():
            assert [event.id for event in store.events(record.arn)] == list(range(1, record.event_count + 1))
    answer(place, "prune", "--older-than", "0s", "--json")
    assert names(place) == {"interrupted"}
    assert not (place / ".asl-runner" / "logs" / "calls").exists()


def test_beside_a_process_that_runs_executions(place: Path) -> None:
    command = ("run", "w.asl.json", "--name", "now", "--input", '{"seconds": 600}', "--json")
    with start(place, *command) as running:
        assert running.stderr is not None
        while "W" not in running.stderr.readline():
            pass
        said = asl_runner(place, "prune", "--older-than", "0s").stdout
        assert "keeps its size" in said
        assert names(place) == {"interrupted", "now"}
        assert left(place, "definitions") > 2  # That process may remember them.
        # Stopped, not waited for: so nothing here depends on how long a prune takes.
        assert asl_runner(place, "stop", "now").returncode == 0
        out, err = running.communicate()
    assert json.loads(out)["status"] == "ABORTED", err
    assert answer(place, "describe", "now", "--json")["status"] == "ABORTED"
    events = answer(place, "history", "now", "--json")["events"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    asl_runner(place, "prune", "--older-than", "1h")
    assert left(place, "definitions") == 1


def test_a_pruned_name_is_free_again(place: Path) -> None:
    command = ("run", "fails.asl.json", "--name", "fails")
    assert "Execution Already Exists" in asl_runner(place, *command).stderr
    answer(place, "prune", "--older-than", "0s", "--json")
    assert "Already" not in asl_runner(place, *command).stderr
    assert names(place) == {"interrupted", "fails"}


def test_an_execution_of_a_pipeline_stays(place: Path) -> None:
    folder = place / ".asl-runner" / "pipelines" / "p"
    (folder / "executions").mkdir(parents=True)
    arn = answer(place, "describe", "fails", "--json")["executionArn"]
    pipeline = {"name": "p", "definition": "{}", "created": 1.0, "modified": 1.0}
    execution = {"pipeline": "p", "id": "x", "definition": "{}", "parameters": {}, "execution_arn": arn, "created": 1.0}
    (folder / "pipeline.json").write_text(json.dumps(pipeline), encoding="utf-8")
    (folder / "executions" / "x.json").write_text(json.dumps(execution), encoding="utf-8")
    answer(place, "prune", "--older-than", "0s", "--json")
    assert names(place) == {"interrupted", "fails"}
