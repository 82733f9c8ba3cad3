"""The store: executions, their events, and looking them up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from histories import MACHINE, entered, execution

from asl_runner.errors import NotFound, UsageError
from asl_runner.history.events import Event
from asl_runner.history.journal import MemoryJournal
from asl_runner.history.records import ExecutionExists
from asl_runner.history.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "space" / "workspace.db") as store:
        yield store


def test_an_execution_comes_back_as_created_and_finished(store: Store) -> None:
    created = store.create_execution(execution("one"))
    assert created.owner
    assert store.execution(created.arn) == created
    store.finish_execution(created.arn, "FAILED", 1002.5, None, "States.Runtime", "why")
    ended = store.execution(created.arn)
    assert (ended.status, ended.stop, ended.output, ended.error, ended.cause) == (
        "FAILED",
        1002.5,
        None,
        "States.Runtime",
        "why",
    )


def test_a_name_is_taken_once_within_a_machine(store: Store) -> None:
    store.create_execution(execution("one"))
    with pytest.raises(ExecutionExists, match=r"Execution Already Exists: '.*:orders:one'"):
        store.create_execution(execution("one"))
    store.create_execution(execution("one", machine=MACHINE.replace("orders", "returns")))


def test_an_unknown_arn(store: Store) -> None:
    with pytest.raises(NotFound, match="Execution Does Not Exist: 'arn:x'"):
        store.execution("arn:x")
    with pytest.raises(NotFound):
        store.finish_execution("arn:x", "SUCCEEDED", 1.0)
    with pytest.raises(NotFound):
        store.events("arn:x")
    with pytest.raises(NotFound):
        store.request_stop("arn:x")


def test_executions_newest_first_and_filtered(store: Store) -> None:
    returns = MACHINE.replace("orders", "returns")
    store.create_execution(execution("old", start=1.0))
    store.create_execution(execution("new", start=3.0, machine=returns))
    store.create_execution(execution("mid", start=2.0))
    store.finish_execution(execution("mid").arn, "SUCCEEDED", 5.0, b"[]")

    def names(**filters: str | int) -> list[str]:
        return [record.name for record in store.executions(**filters)]  # type: ignore[arg-type]

    assert names() == ["new", "mid", "old"]
    assert names(limit=2) == ["new", "mid"]
    assert names(status="RUNNING") == ["new", "old"]
    assert names(machine="orders") == ["mid", "old"]
    assert names(machine=returns) == ["new"]
    assert names(machine="orders", status="SUCCEEDED") == ["mid"]


async def test_events_by_range_and_backwards(store: Store) -> None:
    arn = store.create_execution(execution("one")).arn
    assert store.event_count(arn) == 0
    assert list(store.events(arn)) == []
    kept = entered(10_000)
    journal = store.journal(arn)
    for start in range(0, 10_000, 256):
        journal.append(kept[start : start + 256])
    await journal.commit()
    assert store.event_count(arn) == 10_000
    assert store.execution(arn).event_count == 10_000
    assert list(store.events(arn)) == kept
    assert list(store.events(arn, reverse=True)) == kept[::-1]
    assert list(store.events(arn, first=700, last=1100)) == kept[699:1100]
    assert list(store.events(arn, first=700, last=1100, reverse=True)) == kept[699:1100][::-1]
    assert list(store.events(arn, first=10_000)) == kept[-1:]
    assert list(store.events(arn, first=10_001)) == []
    assert list(store.events(arn, first=5, last=4)) == []


async def test_many_executions_share_the_writer(store: Store) -> None:
    async def one(name: str) -> None:
        record = await asyncio.wrap_future(store.submit_create(execution(name)))
        journal = store.journal(record.arn)
        for first in (1, 3, 5):
            journal.append(entered(2, first=first))
            await journal.commit()
        await asyncio.wrap_future(store.submit_finish(record.arn, "SUCCEEDED", 2000.0, b"1"))

    await asyncio.gather(*(one(f"e{n}") for n in range(100)))
    assert {record.status for record in store.executions()} == {"SUCCEEDED"}
    assert all(list(store.events(record.arn)) == entered(6) for record in store.executions())


async def test_the_memory_journal_keeps_everything() -> None:
    journal = MemoryJournal()
    journal.append(entered(2))
    journal.append(entered(1, first=3))
    await journal.commit()
    assert journal.events == entered(3)


def test_find_by_arn_name_prefix_and_latest(store: Store) -> None:
    with pytest.raises(NotFound, match="no execution yet"):
        store.find("latest")
    for start, name in enumerate(["train-1", "train-10", "tune-2"]):
        store.create_execution(execution(name, start=float(start)))
    assert store.find("latest").name == "tune-2"
    assert store.find("tu").name == "tune-2"
    assert store.find("train-1").name == "train-1"
    assert store.find(execution("train-10").arn).name == "train-10"
    with pytest.raises(UsageError, match=r"(?s)'tr' begins the names.*train-10\n  train-1$"):
        store.find("tr")
    with pytest.raises(NotFound, match=r"No execution is called 'trian-10'. Did you mean train-10"):
        store.find("trian-10")
    with pytest.raises(NotFound, match=r"No execution is called 'zzz'. `asl-runner list` shows"):
        store.find("zzz")


def test_find_asks_for_the_arn_when_two_machines_share_a_name(store: Store) -> None:
    store.create_execution(execution("one"))
    store.create_execution(execution("one", machine=MACHINE.replace("orders", "returns")))
    with pytest.raises(UsageError, match=r"(?s)'one' is the name of several.*give the ARN:.*returns:one"):
        store.find("one")


def test_names_for_completion(store: Store) -> None:
    for name in ["b1", "b%", "a1", "b_x"]:
        store.create_execution(execution(name))
    assert store.names("b") == ["b%", "b1", "b_x"]
    assert store.names("b%") == ["b%"]
    assert store.names() == ["a1", "b%", "b1", "b_x"]


def test_a_stop_request_reaches_the_runner(store: Store) -> None:
    arn = store.create_execution(execution("one")).arn
    assert store.stop_requested(arn) is None
    assert store.request_stop(arn, "Mine", "enough")
    assert store.request_stop(arn, "Later", "ignored")
    request = store.stop_requested(arn)
    assert request is not None
    assert (request.error, request.cause) == ("Mine", "enough")
    store.finish_execution(arn, "ABORTED", 1001.0)
    assert not store.request_stop(arn)


async def test_an_orphan_is_told_and_ended(tmp_path: Path) -> None:
    path = tmp_path / "workspace.db"
    with Store.open(path) as runner:
        record = runner.create_execution(execution("one"))
        journal = runner.journal(record.arn)
        journal.append([Event(1, 0, 1.0, "ExecutionStarted", {}), Event(2, 0, 1.0, "WaitStateEntered", {"name": "W"})])
        await journal.commit()
        with Store.open(path) as other:
            assert not other.is_orphaned(record)
            assert not other.abort_orphan(record)
    with Store.open(path) as other:
        assert other.is_orphaned(record)
        assert other.abort_orphan(record, "Operator", None)
        assert not other.abort_orphan(record)
        ended = other.execution(record.arn)
        assert (ended.status, ended.error, ended.cause, ended.event_count) == ("ABORTED", "Operator", None, 3)
        assert not other.is_orphaned(ended)
        last = list(other.events(record.arn))[-1]
        assert (last.id, last.previous, last.type, last.details) == (3, 0, "ExecutionAborted", {"error": "Operator"})


async def test_an_orphan_somebody_has_taken_over_meanwhile_is_not_ended(tmp_path: Path) -> None:
    path = tmp_path / "workspace.db"
    with Store.open(path) as runner:
        record = runner.create_execution(execution("one"))
    with Store.open(path) as other, Store.open(path) as another:
        assert await other.claim_orphan(record) is not None
        assert not another.abort_orphan(record)
        assert await another.claim_orphan(record) is None
        assert another.execution(record.arn).status == "RUNNING"


@pytest.mark.parametrize("ours", [True, False])
async def test_an_orphan_stays_one_when_taking_it_over_is_cancelled(tmp_path: Path, ours: bool) -> None:
    path = tmp_path / "workspace.db"
    with Store.open(path) as runner:
        record = runner.create_execution(execution("one"))
    with Store.open(path) as store:
        if ours:
            # Somebody else in this process was faster: it stays with that.
            assert await store.claim_orphan(record) is not None
        written = threading.Event()
        blocked = asyncio.create_task(store.change(lambda tables: written.wait()))
        claiming = asyncio.create_task(store.claim_orphan(record))
        await asyncio.sleep(0)
        claiming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await claiming
        written.set()
        await blocked
        await store.change(lambda tables: None)
        assert store.is_orphaned(store.execution(record.arn)) is not ours


async def test_more_than_may_wait_is_taken_all_the_same(store: Store) -> None:
    arn = store.create_execution(execution("one")).arn
    journal = store.journal(arn)
    kept = entered(100_000)
    for start in range(0, len(kept), 20_000):
        await asyncio.to_thread(journal.append, kept[start : start + 20_000])
    await journal.commit()
    assert store.event_count(arn) == 100_000


async def test_closing_writes_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "workspace.db"
    with Store.open(path) as store:
        arn = store.create_execution(execution("one")).arn
        store.journal(arn).append(entered(3))
    with Store.open(path, read_only=True) as store:
        assert list(store.events(arn)) == entered(3)


async def test_a_journal_that_is_not_data_fails_alone(store: Store) -> None:
    good, bad = (store.create_execution(execution(name)).arn for name in ("good", "bad"))
    journals = store.journal(good), store.journal(bad)
    journals[0].append(entered(1))
    journals[1].append([Event(1, 0, 1.0, "PassStateEntered", {"input": object()})])
    await journals[0].commit()
    for _ in range(2):
        with pytest.raises(TypeError):
            await journals[1].commit()
    assert (store.event_count(good), store.event_count(bad)) == (1, 0)


async def test_a_cancelled_wait_disturbs_nobody(store: Store) -> None:
    arn = store.create_execution(execution("one")).arn
    journal = store.journal(arn)
    journal.append(entered(1))
    wait = asyncio.create_task(journal.commit())
    await asyncio.sleep(0)
    wait.cancel()
    create = store.submit_create(execution("two"))
    create.cancel()
    journal.append(entered(1, first=2))
    await journal.commit()
    assert store.event_count(arn) == 2
