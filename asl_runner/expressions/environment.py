"""What an expression may read besides its data, and the types every compiled expression shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Protocol, TypeAlias

Json: TypeAlias = Any
"""A JSON value as plain Python: dict, list, str, int, float, bool or None. Never mutated once made."""


class Environment(Protocol):
    """The surroundings of one evaluation, given by whoever runs the expression."""

    @property
    def variables(self) -> Mapping[str, Json]:
        """The workflow variables visible here, by name without `$`."""

    @property
    def context(self) -> dict[str, Json]:
        """The context object (`$$`)."""

    @property
    def random(self) -> Random:
        """The source of `States.MathRandom`, `States.UUID` and jitter: seeded, so a replay gives the same."""

    @property
    def now(self) -> float:
        """The execution's time, in seconds since the epoch: what `$now()` and `$millis()` give."""


Evaluator: TypeAlias = Callable[[Json, Environment], Json]
"""A compiled expression: data (`$`) and surroundings in, value out. Raises `ExpressionError`."""

Writer: TypeAlias = Callable[[Json, Json], Json]
"""A compiled ResultPath: (raw input, result) in, combined value out; copies along its path, mutates nothing."""


class ExpressionSyntaxError(ValueError):
    """A text is not an expression of its language. `offset` counts characters from the start of `text`."""

    def __init__(self, message: str, text: str, offset: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.text = text
        self.offset = offset


class ExpressionError(Exception):
    """An expression failed on its data; `message` is AWS's text without the 'An error occurred…' prefix."""

    error = "States.Runtime"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
