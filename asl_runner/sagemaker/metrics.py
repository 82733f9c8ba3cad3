"""Metrics of a training job: regular expressions over its log, as SageMaker reads them (reference 3.7, 4.5).

A definition is `{"Name", "Regex"}`; the first capture group of a match is the value. SageMaker's logs show a tab as
`#011`, and regular expressions are written against that form, so each line is searched as printed and in that form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

OBJECTIVE_METRIC = "ObjectiveMetric"
"""The extra metric a tuner defines on its trials, with the regular expression of its objective."""

MAX_HISTORY = 100_000


T = TypeVar("T")


class Reading(Struct, frozen=True):
    """One value of a metric and when it was printed, in seconds since the epoch."""

    value: float
    time: float


class _Pattern(Struct, frozen=True):
    name: str
    regex: re.Pattern[str]
    needle: str


# An unanchored expression that begins with `.*` takes quadratic time to fail, and of the dozens of built-in ones nearly
# all fail on every line: looking for their fixed part first avoids that.
_USUAL_FORM = re.compile(r"\.\*\\\[\[0-9\]\+\\\]\.\*(#011[\w@-]+:)\([^|]*")


class MetricReader:
    """Reads metrics from log lines as they come.

    Raises `ValueError` for a regular expression that does not compile, naming the metric.
    """

    def __init__(self, definitions: Iterable[Mapping[str, str]]) -> None:
        self._patterns = [
            _Pattern(item["Name"], _compile(item["Name"], item["Regex"]), _needle(item["Regex"]))
            for item in definitions
        ]
        self.history: dict[str, list[Reading]] = {}

    def feed(self, line: str, time: float) -> None:
        """Searches one line, without its newline."""
        forms = [line] if "\t" not in line else [line, line.replace("\t", "#011")]
        for pattern in self._patterns:
            value = _search(pattern, forms)
            if value is not None:
                readings = self.history.setdefault(pattern.name, [])
                if len(readings) < MAX_HISTORY:
                    readings.append(Reading(value, time))
                else:
                    readings[-1] = Reading(value, time)

    def last(self, name: str) -> float | None:
        """The newest value of a metric; None when it was never printed."""
        readings = self.history.get(name)
        return readings[-1].value if readings else None

    def latest(self) -> dict[str, float]:
        """The newest value of each metric, from any thread."""
        return {name: readings[-1].value for name, readings in list(self.history.items()) if readings}

    def curves(self, points: int) -> dict[str, tuple[float, ...]]:
        """Each metric from its first value to its newest, at most so many of them, from any thread."""
        return {
            name: tuple(one.value for one in evenly(readings, points))
            for name, readings in list(self.history.items())
            if readings and name != OBJECTIVE_METRIC
        }

    def curve(self, name: str, points: int) -> tuple[float, ...]:
        """One metric as `curves` has it; () when it was never printed."""
        return tuple(one.value for one in evenly(self.history.get(name, ()), points))

    def final(self) -> list[dict[str, Any]]:
        """`FinalMetricDataList`: the last value of each metric, wire form."""
        return [
            {"MetricName": name, "Value": readings[-1].value, "Timestamp": readings[-1].time}
            for name, readings in self.history.items()
        ]


def evenly(values: Sequence[T], count: int) -> Sequence[T]:
    """At most `count` (two or more) of the values, evenly chosen, the first and the last among them."""
    last = len(values) - 1  # Another thread may append meanwhile.
    if last < count:
        return values[: last + 1]
    return [values[round(place * last / (count - 1))] for place in range(count)]


def _compile(name: str, regex: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise ValueError(f"The regular expression of the metric '{name}' is not valid: {error}: {regex}") from error
    if not pattern.groups:
        raise ValueError(f"The regular expression of the metric '{name}' needs a group for the value: {regex}")
    return pattern


def _needle(regex: str) -> str:
    """The text a line must hold for the usual form of these expressions to match, "" for any other form."""
    found = _USUAL_FORM.fullmatch(regex)
    return found[1] if found else ""


def _search(pattern: _Pattern, forms: Sequence[str]) -> float | None:
    for form in forms:
        if pattern.needle in form and (match := pattern.regex.search(form)) and match[1] is not None:
            try:
                # `(\S+)` takes the next tab along in its written form.
                value = float(match[1].partition("#011")[0])
            except ValueError:
                continue
            return value if math.isfinite(value) else None
    return None


def builtin_definitions(repository: str) -> list[dict[str, str]]:
    """The metric definitions SageMaker itself gives an image, `[]` for images it knows nothing of.

    `repository` is the last path part of the image URI without tag.
    """
    names = _XGBOOST_METRICS.get(repository, ())
    return [
        {"Name": f"{channel}:{metric}", "Regex": rf".*\[[0-9]+\].*#011{channel}-{metric}:({_NUMBER}).*"}
        for channel in ("train", "validation")
        for metric in names
    ]


_NUMBER = r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"

_FIRST_GENERATION = ("auc", "error", "logloss", "mae", "map", "merror", "mlogloss", "ndcg", "rmse")

_CURRENT = (
    *("accuracy", "aft-nloglik", "auc", "aucpr", "balanced_accuracy", "cox-nloglik", "error", "f1", "f1_binary"),
    *("f1_macro", "gamma-deviance", "gamma-nloglik", "interval-regression-accuracy", "logloss", "mae", "map", "mape"),
    *("merror", "mlogloss", "mphe", "mse", "ndcg", "poisson-nloglik", "precision", "precision_macro"),
    *("precision_micro", "r2", "recall", "recall_macro", "recall_micro", "rmse", "rmsle", "tweedie-nloglik"),
)

_XGBOOST_METRICS: dict[str, tuple[str, ...]] = {"xgboost": _FIRST_GENERATION, "sagemaker-xgboost": _CURRENT}
