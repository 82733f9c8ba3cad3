"""What TestState shows of the stages of a state's data, at the levels DEBUG and TRACE (recorded)."""

from __future__ import annotations

import math
from typing import Any

from msgspec import UNSET

from asl_runner.definition.model import Fail, Pass, State
from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact
from asl_runner.interpreter.ports import HttpExchange
from asl_runner.interpreter.visit import Visit

_NUMBERS: dict[str, type[int | float]] = {
    "maxConcurrency": int,
    "toleratedFailureCount": int,
    "toleratedFailurePercentage": float,
}
_ITEMS = ("afterItemSelector", "afterItemBatcher", "afterItemsPointer")
_SELECTED = ("afterResultSelector", "afterResultPath")
_JSONPATH = ("afterInputPath", "afterParameters", "result", *_SELECTED)

_SHOWN: dict[tuple[str, str], frozenset[str]] = {
    ("Pass", "JSONPath"): frozenset(_JSONPATH),
    ("Task", "JSONPath"): frozenset(_JSONPATH),
    ("Task", "JSONata"): frozenset(("afterArguments", "result")),
    ("Parallel", "JSONPath"): frozenset(_SELECTED),
    ("Map", "JSONPath"): frozenset(("afterInputPath", "afterItemsPath", *_ITEMS, *_SELECTED, *_NUMBERS)),
    ("Map", "JSONata"): frozenset((*_ITEMS, *_NUMBERS)),
}
"""The stages the service shows, by type and query language of the state; of any other in JSONPath only InputPath."""


class Inspection:
    """Collects the stages of one visit."""

    def __init__(self, state: State, input: Json) -> None:
        self._state = state
        self._input = input
        self._stages: dict[str, Json] = {}
        self._exchange: HttpExchange | None = None
        if isinstance(state, Fail) and state.query_language == "JSONPath":
            self._stages["afterInputPath"] = input

    def note(self, stage: str, data: Json) -> None:
        """Takes the data after a stage."""
        self._stages[stage] = data

    def exchanged(self, exchange: HttpExchange) -> None:
        """Takes what an HTTP Task sent and got."""
        self._exchange = exchange

    def shown(self, seen: Visit, level: str, *, reveal: bool) -> dict[str, Any]:
        """`inspectionData` at a level: data as JSON texts, numbers as numbers.

        TRACE adds what an HTTP Task sent, with the secrets of its connection if `reveal`, and got.
        """
        shown: dict[str, Any] = {"input": compact(self._input)}
        for stage, data in self._stages.items():
            if stage in self._names():
                shown[stage] = _NUMBERS[stage](data) if stage in _NUMBERS else compact(data)
        if seen.variables:
            shown["variables"] = compact(dict(seen.variables))
        if details := _error_details(seen):
            shown["errorDetails"] = details
        if level == "TRACE" and self._exchange is not None:
            shown["request"] = self._exchange.revealed if reveal else self._exchange.request
            shown["response"] = self._exchange.response
        return shown

    def _names(self) -> frozenset[str]:
        state = self._state
        default = frozenset(("afterInputPath",)) if state.query_language == "JSONPath" else frozenset()
        names = _SHOWN.get((state.type, state.query_language), default)
        if isinstance(state, Pass) and state.result is not UNSET:
            # A fixed result has no use for the input.
            return names - {"afterInputPath", "afterParameters"}
        return names


def _error_details(seen: Visit) -> dict[str, int]:
    details = {
        "retryIndex": seen.retrier,
        "retryBackoffIntervalSeconds": None if seen.retry_delay is None else math.floor(seen.retry_delay),
        "catchIndex": seen.catcher,
    }
    return {name: number for name, number in details.items() if number is not None}
