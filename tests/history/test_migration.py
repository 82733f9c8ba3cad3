"""A workspace kept by an earlier version, opened by this one."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from asl_runner.errors import WorkspaceError
from asl_runner.history import database
from asl_runner.history.machine_records import MachineRecord
from asl_runner.history.machines import Machines
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.store import Store

RECORDED = Path(__file__).parent / "workspaces" / "1"
"""What is in it: see `record_workspace.py`."""

ARN = "arn:aws:states:us-east-1:123456789012:execution:succeeded:succeeded"
MACHINE = MachineRecord(
    arn="arn:aws:states:us-east-1:123456789012:stateMachine:m",
    name="m",
    type="EXPRESS",
    definition='{"StartAt": "A"}',
    role_arn="arn:aws:iam::123456789012:role/r",
    settings={"tracingConfiguration": {"enabled": False}},
    created=1000.5,
    updated=1000.5,
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A workspace database of schema version 1, as recorded."""
    return Path(shutil.copytree(RECORDED, tmp_path / "old")) / "workspace.db"


def version_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()
    return version


@pytest.mark.parametrize("read_only", [True, False])
def test_everything_kept_is_there_after_the_migration(old: Path, read_only: bool) -> None:
    with Store.open(old, read_only=read_only) as store:
        killed, failed, oldest = store.executions()
        assert (killed.name, killed.status, store.is_orphaned(killed)) == ("killed", "RUNNING", True)
        assert (failed.name, failed.status, failed.error) == ("failed", "FAILED", "ValueError")
        assert oldest == store.execution(ARN)
        assert (oldest.input, oldest.output) == (b'{"numbers":[1,2,3]}', b'[{"n":1},{"n":2},{"n":3}]')
        assert (oldest.type, oldest.version_arn, oldest.map_run_arn) == ("STANDARD", None, None)
        types = [event.type for event in store.events(ARN)]
        assert (types[0], types[-1], len(types)) == ("ExecutionStarted", "ExecutionSucceeded", oldest.event_count)
    assert version_of(old) == database.SCHEMA_VERSION


async def test_a_migrated_workspace_takes_executions_and_machines(old: Path) -> None:
    with Store.open(old) as store:
        await store.change(lambda connection: Machines(connection).put_machine(MACHINE))
        assert store.read(lambda connection: Machines(connection).machine(MACHINE.arn)) == MACHINE
        record = ExecutionRecord(
            arn=f"{ARN}-again",
            name="succeeded",
            machine_arn=MACHINE.arn,
            machine_name="m",
            definition=MACHINE.definition,
            input=b"{}",
            start=2e9,
            type="EXPRESS",
            version_arn=f"{MACHINE.arn}:1",
        )
        await store.submit_create(record)
        assert [each.arn for each in store.executions(limit=2)] == [record.arn, store.find("killed").arn]
        assert store.execution(record.arn).version_arn == record.version_arn


def test_an_interrupted_migration_leaves_the_old_workspace(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SCHEMA_VERSION", database.SCHEMA_VERSION + 1)
    with pytest.raises(FileNotFoundError):
        Store.open(old)
    monkeypatch.undo()
    assert version_of(old) == 1
    with Store.open(old) as store:
        assert store.execution(ARN).status == "SUCCEEDED"


def test_an_old_workspace_that_cannot_be_migrated_says_so(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, durability: str) -> sqlite3.Connection:
        raise WorkspaceError(f"Cannot use the workspace database {path}: it cannot be written.")

    monkeypatch.setattr(database, "open_writable", refuse)
    with pytest.raises(WorkspaceError, match=r"has schema 1 of an older asl-runner.*cannot be written"):
        Store.open(old, read_only=True)


async def test_a_refused_change_undoes_only_itself(tmp_path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        Machines(connection).put_machine(MACHINE)
        raise KeyError("no")

    with Store.open(tmp_path / "workspace.db") as store:
        await store.change(lambda connection: Machines(connection).put_tags("a", {"k": "v"}))
        with pytest.raises(KeyError):
            await store.change(half)
        assert store.read(lambda connection: Machines(connection).machine(MACHINE.arn)) is None
        assert store.read(lambda connection: Machines(connection).tags("a")) == {"k": "v"}
