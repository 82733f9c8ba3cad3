"""What a mocked task answers, as data.

An answer is one of the structs below; `Answers` that hold others (`Steps`, `ByItem`, `After`) nest. Python tests write
them with the functions at the end of this module, files as `files` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from asl_runner.expressions.environment import Json


class Returns(Struct, frozen=True):
    """The task succeeds; `value` is its raw result, before ResultSelector."""

    value: Json


class Raises(Struct, frozen=True):
    """The task fails."""

    error: str | None
    cause: str | None = None


class Calls(Struct, frozen=True):
    """A Python function gives the result, or raises. It gets the task's input and, if it takes two, the `TaskCall`."""

    function: Callable[..., Any]


class Silent(Struct, frozen=True):
    """Nobody ever answers: the task ends by its timeout, its missed heartbeat, or with the execution."""


class Real(Struct, frozen=True):
    """The task is done for real."""


class After(Struct, frozen=True):
    """Another answer, so many seconds later; meanwhile a heartbeat every `beat` seconds, if given."""

    seconds: float
    answer: Answer
    beat: float | None = None


class Step(Struct, frozen=True):
    """What the invocations `first` to `last` of a state get, both included, counted from 0."""

    first: int
    last: int
    answer: Answer


class Steps(Struct, frozen=True):
    """An answer for each invocation of a state within one execution, retries and iterations of Maps counted on."""

    steps: tuple[Step, ...]


class ByItem(Struct, frozen=True):
    """An answer for each item of the innermost Map around the state, by its index; each item counts its invocations
    by itself."""

    items: Mapping[int, Answer]
    otherwise: Answer = Real()


Answer: TypeAlias = Returns | Raises | Calls | Silent | Real | After | Steps | ByItem

ANSWERS = (Returns, Raises, Calls, Silent, Real, After, Steps, ByItem)


def answer_of(value: object) -> Answer:
    """An answer as it is; a function as what answers; any other value as the result."""
    if isinstance(value, ANSWERS):
        return value
    return Calls(value) if callable(value) else Returns(value)


def returns(value: Json) -> Answer:
    """The task gives this result."""
    return Returns(value)


def raises(error: str | None = None, cause: str | None = None) -> Answer:
    """The task fails with this error and cause."""
    return Raises(error, cause)


def sequence(*answers: object) -> Answer:
    """The first invocation of the state gets the first answer, and so on; one more than there are is a mistake."""
    return Steps(tuple(Step(number, number, answer_of(answer)) for number, answer in enumerate(answers)))


def after(seconds: float, answer: object, *, beat: float | None = None) -> Answer:
    """The answer comes so many seconds later, with a heartbeat every `beat` seconds until then."""
    return After(seconds, answer_of(answer), beat)


def never() -> Answer:
    """No answer comes: the task times out, misses its heartbeat, or waits for ever."""
    return Silent()


def real() -> Answer:
    """The task is done for real: one attempt or item among mocked ones."""
    return Real()


def by_item(items: Mapping[int, object], otherwise: object = Real()) -> Answer:
    """An answer for each item of the Map around the state, by index; the others get `otherwise`."""
    return ByItem({index: answer_of(answer) for index, answer in items.items()}, answer_of(otherwise))
