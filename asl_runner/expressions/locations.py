"""Where in a JSON value an expression stands, and the syntax error that says so."""

from __future__ import annotations

from typing import TypeAlias

from asl_runner.expressions.environment import ExpressionSyntaxError

Location: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the top of a value to a place in it."""


class LocatedSyntaxError(ExpressionSyntaxError):
    """An expression inside a value is wrong; `location` says where in the value, `offset` where in its text."""

    def __init__(self, message: str, text: str, offset: int, location: Location) -> None:
        super().__init__(message, text, offset)
        self.location = location
