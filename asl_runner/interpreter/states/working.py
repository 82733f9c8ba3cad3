"""What Task, Parallel and Map have in common: attempts, Retry around them, Catch behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias, TypeVar

from asl_runner.definition.model import Working
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.interpreter.dataflow import caught_output, effective_input, result_output
from asl_runner.interpreter.errors import Failure
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.life import enter, field_failure, leave
from asl_runner.interpreter.retry import find_catcher, find_retrier, retry_delay

S = TypeVar("S", bound=Working)
Work: TypeAlias = Callable[[Frame, S, Json], Awaitable[Json]]


async def perform(
    frame: Frame,
    state: S,
    work: Work[S],
    *,
    prepare: Callable[[Frame], None] | None = None,
    failed_event: str | None = None,
) -> None:
    """One visit of a working state: enters, tries until done, caught or failed, leaves.

    `work` gets the effective input and gives the raw result; `prepare` runs before each attempt. `failed_event` is
    recorded when no retry follows a failure (`ParallelStateFailed`, `MapStateFailed`). Raises `Failure`.
    """
    enter(frame, state)
    retries = [0] * len(state.retry)
    while True:
        frame.begin_attempt()
        if prepare is not None:
            prepare(frame)
        try:
            output, assigned = await _attempt(frame, state, work)
            leave(frame, state, output, assigned, state.next)
            return
        except Failure as failure:
            chosen = find_retrier(state, failure)
            if chosen is not None and retries[chosen] < state.retry[chosen].max_attempts:
                retries[chosen] += 1
                draw = partial(frame.random_for, "/delay")
                delay = retry_delay(state.retry[chosen], retries[chosen], draw, failure.retry_after)
                await _back_off(frame, delay)
                continue
            if failed_event is not None and failure.catchable and not _is_concluded(frame):
                frame.previous = frame.run.log.record(failed_event, None, frame.previous, frame.path)
            _catch(frame, state, failure)
            return


async def _attempt(frame: Frame, state: S, work: Work[S]) -> tuple[Json, dict[str, Json] | None]:
    try:
        result = await work(frame, state, effective_input(state, frame))
        return result_output(state, result, frame)
    except ExpressionError as problem:
        raise field_failure(frame, state, problem) from problem


async def _back_off(frame: Frame, delay: float) -> None:
    frame.retry_count += 1
    frame.forget_context()
    if delay <= 0 or frame.attempts:
        return
    clock = frame.run.ports.clock
    known = frame.attempt
    failed = known.time if known is not None and known.is_over else clock.now()
    await frame.run.log.commit()
    await clock.sleep_until(failed + delay)


def _is_concluded(frame: Frame) -> bool:
    return frame.attempt is not None and frame.attempt.is_concluded


def _catch(frame: Frame, state: Working, failure: Failure) -> None:
    catcher = find_catcher(state, failure)
    if catcher is None:
        raise failure
    try:
        output, assigned = caught_output(state, catcher, failure.output(), frame)
    except ExpressionError as problem:
        raise field_failure(frame, state, problem) from problem
    leave(frame, state, output, assigned, catcher.next)
