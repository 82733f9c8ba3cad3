"""The database file when things go wrong: other processes, kills, damage, permissions, a full disk."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from histories import entered, execution

from asl_runner.errors import NotFound, WorkspaceError
from asl_runner.history import database
from asl_runner.history.store import Store

HERE = Path(__file__).parent
NOBODY = 65534

PRELUDE = """
import asyncio, sys
from pathlib import Path
from histories import entered, execution
from asl_runner.errors import WorkspaceError
from asl_runner.history.store import Store
"""

WRITES_UNTIL_KILLED = """
async def main():
    store = Store.open(Path(sys.argv[1]))
    journal = store.journal(store.create_execution(execution("one")).arn)
    first = 1
    while True:
        count = first % 7 + 1
        journal.append(entered(count, first=first))
        await journal.commit()
        first += count
        print(first - 1, flush=True)
asyncio.run(main())
"""

CREATES_TWENTY = """
async def one(store, name):
    record = await asyncio.wrap_future(store.submit_create(execution(name)))
    journal = store.journal(record.arn)
    for first in range(1, 41, 10):
        journal.append(entered(10, first=first))
        await journal.commit()
    await asyncio.wrap_future(store.submit_finish(record.arn, "SUCCEEDED", 2000.0, b"1"))
async def main():
    with Store.open(Path(sys.argv[1])) as store:
        await asyncio.gather(*(one(store, f"{sys.argv[2]}-{n}") for n in range(20)))
asyncio.run(main())
"""

FILLS_UP = """
import resource
async def main():
    store = Store.open(Path(sys.argv[1]))
    journal = store.journal(store.create_execution(execution("one")).arn)
    journal.append(entered(1))
    await journal.commit()
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    journal.append(entered(100, first=2, payload=bytes(range(256)) * 1000))
    journal.append(entered(5_000, first=102))
    for _ in range(2):
        try:
            await journal.commit()
        except WorkspaceError as error:
            print(error)
    journal.append(entered(1, first=5_102))
    try:
        await journal.commit()
    except WorkspaceError as error:
        print(error)
asyncio.run(main())
"""


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-c", PRELUDE + script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_a_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "workspace.db"
    with child(WRITES_UNTIL_KILLED, path) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(200)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout.read().splitlines()]
    with Store.open(path) as store:
        record = store.find("latest")
        kept = list(store.events(record.arn))
        assert len(kept) >= acknowledged[-1]
        assert kept == entered(len(kept))
        assert record.status == "RUNNING"
        assert store.is_orphaned(record)


def test_two_processes_at_once_in_a_workspace_that_is_new(tmp_path: Path) -> None:
    path = tmp_path / "new" / "workspace.db"
    with child(CREATES_TWENTY, path, "a") as one, child(CREATES_TWENTY, path, "b") as two:
        pass
    assert (one.returncode, two.returncode) == (0, 0)
    with Store.open(path, read_only=True) as store:
        records = store.executions(status="SUCCEEDED")
        assert sorted(record.name for record in records) == sorted(f"{side}-{n}" for side in "ab" for n in range(20))
        assert all(list(store.events(record.arn)) == entered(40) for record in records)


def test_a_disk_that_takes_no_more(tmp_path: Path) -> None:
    path = tmp_path / "workspace.db"
    with child(FILLS_UP, path) as process:
        assert process.stdout is not None
        said = process.stdout.read().splitlines()
    assert len(said) == 3
    assert all(f"Cannot use the workspace database {path}" in line for line in said)
    with Store.open(path) as store:
        assert list(store.events(execution("one").arn)) == entered(1)


async def test_a_failed_commit_keeps_failing_and_spoils_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    path = tmp_path / "workspace.db"
    with Store.open(path) as store:
        first, second = (store.create_execution(execution(name)).arn for name in ("one", "two"))
        journal = store.journal(first)
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        journal.append(entered(3))
        with pytest.raises(WorkspaceError, match="another process keeps it locked"):
            await journal.commit()
        with pytest.raises(WorkspaceError, match="locked"):
            store.create_execution(execution("three"))
        blocker.execute("ROLLBACK")
        blocker.close()
        journal.append(entered(3, first=4))
        with pytest.raises(WorkspaceError, match="locked"):
            await journal.commit()
        assert list(store.events(first)) == []
        healthy = store.journal(second)
        healthy.append(entered(2))
        await healthy.commit()
        assert list(store.events(second)) == entered(2)


def test_full_durability_writes_the_same(tmp_path: Path) -> None:
    with Store.open(tmp_path / "workspace.db", durability="full") as store:
        arn = store.create_execution(execution("one")).arn
        assert store.execution(arn).name == "one"


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "workspace.db"
    Store.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for read_only in (False, True):
        with pytest.raises(WorkspaceError, match=r"workspace\.db has schema 99.*Upgrade asl-runner"):
            Store.open(path, read_only=read_only)


def test_somebody_elses_files_are_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_bytes(b"not a database, and long enough to be sure of it " * 40)
    with pytest.raises(WorkspaceError, match=r"text\.db: the file is not a workspace database"):
        Store.open(text)
    assert text.read_bytes().startswith(b"not a database")
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    before = other.read_bytes()
    with pytest.raises(WorkspaceError, match=r"other\.db is a database of another program"):
        Store.open(other)
    assert other.read_bytes() == before


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="Cannot create the workspace directory"):
        Store.open(tmp_path / "file" / "workspace.db")
    (tmp_path / "directory").mkdir()
    with pytest.raises(WorkspaceError, match=r"directory: it cannot be opened"):
        Store.open(tmp_path / "directory")


def test_a_damaged_history_says_so(tmp_path: Path) -> None:
    path = tmp_path / "workspace.db"
    with Store.open(path) as store:
        arn = store.create_execution(execution("one")).arn
        store.journal(arn).append(entered(3))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE segments SET events = x'c1c1'")
    connection.commit()
    connection.close()
    with Store.open(path) as store, pytest.raises(WorkspaceError, match=r"workspace\.db: a history in it is damaged"):
        list(store.events(arn))


def test_reading_creates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "none" / "workspace.db"
    with pytest.raises(NotFound, match="no workspace database"):
        Store.open(path, read_only=True)
    assert not path.parent.exists()


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A directory of a user to whom permissions apply, and that user's identity for the time of the test."""
    before = os.geteuid()
    with tempfile.TemporaryDirectory() as directory:
        if before == 0:
            os.chown(directory, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Path(directory)
        finally:
            os.seteuid(before)


def test_a_directory_that_cannot_be_written_can_be_read(ordinary_user: Path) -> None:
    path = ordinary_user / "space" / "workspace.db"
    with Store.open(path) as store:
        store.create_execution(execution("one"))
    path.chmod(0o444)
    path.parent.chmod(0o555)
    (path.parent / "owners").chmod(0o555)
    try:
        with Store.open(path, read_only=True) as store:
            assert store.names() == ["one"]
        with pytest.raises(WorkspaceError, match=r"cannot be (written|opened)|Cannot write in"):
            create(path, "two")
        path.parent.chmod(0o755)
        with pytest.raises(WorkspaceError, match=r"cannot be (written|opened)|Cannot write in"):
            create(path, "two")
    finally:
        for place in (path.parent, path.parent / "owners"):
            place.chmod(0o755)


def create(path: Path, name: str) -> None:
    with Store.open(path) as store:
        store.create_execution(execution(name))


@pytest.mark.parametrize("moment", [2, 3])
def test_a_database_that_is_being_made_is_not_another_programs(tmp_path: Path, moment: int) -> None:
    path = tmp_path / "workspace.db"
    looking = sqlite3.connect(path, isolation_level=None)
    asked: list[str] = []

    def made_meanwhile(statement: str) -> None:
        if statement.startswith("--"):
            return  # Part of one that is under way.
        asked.append(statement)
        if len(asked) == moment:
            database.open_writable(path, "normal").close()

    looking.set_trace_callback(made_meanwhile)
    assert database.check(looking, path) in (0, database.SCHEMA_VERSION)
    looking.set_trace_callback(None)
    looking.close()
