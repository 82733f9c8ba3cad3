"""Activity tasks: work that waits in a queue until a worker, anywhere, asks for it and answers by its token.

Source: GetActivityTask in the API reference; reference sections 14 (activities) and 16; recorded histories.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact
from asl_runner.interpreter.ports import TaskCall
from asl_runner.resources.callback import TaskTokens

LONG_POLL = 60.0
"""Seconds a worker's request is kept open while there is no work."""


class ActivityTask(Struct, frozen=True):
    """What a worker gets: the token to answer with, and the input as JSON text."""

    token: str
    input: str


class _Activity:
    """The tasks of one activity that wait for a worker, and the workers that wait for a task; one of the two is empty.

    Both are served in the order they came.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, tuple[TaskCall, asyncio.Future[Json]]] = {}
        self.workers: deque[asyncio.Future[None]] = deque()
        self.requests = 0
        """Workers' requests under way, also those that have just been woken."""

    def wake(self) -> None:
        """Lets the worker that waits longest look for a task."""
        while self.workers:
            worker = self.workers.popleft()
            if not worker.done():
                worker.set_result(None)
                return

    def look(self) -> None:
        """Wakes a worker if there is a task."""
        if self.tasks:
            self.wake()


class Activities:
    """The queues of the activities, by ARN; for use from one event loop. Also answers activity tasks."""

    def __init__(self, tokens: TaskTokens) -> None:
        self._tokens = tokens
        self._activities: dict[str, _Activity] = {}

    async def __call__(self, call: TaskCall) -> Json:
        """Queues the task and waits for its answer. Raises `TaskFailed` with what SendTaskFailure gives."""
        token = call.token
        if token is None:
            raise RuntimeError(f"the activity task {call.resource.arn} was given no token")
        if call.going_on is not None and call.going_on.is_started:
            with self._tokens.waiting(call) as answer:
                return await answer
        activity = self._activities.setdefault(call.resource.arn, _Activity())
        with self._tokens.waiting(call) as answer:
            activity.tasks[token] = call, answer
            activity.wake()
            try:
                return await answer
            finally:
                activity.tasks.pop(token, None)
                self._tidy(call.resource.arn)

    async def next_task(
        self, arn: str, worker: str | None, *, exists: Callable[[], bool], wait: float = LONG_POLL
    ) -> ActivityTask | None:
        """The next task of an activity for a worker; None when there was none for `wait` seconds.

        Returns None at once when the activity stops to exist meanwhile. The task counts as started when this returns;
        a request that is cancelled takes none.
        """
        activity = self._activities.setdefault(arn, _Activity())
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        activity.requests += 1
        try:
            while True:
                task = _handed_out(activity, worker)
                left = end - loop.time()
                if task is not None or left <= 0 or not exists():
                    return task
                await self._work_or_end(activity, left)
        finally:
            activity.requests -= 1
            self._tidy(arn)

    def polls(self, arn: str) -> int:
        """How many requests of workers for this activity are under way."""
        activity = self._activities.get(arn)
        return 0 if activity is None else activity.requests

    def deleted(self, arn: str) -> None:
        """Lets every worker that waits for the activity look up again."""
        activity = self._activities.get(arn)
        while activity is not None and activity.workers:
            activity.wake()

    async def _work_or_end(self, activity: _Activity, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        activity.workers.append(woken)
        try:
            await asyncio.wait([woken], timeout=seconds)
        finally:
            if woken.done() and not woken.cancelled():
                # Woken for a task which somebody else should look for if this worker is on its way out.
                asyncio.get_running_loop().call_soon(activity.look)
            elif woken in activity.workers:
                activity.workers.remove(woken)

    def _tidy(self, arn: str) -> None:
        activity = self._activities.get(arn)
        if activity is not None and not activity.tasks and not activity.requests:
            del self._activities[arn]


def _handed_out(activity: _Activity, worker: str | None) -> ActivityTask | None:
    """The task that waits longest, started; None when none waits."""
    while activity.tasks:
        token, (call, answer) = next(iter(activity.tasks.items()))
        del activity.tasks[token]
        try:
            call.started(worker)
        except Exception as problem:  # noqa: BLE001 - it ends the task's execution, not the worker's request
            if not answer.done():
                answer.set_exception(problem)
            continue
        return ActivityTask(token, compact(call.input))
    return None
