"""What a task started is never lost sight of, however it is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from asl_runner.interpreter.errors import HistoryLimit
from asl_runner.interpreter.ports import TaskFailed
from asl_runner.resources.started import followed


class Job:
    """Starts, runs until it is stopped, and takes its time for each step until it is told to go on."""

    def __init__(self, ends: Callable[[], None] = lambda: None) -> None:
        self.may_start, self.may_stop = asyncio.Event(), asyncio.Event()
        self.said: list[str] = []
        self._ends = ends

    async def start(self) -> str:
        self.said.append("starting")
        await self.may_start.wait()
        self.said.append("started")
        return "job"

    async def follow(self, name: str) -> str:
        self.said.append("followed")
        self._ends()
        await asyncio.Event().wait()
        return name

    async def stop(self, name: str) -> None:
        self.said.append("stopping")
        await self.may_stop.wait()
        self.said.append(f"stopped {name}")


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def cut_off(job: Job, running: asyncio.Task[str]) -> None:
    """Cuts a task off twice: while it starts or runs, and while that is cleaned up."""
    for _ in range(2):
        running.cancel()
        await turns()
    assert not running.done()
    job.may_start.set()
    await turns()
    running.cancel()
    await turns()
    job.may_stop.set()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("started", [False, True])
async def test_it_is_stopped_however_often_the_task_is_cut_off(started: bool) -> None:
    job = Job()
    if started:
        job.may_start.set()
    running = asyncio.create_task(followed(job.start(), job.follow, job.stop))
    await turns()
    await cut_off(job, running)
    assert job.said == ["starting", "started", *(["followed"] if started else []), "stopping", "stopped job"]


async def test_it_is_stopped_when_the_history_is_full() -> None:
    def full() -> None:
        raise HistoryLimit

    job = Job(full)
    job.may_start.set()
    job.may_stop.set()
    with pytest.raises(HistoryLimit):
        await followed(job.start(), job.follow, job.stop)
    assert job.said[-1] == "stopped job"


async def test_what_failed_by_itself_is_not_stopped() -> None:
    def fail() -> None:
        raise TaskFailed("Own", None)

    job = Job(fail)
    job.may_start.set()
    with pytest.raises(TaskFailed):
        await followed(job.start(), job.follow, job.stop)
    assert job.said == ["starting", "started", "followed"]


async def test_a_refused_start_is_no_error_of_who_was_cut_off() -> None:
    begun = asyncio.Event()

    async def refused() -> str:
        await begun.wait()
        raise TaskFailed("Refused", None)

    job = Job()
    running = asyncio.create_task(followed(refused(), job.follow, job.stop))
    await turns()
    running.cancel()
    await turns()
    begun.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert job.said == []
