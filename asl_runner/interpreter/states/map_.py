"""Map, inline: its processor once per item; the result is the array of the outputs."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, NoReturn

from asl_runner.definition.model import Map, Quantity
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.expressions.jsonpath import Path, PathNotFound
from asl_runner.expressions.jsonpath_steps import failing_step
from asl_runner.interpreter.children import Children
from asl_runner.interpreter.dataflow import states_variable
from asl_runner.interpreter.errors import QUERY_EVALUATION_ERROR, REFERENCE_PATH_CONFLICT, Failure
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.payload import text
from asl_runner.interpreter.quantities import real_number, whole_number
from asl_runner.interpreter.states import working

_TURN = 512
"""Iterations run without giving way to other work of the process."""


class ItemsProblem(ExpressionError):
    """The items of a JSONata Map are no array: an evaluation error (recorded)."""

    error = QUERY_EVALUATION_ERROR


class ItemsConflict(ExpressionError):
    """ItemsPath leads nowhere: a path conflict (reported)."""

    error = REFERENCE_PATH_CONFLICT


async def perform(frame: Frame, state: Map) -> None:
    """One visit. Raises `Failure`, and `UsageError` for a distributed Map, which is never run as an inline one."""
    if state.mode != "INLINE":
        raise UsageError(f"The Map state {state.name!r} has Mode DISTRIBUTED, which is not available yet.")
    await working.perform(frame, state, _work, failed_event="MapStateFailed")


async def _work(frame: Frame, state: Map, effective: Json) -> Json:
    items = _items(state, effective, frame)
    concurrency = _concurrency(state, effective, frame)
    log = frame.run.log
    details = {"length": len(items)}
    frame.previous = log.record("MapStateStarted", details, frame.previous, frame.path)
    _check_tolerance(state, effective, frame)
    results = await Iterations(frame, state, effective, items).run(concurrency)
    log.record("MapStateSucceeded", None, frame.previous, frame.path)
    return results


def _items(state: Map, effective: Json, frame: Frame) -> list[Json]:
    if state.query_language == "JSONata":
        items = effective if state.items is None else state.items(states_variable(frame), frame)
        if not isinstance(items, list):
            raise ItemsProblem(f"Map state input must be an array but was: {text(items)}")
        return items
    items = effective if state.items_path is None else _at(state.items_path, effective, frame)
    if not isinstance(items, list):
        path = "$" if state.items_path is None else state.items_path.text
        raise ExpressionError(f'Reference path "{path}" must point to array.')
    return items


def _at(path: Path, data: Json, frame: Frame) -> Json:
    try:
        return path.evaluate(data, frame)
    except PathNotFound as missing:
        if path.root != "input":
            raise ExpressionError(missing.invalid_path) from missing
        step, node = failing_step(path.parsed, data)
        raise ItemsConflict(f'Unable to apply step "{step}" to input {text(node)}') from missing


def _check_tolerance(state: Map, effective: Json, frame: Frame) -> None:
    """An inline Map tolerates nothing, but its numbers must be right (recorded)."""
    if state.tolerated_failure_count is not None and whole_number(state.tolerated_failure_count, effective, frame) < 0:
        raise ExpressionError("ToleratedFailureCount cannot be negative.")
    percentage = state.tolerated_failure_percentage
    if percentage is not None and not 0 <= real_number(percentage, effective, frame) <= 100:
        raise ExpressionError("ToleratedFailurePercentage must be between 0 and 100.")


def _concurrency(state: Map, effective: Json, frame: Frame) -> int:
    cap = frame.run.limits.inline_map_concurrency
    quantity: Quantity | None = state.max_concurrency
    if quantity is None:
        return cap
    wanted = whole_number(quantity, effective, frame)
    if wanted < 0:
        raise ExpressionError("MaxConcurrency cannot be negative.")
    return min(wanted, cap) if wanted else cap


class Iterations:
    """One attempt at all iterations: starts them in order, at most so many at once, and collects their outputs."""

    def __init__(self, frame: Frame, state: Map, effective: Json, items: list[Json]) -> None:
        self._frame = frame
        self._state = state
        self._effective = effective
        self._items = items
        self._path = frame.child_path(state.name)
        self._results: list[Json] = [None] * len(items)
        self._begun: deque[Frame] = deque()
        self._next = 0
        self._children = Children(frame, state.name)

    async def run(self, concurrency: int) -> list[Json]:
        """The outputs in item order. Raises the first `Failure` of an iteration, the others cut off."""
        frame, begun = self._frame, self._begun
        started = frame.previous
        ended = 0
        async with self._children as children:
            while self._next < min(concurrency, len(self._items)):
                self._begin(started)
            while begun or children.running:
                if begun:
                    child = begun.popleft()
                    if not children.start(child):
                        continue
                else:
                    child = await children.next()
                if child.failure is not None:
                    await self._fail(child, child.failure)
                self._end(child)
                ended += 1
                if ended % _TURN == 0:
                    frame.run.log.flush()
                    await asyncio.sleep(0)
        return self._results

    def _begin(self, previous: int) -> None:
        frame, state, index = self._frame, self._state, self._next
        self._next = index + 1
        item = {"Index": index, "Value": self._items[index]}
        path = f"{self._path}.{index}"
        input = self._items[index] if state.item_selector is None else self._selected(item)
        started = self._record("Started", index, previous, path)
        child = frame.child(state.item_processor, path, input, started, index, item)
        self._children.add(child)
        self._begun.append(child)

    def _selected(self, item: dict[str, Json]) -> Json:
        frame, state = self._frame, self._state
        outer = frame.map_item
        frame.map_item = item
        frame.forget_context()
        try:
            assert state.item_selector is not None
            data = states_variable(frame) if state.query_language == "JSONata" else self._effective
            return state.item_selector(data, frame)
        finally:
            frame.map_item = outer
            frame.forget_context()

    def _end(self, child: Frame) -> None:
        self._results[child.index] = child.data
        self._frame.previous = self._record("Succeeded", child.index, child.previous, child.path)
        if self._next < len(self._items):
            self._begin(child.previous)

    async def _fail(self, child: Frame, failure: Failure) -> NoReturn:
        await self._children.cancel()
        previous = child.previous
        self._record("Failed", child.index, previous, child.path)
        self._children.record_failed(child)
        self._children.record_aborted(previous)
        self._frame.previous = previous
        raise failure

    def _record(self, step: str, index: int, previous: int, path: str) -> int:
        details: dict[str, Any] = {"name": self._state.name, "index": index}
        return self._frame.run.log.record(f"MapIteration{step}", details, previous, path)
