"""Arithmetic of compiled expressions: JavaScript's numbers, with Infinity as a value until it is computed with again.

What leaves an expression is then the string JavaScript names it by (measured at the service: `[1/0]` gives
`["Infinity"]`). Not a number is undefined, as the engine has it, where the service writes "NaN".
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final

from jsonata2py.errors import _RuntimeEvaluationError as EngineError
from jsonata2py.runtime import MISSING, core

_MISSING: Final = math.nan
"""What the engine's arithmetic has for undefined."""

_SAFE = 9_223_372_036_854_775_807


def _left(value: Any, symbol: str) -> float:
    kind = value.__class__
    if kind is int:
        return _as_float(value)
    if kind is float:
        return _finite(value)
    if value is MISSING:
        return _MISSING
    raise EngineError("T2001", f"The left side of the {symbol} operator must evaluate to a number")


def _right(value: Any, symbol: str) -> float:
    kind = value.__class__
    if kind is int:
        return _as_float(value)
    if kind is float:
        return _finite(value)
    if value is MISSING:
        return _MISSING
    raise EngineError("T2002", f"The right side of the {symbol} operator must evaluate to a number")


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise EngineError("D1001", "Number out of range: null") from None


def _finite(value: float) -> float:
    if value - value == 0.0:
        return value
    raise EngineError("D1001", "Number out of range: null")


def _wrapped(value: float | int) -> Any:
    """A result as a value: a whole number is an int, as JSON writes it. Folded constants are ints already."""
    if isinstance(value, int):
        return value
    if value.is_integer():
        return int(value) if -_SAFE <= value <= _SAFE else value
    return MISSING if value != value else value


def _multiply(left: float, right: float) -> float:
    result = left * right
    if result - result == 0.0:
        return result
    if math.isinf(left) or math.isinf(right):
        raise EngineError("D1001", "Number out of range: null")
    return result


def _divide(left: float, right: float) -> float:
    if math.isinf(left) or math.isinf(right):
        raise EngineError("D1001", "Number out of range: null")
    if right != 0.0:
        return left / right
    return _MISSING if left == 0.0 or left != left else math.copysign(math.inf, left) * math.copysign(1.0, right)


def _remainder(left: float, right: float) -> float:
    return math.fmod(left, right) if right != 0.0 else _MISSING


def _negative(value: Any) -> float:
    if value is MISSING:
        return _MISSING
    if not core.is_number(value):
        from asl_runner.expressions.jsonata_messages import shown

        raise EngineError("D1002", f"Cannot negate a non-numeric value: {shown(value)}")
    return -_as_float(value) if value.__class__ is int else -value


def _whole(symbol: str, compute: Callable[[float, float], float]) -> Callable[[Any, Any], Any]:
    """The operator on values, for where the engine does not keep numbers between two operators."""

    def operate(left: Any, right: Any) -> Any:
        return _wrapped(compute(_left(left, symbol), _right(right, symbol)))

    return operate


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "num_val_l": _left,
    "num_val_r": _right,
    "num_wrap": _wrapped,
    "mul_d": _multiply,
    "div_d": _divide,
    "mod_d": _remainder,
    "neg_dn": _negative,
    "add": _whole("+", operator.add),
    "subtract": _whole("-", operator.sub),
    "multiply": _whole("*", _multiply),
    "divide": _whole("/", _divide),
    "modulo": _whole("%", _remainder),
    "negate": lambda value: _wrapped(_negative(value)),
}
