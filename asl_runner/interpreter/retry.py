"""Which retrier or catcher takes an error, and how long a retry waits (reference section 13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from asl_runner.definition.model import Catcher, Parallel, Retrier, Working
from asl_runner.interpreter import errors
from asl_runner.interpreter.errors import Failure

_LONGEST = 99_999_999
"""Seconds; the largest number a retrier takes."""


def matches(error_equals: Sequence[str], failure: Failure, state: Working) -> bool:
    """Whether a list of error names takes this failure. What is not catchable is never taken, by no name."""
    if not failure.catchable:
        return False
    for name in error_equals:
        if name in (errors.ALL, failure.error):
            return True
        if name == errors.TASK_FAILED and failure.task and failure.error != errors.TIMEOUT:
            return True
        if name == errors.HEARTBEAT_TIMEOUT and failure.heartbeat:
            return True
        if name == errors.BRANCH_FAILED and isinstance(state, Parallel):
            return True
    return False


def find_retrier(state: Working, failure: Failure) -> int | None:
    """Index of the first retrier that takes the failure."""
    for index, retrier in enumerate(state.retry):
        if matches(retrier.error_equals, failure, state):
            return index
    return None


def find_catcher(state: Working, failure: Failure) -> Catcher | None:
    """The first catcher that takes the failure."""
    for catcher in state.catch:
        if matches(catcher.error_equals, failure, state):
            return catcher
    return None


def is_final(state: Working, failures: Sequence[Failure]) -> bool:
    """Whether nothing retries or catches the last of the failures a visit has had."""
    retries = [0] * len(state.retry)
    chosen: int | None = None
    for failure in failures:
        chosen = find_retrier(state, failure)
        if chosen is not None:
            retries[chosen] += 1
    if chosen is not None and retries[chosen] <= state.retry[chosen].max_attempts:
        return False
    return find_catcher(state, failures[-1]) is None


def retry_delay(retrier: Retrier, attempt: int, random: Callable[[], Random], at_least: float = 0) -> float:
    """Seconds before retry number `attempt` (from 1) of this retrier; full jitter is uniform from zero to that.

    `at_least` is what the failure itself asks for, as an API does with `Retry-After`.
    """
    try:
        delay = retrier.interval_seconds * retrier.backoff_rate ** (attempt - 1)
    except OverflowError:
        delay = float("inf")
    delay = min(delay, retrier.max_delay_seconds or _LONGEST)
    if retrier.jitter_strategy == "FULL":
        delay = random().uniform(0, delay)
    return max(delay, min(at_least, _LONGEST))
