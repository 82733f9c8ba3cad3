"""Disks that take no more, or nothing: the execution ends in a clear word, what was kept is there, and life goes on."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from machines import COUNTS, WAITS, answer, asl_runner, environment, write

LITTLE = '{"n": 0, "to": 10}'
MUCH = '{"n": 0, "to": 20000}'

FEW_PAGES = """
import sqlite3
connect = sqlite3.connect
def small(*arguments, **named):
    connection = connect(*arguments, **named)
    connection.execute("PRAGMA max_page_count = 60")
    return connection
sqlite3.connect = small
"""
"""SQLite itself says that there is no more room."""

UNLIMITED = '[limits]\nhistory_events = "none"\n'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory whose workspace holds one execution that ended well."""
    (tmp_path / "asl-runner.toml").write_text(UNLIMITED, encoding="utf-8")
    write(tmp_path, "count", COUNTS)
    assert answer(tmp_path, "run", "count.asl.json", "--name", "before", "--input", LITTLE) == 10
    return tmp_path


def statuses(place: Path) -> dict[str, str]:
    """Names and statuses of the executions."""
    listed = answer(place, "list", "--json")["executions"]
    return {execution["name"]: execution["status"] for execution in listed}


def event_ids(place: Path, name: str) -> list[int]:
    """The ids of the events kept of an execution."""
    return [event["id"] for event in answer(place, "history", name, "--json")["events"]]


@pytest.mark.parametrize("how", ["the file may not grow", "SQLite is full"])
def test_no_room_in_the_middle_of_an_execution(place: Path, how: str) -> None:
    def no_growth() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    command = ("run", "count.asl.json", "--name", "big", "--input", MUCH, "--quiet")
    if how == "SQLite is full":
        done = asl_runner(place, *command, prelude=FEW_PAGES)
        assert "the disk is full; free some space and run again" in done.stderr
    else:
        done = asl_runner(place, *command, preexec_fn=no_growth)
    assert done.returncode == 1
    assert f"Cannot use the workspace database {place / '.asl-runner' / 'workspace.db'}" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""

    assert statuses(place) == {"before": "SUCCEEDED", "big": "RUNNING"}
    kept = event_ids(place, "big")
    assert kept == list(range(1, len(kept) + 1))
    assert asl_runner(place, "stop", "big").returncode == 0
    assert event_ids(place, "big") == [*kept, len(kept) + 1]
    assert answer(place, "run", "count.asl.json", "--name", "after", "--input", LITTLE) == 10
    assert statuses(place) == {"before": "SUCCEEDED", "big": "ABORTED", "after": "SUCCEEDED"}


def on_disk_of_its_own(place: Path, size: str, *steps: str) -> subprocess.CompletedProcess[str]:
    """Runs shell commands in `place` with a file system of this size mounted at `place/disk`; skips where none may be.

    `asl-runner` is the command line with its workspace there.
    """
    (place / "disk").mkdir()
    mount = f"mount -t tmpfs -o size={size} none disk"
    unshare = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*unshare, mount], cwd=place, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a file system in a namespace of their own")
    alias = f'asl_runner() {{ "{sys.executable}" -m asl_runner "$@"; }}; export ASL_RUNNER_WORKSPACE=disk/workspace'
    script = "\n".join([alias, mount, *steps])
    return subprocess.run([*unshare, script], cwd=place, env=environment(), capture_output=True, text=True, check=False)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    write(tmp_path, "count", COUNTS)
    (tmp_path / "asl-runner.toml").write_text(UNLIMITED, encoding="utf-8")
    done = on_disk_of_its_own(
        tmp_path,
        "2m",
        "head -c 1000000 /dev/zero > disk/ballast",
        f"asl_runner run count.asl.json --name before --input '{LITTLE}' --quiet",
        f"asl_runner run count.asl.json --name big --input '{MUCH}' --quiet; echo $?",
        "dd if=/dev/zero of=disk/filler bs=1k 2>/dev/null",
        f"asl_runner run count.asl.json --input '{LITTLE}' --workspace disk/other --quiet; echo $?",
        "rm disk/filler disk/ballast",
        "asl_runner stop big >&2",
        "asl_runner list --json",
    )
    ten, first, second, *listed = done.stdout.splitlines()
    assert (ten, first, second) == ("10", "1", "1"), done.stderr
    assert "the disk is full; free some space and run again" in done.stderr
    assert "disk/other" in done.stderr
    assert "Traceback" not in done.stderr
    assert {each["name"]: each["status"] for each in json.loads("".join(listed))["executions"]} == {
        "before": "SUCCEEDED",
        "big": "ABORTED",
    }


def test_a_disk_that_becomes_read_only(tmp_path: Path) -> None:
    write(tmp_path, "count", COUNTS)
    write(tmp_path, "wait", WAITS)
    done = on_disk_of_its_own(
        tmp_path,
        "4m",
        f"asl_runner run count.asl.json --name before --input '{LITTLE}' --quiet",
        "mount -o remount,ro disk",
        f"asl_runner run count.asl.json --name after --input '{LITTLE}' --quiet; echo $?",
        "asl_runner describe before --json > described.json; echo $?",
        "asl_runner history before --json > history.json; echo $?",
    )
    assert done.stdout.split() == ["10", "1", "0", "0"], done.stderr
    assert "disk/workspace" in done.stderr
    assert "can be written" in done.stderr or "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "described.json").read_text(encoding="utf-8"))["status"] == "SUCCEEDED"
    events = json.loads((tmp_path / "history.json").read_text(encoding="utf-8"))["events"]
    assert events[-1]["type"] == "ExecutionSucceeded"


def test_pruning_where_the_disk_has_no_room_to_write_the_database_anew(tmp_path: Path) -> None:
    write(tmp_path, "count", COUNTS)
    write(tmp_path, "other", COUNTS)
    (tmp_path / "asl-runner.toml").write_text(UNLIMITED, encoding="utf-8")
    done = on_disk_of_its_own(
        tmp_path,
        "32m",
        'asl_runner run count.asl.json --name kept --input \'{"n": 0, "to": 12000}\' --quiet',
        'asl_runner run other.asl.json --name gone --input \'{"n": 0, "to": 3000}\' --quiet',
        "head -c 200000 /dev/zero > disk/ballast",
        "dd if=/dev/zero of=disk/filler bs=1k 2>/dev/null",
        "rm disk/ballast",
        "asl_runner prune --older-than 0s --machine other; echo $?",
        "rm disk/filler",
        "asl_runner list --json",
    )
    kept, gone, said, code, *listed = done.stdout.splitlines()
    assert (kept, gone, code) == ("12000", "3000", "0"), done.stderr
    assert "no room" in said
    assert [each["name"] for each in json.loads("".join(listed))["executions"]] == ["kept"]
