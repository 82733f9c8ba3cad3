"""The comparison operators of Choice as data, and what each does with values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from asl_runner.expressions.environment import ExpressionSyntaxError, Json
from asl_runner.expressions.timestamps import nanoseconds

Kind: TypeAlias = Literal["string", "number", "boolean", "timestamp", "pattern", "path"]
"""What an operator takes as its operand: a literal of a type, or a path to one."""


class Comparison(Struct, frozen=True):
    """An operator that compares two values of one kind."""

    kind: Literal["string", "number", "boolean", "timestamp"]
    name: str
    """What is left of the operator's name without the type: Equals, LessThan, ..."""
    compare: Callable[[Any, Any], bool]


class OperandKind(Struct, frozen=True):
    """What an operand must be, for checks and for messages."""

    accepts: Callable[[Json], bool]
    about: str


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}

COMPARISONS: dict[str, Comparison] = {
    **{f"String{name}": Comparison("string", name, compare) for name, compare in _ORDER.items()},
    **{f"Numeric{name}": Comparison("number", name, compare) for name, compare in _ORDER.items()},
    "BooleanEquals": Comparison("boolean", "Equals", operator.eq),
    **{f"Timestamp{name}": Comparison("timestamp", name, compare) for name, compare in _ORDER.items()},
}
"""The operators that compare with a literal; each exists with `Path` at its end too."""


def is_number(value: Json) -> bool:
    """Whether a JSON value is a number; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_timestamp(value: Json) -> bool:
    """Whether a JSON value is a string that Step Functions takes for a timestamp."""
    return isinstance(value, str) and nanoseconds(value) is not None


TYPE_TESTS: dict[str, Callable[[Json], bool]] = {
    "IsNull": lambda value: value is None,
    "IsString": lambda value: isinstance(value, str),
    "IsNumeric": is_number,
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": is_timestamp,
}
"""The tests of a value's type; `IsPresent` tests the path instead."""

OPERATORS: dict[str, Kind] = {
    **{name: comparison.kind for name, comparison in COMPARISONS.items()},
    **{f"{name}Path": "path" for name in COMPARISONS},
    "StringMatches": "pattern",
    **dict.fromkeys([*TYPE_TESTS, "IsPresent"], "boolean"),
}
"""Every comparison operator and the kind of its operand."""

KINDS: dict[str, OperandKind] = {
    "string": OperandKind(lambda value: isinstance(value, str), "a string"),
    "number": OperandKind(is_number, "a number"),
    "boolean": OperandKind(lambda value: isinstance(value, bool), "true or false"),
    "timestamp": OperandKind(is_timestamp, "an RFC 3339 timestamp like 2024-01-31T12:00:00Z"),
    "pattern": OperandKind(lambda value: isinstance(value, str), "a string in which * stands for any characters"),
    "path": OperandKind(lambda value: isinstance(value, str), "a path"),
}

_EXACT = 2**53


def literal_comparison(comparison: Comparison, operand: Json) -> Callable[[Json], bool]:
    """A test of a value against a literal of the comparison's kind; a value of another type never passes."""
    compare = comparison.compare
    if comparison.kind == "number" and -_EXACT < operand < _EXACT:
        # Step Functions compares doubles; up to 2^53 Python's exact comparison gives the same.
        return lambda value: type(value) is not bool and isinstance(value, (int, float)) and compare(value, operand)
    if comparison.kind == "boolean":
        return lambda value: value is operand
    key = _KEYS[comparison.kind]
    wanted = key(operand)

    def test(value: Json) -> bool:
        found = key(value)
        return found is not None and compare(found, wanted)

    return test


def value_comparison(comparison: Comparison) -> Callable[[Json, Json], bool]:
    """A test of two values; it never passes unless both are of the comparison's kind."""
    key = _KEYS[comparison.kind]
    compare = comparison.compare

    def test(left: Json, right: Json) -> bool:
        first, second = key(left), key(right)
        return first is not None and second is not None and compare(first, second)

    return test


def _string_key(value: Json) -> str | None:
    """A string such that Python's order, by code points, becomes Java's order, by UTF-16 code units."""
    if not isinstance(value, str):
        return None
    if value.isascii():
        return value
    return "".join([chr(unit) for unit in memoryview(value.encode("utf-16-le", "surrogatepass")).cast("H")])


def _number_key(value: Json) -> float | None:
    if not is_number(value):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


_KEYS: dict[str, Callable[[Json], object]] = {
    "string": _string_key,
    "number": _number_key,
    "boolean": lambda value: value if isinstance(value, bool) else None,
    "timestamp": lambda value: nanoseconds(value) if isinstance(value, str) else None,
}
"""By kind: the value in a form that compares as the kind does, None for a value of another kind."""


def compile_pattern(pattern: str) -> Callable[[Json], bool]:
    """StringMatches: `*` stands for any characters, `\\*` for a star and `\\\\` for a backslash.

    Raises `ExpressionSyntaxError` for any other backslash. Matching takes linear time.
    """
    pieces = _pieces(pattern)
    if len(pieces) == 1:
        whole = pieces[0]
        return lambda value: bool(value == whole)
    head, *middle, tail = pieces
    shortest = len(head) + len(tail)

    def matches(value: Json) -> bool:
        if not isinstance(value, str) or len(value) < shortest:
            return False
        if not (value.startswith(head) and value.endswith(tail)):
            return False
        at, end = len(head), len(value) - len(tail)
        for piece in middle:
            found = value.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    return matches


def _pieces(pattern: str) -> list[str]:
    """The literal texts between the stars."""
    pieces = [""]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            pieces.append("")
        elif char == "\\":
            escaped = pattern[at + 1 : at + 2]
            if escaped not in ("*", "\\"):
                raise ExpressionSyntaxError(
                    r"A backslash in StringMatches stands before * or another backslash: write \\ for a backslash",
                    pattern,
                    at,
                )
            pieces[-1] += escaped
            at += 1
        else:
            pieces[-1] += char
        at += 1
    return pieces
