"""A database that was cut off or scribbled over: what was committed before is there, or a clear word."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from asl_runner.errors import NotFound, WorkspaceError
from asl_runner.history.events import Event
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.store import Store

COMMITS = 40
PER_COMMIT = 5
PAGE = 4096
ARN = "arn:aws:states:us-east-1:123456789012:execution:m:one"


class Kept(Struct, frozen=True):
    """A workspace whose process was killed, and how long its write-ahead log was when each commit was acknowledged."""

    directory: Path
    created: int
    commits: tuple[int, ...]

    @property
    def log(self) -> Path:
        """The write-ahead log."""
        return self.directory / "workspace.db-wal"


def events(count: int, first: int = 1) -> list[Event]:
    """So many events, each with a payload of its own."""
    return [
        Event(n, n - 1, 1000.0 + n, "PassStateEntered", {"name": f"S{n}", "input": b'{"n": %d}' % n})
        for n in range(first, first + count)
    ]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """What is on the disk while a process that has committed so many times still runs."""
    place = tmp_path_factory.mktemp("kept")
    lengths: list[int] = []

    async def fill(path: Path) -> None:
        store = Store.open(path)
        record = ExecutionRecord(
            arn=ARN,
            name="one",
            machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:m",
            machine_name="m",
            definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
            input=b"{}",
            start=1000.0,
        )
        await store.submit_create(record)
        log = path.with_name("workspace.db-wal")
        lengths.append(log.stat().st_size)
        journal = store.journal(ARN)
        for commit in range(COMMITS):
            journal.append(events(PER_COMMIT, 1 + commit * PER_COMMIT))
            await journal.commit()
            lengths.append(log.stat().st_size)
        for name in ("workspace.db", "workspace.db-wal"):
            shutil.copy(path.with_name(name), place / name)
        store.close()

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(fill(Path(directory) / "workspace.db"))
    return Kept(place, lengths[0], tuple(lengths[1:]))


@contextmanager
def copied(kept: Kept) -> Iterator[Path]:
    """A copy of the database to damage."""
    with tempfile.TemporaryDirectory() as directory:
        for file in kept.directory.iterdir():
            shutil.copy(file, directory)
        yield Path(directory) / "workspace.db"


def found(path: Path, *, read_only: bool) -> list[Event] | None:
    """The events that are there; None where there is no execution. Raises `WorkspaceError`."""
    with Store.open(path, read_only=read_only) as store:
        try:
            return list(store.events(ARN))
        except NotFound:
            return None


def found_or_said(path: Path, *, read_only: bool) -> list[Event] | str | None:
    """What `found` gives, or the message of its `WorkspaceError`."""
    try:
        return found(path, read_only=read_only)
    except WorkspaceError as said:
        return str(said)


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, 1 << 30), read_only=st.booleans())
def test_a_log_cut_off_anywhere_keeps_what_was_committed_up_to_there(
    kept: Kept, position: int, read_only: bool
) -> None:
    position %= kept.commits[-1] + 1
    with copied(kept) as path:
        with path.with_name("workspace.db-wal").open("r+b") as log:
            log.truncate(position)
        try:
            there = found(path, read_only=read_only)
        except NotFound:
            assert position < kept.created
            return
    committed = sum(length <= position for length in kept.commits) * PER_COMMIT
    if there is None:
        assert position < kept.created
    else:
        assert there == events(committed)


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, 1 << 30), garbage=st.binary(min_size=1, max_size=9000))
def test_a_log_scribbled_over_keeps_what_was_committed_before(kept: Kept, position: int, garbage: bytes) -> None:
    position %= kept.commits[-1] + 1
    with copied(kept) as path:
        with path.with_name("workspace.db-wal").open("r+b") as log:
            log.seek(position)
            log.write(garbage)
        there = found_or_said(path, read_only=False)
    if isinstance(there, str):
        assert position < 32  # The header of the log, no place that a cut-off write of ours reaches.
        assert str(path) in there
    elif position < kept.created:
        assert there is None or there == events(len(there))
    else:
        assert there is not None
        assert len(there) >= sum(length <= position for length in kept.commits) * PER_COMMIT
        assert there == events(len(there))


@pytest.fixture(scope="module")
def folded(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The same workspace closed in order: everything in the database, no log."""
    place = tmp_path_factory.mktemp("folded")
    for file in kept.directory.iterdir():
        shutil.copy(file, place)
    Store.open(place / "workspace.db").close()
    assert not (place / "workspace.db-wal").exists()
    return Kept(place, 0, ())


@settings(max_examples=60, deadline=None)
@given(position=st.integers(1, 1 << 30), read_only=st.booleans())
def test_a_database_cut_off_is_refused_in_a_clear_word(folded: Kept, position: int, read_only: bool) -> None:
    with copied(folded) as path:
        position %= path.stat().st_size
        with path.open("r+b") as database:
            database.truncate(max(position, 1))
        with pytest.raises(WorkspaceError, match="Cannot use the workspace database") as said:
            found(path, read_only=read_only)
        assert str(path) in str(said.value)


@settings(max_examples=30, deadline=None)
@given(garbage=st.binary(min_size=1, max_size=20_000))
def test_garbage_at_the_end_of_a_database_does_no_harm(folded: Kept, garbage: bytes) -> None:
    with copied(folded) as path:
        with path.open("ab") as database:
            database.write(garbage)
        assert found(path, read_only=True) == events(COMMITS * PER_COMMIT)
        assert found(path, read_only=False) == events(COMMITS * PER_COMMIT)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_page_the_disk_has_lost_is_told(folded: Kept, read_only: bool) -> None:
    """Whichever page it is: all is there, or a clear word; never a part of the history as if it were the whole."""
    database = folded.directory / "workspace.db"
    pages = database.stat().st_size // PAGE
    told = 0
    for page in range(pages):
        with copied(folded) as path:
            with path.open("r+b") as file:
                file.seek(page * PAGE)
                file.write(bytes(PAGE))
            there = found_or_said(path, read_only=read_only)
        if isinstance(there, str):
            assert str(path) in there
            told += 1
        else:
            assert there == events(COMMITS * PER_COMMIT)
    assert told


def test_text_the_disk_has_changed_is_told(folded: Kept) -> None:
    with copied(folded) as path:
        content = path.read_bytes()
        path.write_bytes(
            content.replace(b"CREATE INDEX executions_by_start", b"CREATE INDEX executions\xff\xffy_start")
        )
        assert path.read_bytes() != content
        with pytest.raises(WorkspaceError, match="the file is damaged"):
            found(path, read_only=False)
