"""Numbers of a state that are literals, read from a path, or computed: seconds, counts, percentages."""

from __future__ import annotations

from asl_runner.definition.model import Quantity
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.expressions.patterns import LazyPattern
from asl_runner.interpreter.dataflow import read_path, states_variable
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.payload import text

_LONGEST = 99_999_999
"""Seconds; the largest number the fields of a Task take."""

_INTEGER = LazyPattern(r"[+-]?[0-9]{1,18}")
_DECIMAL = LazyPattern(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def read_quantity(quantity: Quantity, data: Json, frame: Frame) -> Json:
    """The raw value, of whatever type the path or expression gave. `data` is the state's effective input."""
    if quantity.literal is not None:
        return quantity.literal
    if quantity.path is not None:
        return read_path(quantity.path, data, frame)
    if quantity.expression is None:
        raise AssertionError(f"{quantity.field} has neither a literal, a path nor an expression")
    return quantity.expression(states_variable(frame), frame)


def whole_number(quantity: Quantity, data: Json, frame: Frame) -> int:
    """An integer; numeric strings are accepted (recorded). Raises `ExpressionError` with AWS's text."""
    value = read_quantity(quantity, data, frame)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer() and quantity.path is None:
        return int(value)
    raise _not_valid(quantity, value, "integer")


def real_number(quantity: Quantity, data: Json, frame: Frame) -> float:
    """A number; numeric strings are accepted (recorded). Raises `ExpressionError` with AWS's text."""
    value = read_quantity(quantity, data, frame)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    raise _not_valid(quantity, value, "float")


def seconds(quantity: Quantity, data: Json, frame: Frame) -> int:
    """A timeout or heartbeat: a positive integer of seconds."""
    value = read_quantity(quantity, data, frame)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value % 1 != 0 or not 0 < value <= _LONGEST:
        where = "" if quantity.path is None else f": {quantity.path.text} == {_shown(value)}"
        raise ExpressionError(f"The {quantity.field} parameter does not reference a positive integer value{where}")
    return int(value)


def _not_valid(quantity: Quantity, value: Json, kind: str) -> ExpressionError:
    where = quantity.path.text if quantity.path is not None else quantity.field
    return ExpressionError(
        f'The {quantity.field} field refers to value "{_shown(value)}" which is not a valid {kind}: {where}'
    )


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else text(value)
