"""What a task starts and waits for is stopped when the task is cut off, and never lost sight of.

Source: developer guide, "Run a Job (.sync)": when the execution is stopped or the task's time is over, Step Functions
makes a best effort to stop the job.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from asl_runner.interpreter.ports import TaskFailed

S = TypeVar("S")
T = TypeVar("T")


async def known(answer: S) -> S:
    """The start of what was started before, by a process that died since."""
    return answer


async def followed(
    start: Coroutine[Any, Any, S], follow: Callable[[S], Awaitable[T]], stop: Callable[[S], Awaitable[object]]
) -> T:
    """Starts something and follows it to its end; cut off, also while it is just being started, stops it.

    A start or a stop that the service refuses then is no error: there is nothing to stop. What fails the task by itself
    (`TaskFailed`) has ended.
    """
    starting = asyncio.ensure_future(start)
    try:
        return await follow(await asyncio.shield(starting))
    except TaskFailed:
        raise
    except BaseException:
        stopping = asyncio.ensure_future(_stopped(starting, stop))
        while not stopping.done():
            # Cut off once more meanwhile: what was started must be stopped all the same.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([stopping])
        stopping.result()
        raise


async def _stopped(starting: asyncio.Future[S], stop: Callable[[S], Awaitable[object]]) -> None:
    with contextlib.suppress(TaskFailed):
        await stop(await starting)
