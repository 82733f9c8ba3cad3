"""Surroundings to evaluate expressions in, and JSON values for property tests."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import strategies as st


class Surroundings:
    """An environment with given variables and context object, and a seeded random source."""

    def __init__(self, variables: dict[str, Any] | None = None, context: dict[str, Any] | None = None) -> None:
        self.variables = variables or {}
        self.context = context or {}
        self.random = Random(7)
        self.now = 1_700_000_000.1234


NOWHERE = Surroundings()


def outcome(call: Callable[[], Any], *errors: type[Exception]) -> Any:
    """What a call gives, or which of the expected errors it raises."""
    try:
        return call()
    except errors as problem:
        return problem


numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=5)
names = st.text(max_size=4) | st.sampled_from(["a", "b", "c"])
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=12
)
