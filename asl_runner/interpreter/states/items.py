"""The items of a Map: where they come from, what each iteration gets, and the numbers that govern them."""

from __future__ import annotations

from asl_runner.definition.model import ItemReader, Map
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.expressions.jsonpath import Path, PathNotFound
from asl_runner.expressions.jsonpath_steps import failing_step
from asl_runner.interpreter.dataflow import states_variable
from asl_runner.interpreter.errors import ITEM_READER_FAILED, QUERY_EVALUATION_ERROR, REFERENCE_PATH_CONFLICT, Failure
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.payload import text
from asl_runner.interpreter.quantities import real_number, whole_number


class ItemsProblem(ExpressionError):
    """The items of a JSONata Map are no array: an evaluation error (recorded)."""

    error = QUERY_EVALUATION_ERROR


class ItemsConflict(ExpressionError):
    """ItemsPath leads nowhere: a path conflict (reported)."""

    error = REFERENCE_PATH_CONFLICT


def items_of(state: Map, effective: Json, frame: Frame) -> Json:
    """The items: an array, or for a distributed JSONata Map also an object. Raises `ExpressionError`."""
    if state.query_language == "JSONata":
        items = effective if state.items is None else state.items(states_variable(frame), frame)
        if not isinstance(items, list) and not (isinstance(items, dict) and _takes_objects(state)):
            raise ItemsProblem(f"Map state input must be an array but was: {text(items)}")
        return items
    items = effective if state.items_path is None else _at(state.items_path, effective, frame)
    if not isinstance(items, list):
        raise ExpressionError(f'Reference path "{_shown_path(state.items_path)}" must point to array.')
    return items


def _shown_path(path: Path | None) -> str:
    """A path as the service writes it: one into the context object has a single `$` (recorded)."""
    if path is None:
        return "$"
    return path.text[1:] if path.root == "context" else path.text


def _takes_objects(state: Map) -> bool:
    return state.mode == "DISTRIBUTED" and state.items is not None


def _at(path: Path, data: Json, frame: Frame) -> Json:
    try:
        return path.evaluate(data, frame)
    except PathNotFound as missing:
        if path.root != "input":
            raise ExpressionError(missing.invalid_path) from missing
        step, node = failing_step(path.parsed, data)
        raise ItemsConflict(f'Unable to apply step "{step}" to input {text(node)}') from missing


def selected(state: Map, effective: Json, item: dict[str, Json], frame: Frame) -> Json:
    """What the iteration for `item` (`Index`, `Value`) gets: ItemSelector's result, else the value itself."""
    if state.item_selector is None:
        return item["Value"]
    outer = frame.map_item
    frame.map_item = item
    frame.forget_context()
    try:
        data = states_variable(frame) if state.query_language == "JSONata" else effective
        return state.item_selector(data, frame)
    finally:
        frame.map_item = outer
        frame.forget_context()


_LARGEST_DATASET = 100_000_000
"""Items of a dataset that are read at most. Source: reference section 11."""


def most_items(reader: ItemReader, effective: Json, frame: Frame) -> int:
    """MaxItems as given, 0 where there is none. Raises `ExpressionError`; whether it is negative is looked at later."""
    return 0 if reader.max_items is None else whole_number(reader.max_items, effective, frame)


def checked_most(most: int) -> int:
    """How many items to read at most, 0 for all. Raises `Failure` `States.ItemReaderFailed` (recorded)."""
    if most < 0:
        raise Failure(ITEM_READER_FAILED, "field MaxItems must be positive")
    return min(most, _LARGEST_DATASET)


def max_concurrency(state: Map, effective: Json, frame: Frame) -> int:
    """MaxConcurrency, 0 where there is none. Raises `ExpressionError`."""
    if state.max_concurrency is None:
        return 0
    wanted = whole_number(state.max_concurrency, effective, frame)
    if wanted < 0:
        raise ExpressionError("MaxConcurrency cannot be negative.")
    return wanted


def tolerated(state: Map, effective: Json, frame: Frame) -> tuple[int | None, float | None]:
    """ToleratedFailureCount and ToleratedFailurePercentage. Raises `ExpressionError` with AWS's texts (recorded)."""
    count = percentage = None
    if state.tolerated_failure_count is not None:
        count = whole_number(state.tolerated_failure_count, effective, frame)
        if count < 0:
            raise ExpressionError("ToleratedFailureCount cannot be negative.")
    if state.tolerated_failure_percentage is not None:
        percentage = real_number(state.tolerated_failure_percentage, effective, frame)
        if not 0 <= percentage <= 100:
            raise ExpressionError("ToleratedFailurePercentage must be between 0 and 100.")
    return count, percentage
