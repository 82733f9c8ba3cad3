"""Validates the hyperparameters of a training job as the container does: names, values, ranges, then dependencies.

The table is `hyperparameters.json` beside this file. Messages and their order are the container's.
Source: aws/sagemaker-xgboost-container 3.0-5, algorithm_mode/hyperparameter_validation.py; developer guide, "XGBoost
hyperparameters".
"""

from __future__ import annotations

import json
import re
from ast import literal_eval
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.json import decode

from asl_runner.sagemaker.algorithms.xgboost.dependencies import check_dependencies, metric_with_threshold
from asl_runner.sagemaker.algorithms.xgboost.errors import UserError


class Hyperparameter(Struct, frozen=True, kw_only=True):
    """One line of the table."""

    name: str
    kind: str
    """integer, continuous, categorical, list (comma separated), tuple, nested (list of lists)."""
    interval: str | None = None
    """Allowed numbers, as the messages print them: `[0, 1]`, `(0, +inf)`."""
    values: tuple[str | int, ...] | None = None
    """Allowed values, for the kinds without an interval."""
    required: bool = False
    aliases: tuple[str, ...] = ()
    tunable: str | None = None
    """The range recommended for tuning."""
    default: str | int | float | None = None


CLASSIC_NAMES = {"silent": "verbosity"}
"""Names only the 0.72 image knows, to what they are now."""


@cache
def table() -> dict[str, Hyperparameter]:
    """Every hyperparameter of the container, by name, in its order."""
    entries = decode(Path(__file__).with_suffix(".json").read_bytes(), type=list[Hyperparameter])
    return {entry.name: entry for entry in entries}


def validate(given: Mapping[str, str], *, classic: bool = False) -> tuple[dict[str, Any], list[str]]:
    """The parsed hyperparameters, and the names that were ignored.

    `given` are the strings of `hyperparameters.json`. With `classic` (the 0.72 image) unknown names are ignored and its
    old names are understood; otherwise `ignored` is empty. Raises `UserError` with the container's message.
    """
    known = table()
    named, ignored = _rename(given, classic)
    for parameter in known.values():
        if parameter.required and parameter.name not in named:
            raise UserError(f"Missing required hyperparameter: {parameter.name}")
    unknown = [name for name in named if name not in known]
    if unknown and not classic:
        raise UserError(f"Extraneous hyperparameter found: {unknown[0]}")
    parsed = {name: _parse(known[name], text) for name, text in named.items() if name in known}
    for name, value in parsed.items():
        _check_range(known[name], value)
    check_dependencies(parsed)
    return parsed, [*ignored, *unknown]


def _rename(given: Mapping[str, str], classic: bool) -> tuple[dict[str, str], list[str]]:
    """Aliases replaced; of two spellings of one hyperparameter the later wins."""
    aliases = {alias: entry.name for entry in table().values() for alias in entry.aliases}
    named: dict[str, str] = {}
    for name, value in given.items():
        text = value if isinstance(value, str) else json.dumps(value)
        if classic and name in CLASSIC_NAMES:
            named.setdefault(CLASSIC_NAMES[name], "0" if text == "1" else "1")
        else:
            named[aliases.get(name, name)] = text
    # Hyperparameters of the toolkit reach algorithm mode when an estimator is shared with script mode.
    toolkit = [name for name in named if name.startswith("sagemaker_")]
    for name in toolkit:
        del named[name]
    return named, toolkit


def _comma_separated(text: str) -> list[str]:
    return text.split(",")


PARSERS: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "continuous": float,
    "categorical": str,
    "list": _comma_separated,
    "tuple": literal_eval,
    "nested": literal_eval,
}


def _parse(parameter: Hyperparameter, text: str) -> Any:
    try:
        return PARSERS[parameter.kind](text)
    except (ValueError, SyntaxError, TypeError) as problem:
        reason = type(problem).__name__
        raise UserError(f"Hyperparameter {parameter.name}: could not parse value (caused by {reason})") from None


def _check_range(parameter: Hyperparameter, value: Any) -> None:
    name = parameter.name
    if parameter.kind in ("integer", "continuous"):
        if parameter.interval is not None and not in_interval(value, parameter.interval):
            raise UserError(f"Hyperparameter {name}: {value} is not in {parameter.interval}")
        return
    if parameter.kind == "nested":
        members = [member for group in _sequence(name, value) for member in _sequence(name, group)]
        # Column numbers count from 0, although the container's table says from 1.
        if not all(isinstance(member, int) and member >= 0 for member in members):
            raise UserError(f"Hyperparameter {name}: value {value} not in range {parameter.interval}")
        return
    allowed = list(parameter.values or ())
    if parameter.kind == "categorical":
        if value not in allowed:
            raise UserError(f"Hyperparameter {name}: {value} is not in {allowed}")
        return
    for member in _sequence(name, value):
        if member not in allowed and not (name == "eval_metric" and metric_with_threshold(member)):
            raise UserError(f"Hyperparameter {name}: value {value} not in range {allowed}")


def _sequence(name: str, value: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise UserError(f"Hyperparameter {name}: could not parse value (caused by TypeError)")
    return value


_INTERVAL = re.compile(r"([\[(])\s*([^,\s]+)\s*,\s*([^\])\s]+)\s*([\])])")


def in_interval(value: float, interval: str) -> bool:
    """Whether `value` lies in an interval written `[0, 1]`, `(0, +inf)`; NaN lies in none."""
    found = _INTERVAL.fullmatch(interval)
    assert found is not None, interval
    low, high = float(found[2]), float(found[3])
    above = value >= low if found[1] == "[" else value > low
    below = value <= high if found[4] == "]" else value < high
    return above and below
