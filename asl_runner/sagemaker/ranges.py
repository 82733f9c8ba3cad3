"""Hyperparameter ranges: between the unit interval, in which strategies search, and the texts a training job gets.

Scaling as reference 5.3: `Linear`, `Logarithmic`, `ReverseLogarithmic` (continuous only); `Auto` is logarithmic for a
positive range over three decades or more, else linear.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct

Scale: TypeAlias = Literal["Linear", "Logarithmic", "ReverseLogarithmic"]

_DECADES = 1000.0


class Range(Protocol):
    """One hyperparameter to be tuned."""

    @property
    def name(self) -> str: ...
    @property
    def choices(self) -> int | None:
        """How many values a categorical range has; None for numbers."""

    def text(self, position: float) -> str:
        """The value at a position of [0, 1) as the hyperparameter's text."""


class Number(Struct, frozen=True, kw_only=True):
    """A continuous or an integer range, both ends included."""

    name: str
    low: float
    high: float
    scale: Scale
    integer: bool

    @property
    def choices(self) -> int | None:
        return None

    def text(self, position: float) -> str:
        """The value at a position; every integer of a linear range is equally likely."""
        if self.integer and self.scale == "Linear":
            return str(min(int(self.high), int(self.low) + math.floor(position * (self.high - self.low + 1))))
        value = min(max(self._scaled(position), self.low), self.high)
        return str(round(value)) if self.integer else format(Decimal(repr(value)), "f")

    def position(self, value: float) -> float:
        """The position of a value within the range."""
        if self.low == self.high:
            return 0.5
        if self.integer and self.scale == "Linear":
            return (value - self.low + 0.5) / (self.high - self.low + 1)
        match self.scale:
            case "Linear":
                return (value - self.low) / (self.high - self.low)
            case "Logarithmic":
                return math.log(value / self.low) / math.log(self.high / self.low)
            case "ReverseLogarithmic":
                return math.log((1 - value) / (1 - self.low)) / math.log((1 - self.high) / (1 - self.low))

    def _scaled(self, position: float) -> float:
        match self.scale:
            case "Linear":
                return self.low + position * (self.high - self.low)
            case "Logarithmic":
                return math.exp(math.log(self.low) + position * (math.log(self.high) - math.log(self.low)))
            case "ReverseLogarithmic":
                near, far = math.log(1 - self.low), math.log(1 - self.high)
                return 1 - math.exp(near + position * (far - near))


class Categories(Struct, frozen=True):
    """A categorical range; the position runs over its values in their order."""

    name: str
    values: tuple[str, ...]

    @property
    def choices(self) -> int | None:
        return len(self.values)

    def text(self, position: float) -> str:
        """The value at a position."""
        return self.values[min(len(self.values) - 1, int(position * len(self.values)))]


def read_ranges(document: Mapping[str, Any]) -> list[Range]:
    """The ranges of a `ParameterRanges` document, by name. Raises `ValueError` for a range that makes no sense."""
    if document.get("AutoParameters"):
        raise ValueError("AutoParameters are chosen by the service and are not available locally; give each a range.")
    ranges: list[Range] = [
        *(_number(item, integer=False) for item in document.get("ContinuousParameterRanges", [])),
        *(_number(item, integer=True) for item in document.get("IntegerParameterRanges", [])),
        *(Categories(item["Name"], tuple(item["Values"])) for item in document.get("CategoricalParameterRanges", [])),
    ]
    names = [item.name for item in ranges]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"The hyperparameter {doubled[0]} has more than one range.")
    return sorted(ranges, key=lambda item: item.name)


def _number(item: Mapping[str, str], *, integer: bool) -> Number:
    name = item["Name"]
    try:
        low, high = float(item["MinValue"]), float(item["MaxValue"])
    except ValueError as error:
        raise ValueError(f"MinValue and MaxValue of the hyperparameter {name} must be numbers.") from error
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"MinValue and MaxValue of the hyperparameter {name} must be finite.")
    if integer and not (low.is_integer() and high.is_integer()):
        raise ValueError(f"MinValue and MaxValue of the integer hyperparameter {name} must be integers.")
    if low > high:
        raise ValueError(
            f"MinValue {item['MinValue']} of the hyperparameter {name} is above MaxValue {item['MaxValue']}."
        )
    return Number(name=name, low=low, high=high, scale=_scale(name, item, low, high, integer), integer=integer)


def _scale(name: str, item: Mapping[str, str], low: float, high: float, integer: bool) -> Scale:
    match item.get("ScalingType", "Auto"):
        case "Auto":
            return "Logarithmic" if low > 0 and high / low >= _DECADES else "Linear"
        case "Logarithmic":
            if low <= 0:
                raise ValueError(f"Logarithmic scaling of the hyperparameter {name} needs a MinValue above 0.")
            return "Logarithmic"
        case "ReverseLogarithmic":
            if integer or low < 0 or high >= 1:
                text = "needs a continuous range within 0 <= x < 1"
                raise ValueError(f"ReverseLogarithmic scaling of the hyperparameter {name} {text}.")
            return "ReverseLogarithmic"
        case _:
            return "Linear"


def position(item: Range, text: str | None) -> float | None:
    """A position at which a range has this value; None for a value it does not have."""
    if text is None:
        return None
    if isinstance(item, Categories):
        return (item.values.index(text) + 0.5) / len(item.values) if text in item.values else None
    assert isinstance(item, Number)
    try:
        value = float(text)
    except ValueError:
        return None
    if not item.low <= value <= item.high:
        return None
    return item.position(value)


def texts(ranges: Sequence[Range], point: Mapping[str, float]) -> dict[str, str]:
    """The hyperparameters at a point of the unit cube."""
    return {item.name: item.text(point[item.name]) for item in ranges}
