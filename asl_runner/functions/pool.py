"""The workers of one function: as many as run at once, up to its concurrency, kept warm until they idle too long."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from asl_runner.errors import WorkspaceError
from asl_runner.functions.process import Request, Response, Worker

IDLE = 300.0
"""Seconds after which an idle worker is stopped."""


class Pool:
    """Runs invocations on at most `size` workers; the others wait in the order they came."""

    def __init__(self, size: int, new_worker: Callable[[], Worker]) -> None:
        self._size = size
        self._new_worker = new_worker
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._reaping: asyncio.TimerHandle | None = None
        self._ending: set[Worker] = set()
        self._stopping: set[asyncio.Task[None]] = set()
        self._closed = False

    async def run(self, request: Request) -> Response:
        """Runs one invocation on an idle or a new worker. See `Worker.run` for what it raises."""
        worker = await self._take()
        try:
            return await worker.run(request)
        finally:
            self._give_back(worker)

    async def close(self) -> None:
        """Stops every worker, also those that are running; returns once all are gone."""
        if self._reaping is not None:
            self._reaping.cancel()
        self._closed = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        await asyncio.gather(*(worker.stop() for worker in self._all | self._ending), *self._stopping)

    async def _take(self) -> Worker:
        while not self._closed:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                self._part_with(worker)
            if len(self._all) < self._size:
                worker = self._new_worker()
                self._all.add(worker)
                return worker
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake()  # the turn was given and is not taken
                elif waiter in self._waiting:
                    self._waiting.remove(waiter)
                raise
        raise WorkspaceError("The functions of this workspace were closed meanwhile.")

    def _give_back(self, worker: Worker) -> None:
        if worker.alive:
            worker.idle_since = time.monotonic()
            self._idle.append(worker)
            if self._reaping is None:
                self._reaping = asyncio.get_running_loop().call_later(IDLE, self._reap)
        else:
            self._part_with(worker)
        self._wake()

    def _part_with(self, worker: Worker) -> None:
        """Makes room for another; `close` still waits for the end of this one."""
        self._all.discard(worker)
        self._ending = {ending for ending in self._ending if not ending.gone}
        if not worker.gone:
            self._ending.add(worker)

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _reap(self) -> None:
        """Stops the workers that have been idle for long."""
        limit = time.monotonic() - IDLE
        for worker in [worker for worker in self._idle if worker.idle_since <= limit]:
            self._idle.remove(worker)
            task = asyncio.get_running_loop().create_task(worker.stop())
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)
            self._part_with(worker)
        self._reaping = asyncio.get_running_loop().call_later(IDLE, self._reap) if self._idle else None
