"""Shows what a state makes of its data, stage by stage.

A state is a struct of compiled expressions, so a copy whose expressions tell what they gave runs like the original: the
interpreter knows nothing of it, and a run that nobody looks at pays nothing.

Stages have the names of `InspectionData` in the API of Step Functions: `afterInputPath`, `afterParameters`,
`afterArguments`, `result`, `afterResultSelector`, `afterResultPath`; of a Map `afterItemsPath`, `afterItemsPointer`,
`afterItemSelector`, `afterItemBatcher`, `maxConcurrency`, `toleratedFailureCount`, `toleratedFailurePercentage`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from asl_runner.definition.model import ItemReader, Map, Pass, State, Working
from asl_runner.expressions.environment import Environment, Evaluator, Json, Writer
from asl_runner.interpreter import item_data
from asl_runner.interpreter.batches import batches_of, map_items
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.map_runs import MapRunSettings
from asl_runner.interpreter.states.distributed_map import reader_config
from asl_runner.interpreter.states.items import (
    checked_most,
    items_of,
    max_concurrency,
    most_items,
    selected,
    tolerated,
)

Note: TypeAlias = Callable[[str, Json], object]
"""Is told a stage and the data after it; a stage that comes again (a retry) replaces what it was."""

S = TypeVar("S", bound=State)


def observed(state: S, note: Note) -> S:
    """A copy of a state that tells `note` of every stage its data go through; for the rest it acts as `state` does.

    A field that is absent counts as the stage that changes nothing, as at the service. The items of a Map are not
    stages of the state's own data: see `map_stages`.
    """
    if state.query_language == "JSONata":
        changes = _jsonata(state, note) if isinstance(state, Working) else {}
    else:
        changes = {"input_path": _telling(state.input_path, "afterInputPath", note)}
        if isinstance(state, Working):
            changes |= _working(state, note)
        elif isinstance(state, Pass):
            changes |= _pass(state, note)
    return replace(state, **changes)


class MapStages(Struct, frozen=True):
    """What a Map works with: its numbers, and how many iterations or child executions there are, if that is known."""

    settings: MapRunSettings
    iterations: int | None


def map_stages(state: Map, effective: Json, frame: Frame, note: Note, *, read: str | None = None) -> MapStages:
    """Tells `note` of the items of a Map, from where they come to what each iteration gets, and of its numbers.

    `read` is the text the ItemReader reads; without it the items of a Map that has one are not known, and no stages.
    Raises `ExpressionError`, and `Failure` for a text that has no items.
    """
    items: Json | UnsetType = UNSET
    if state.item_reader is not None:
        items = _read_items(state.item_reader, read, effective, frame, note)
    else:
        items = items_of(state, effective, frame)
        if state.query_language == "JSONPath":
            note("afterItemsPath", items)
    iterations = None
    if items is not UNSET:
        iterations = len(items)
        if state.item_selector is not None:
            note("afterItemSelector", [selected(state, effective, item, frame) for item in map_items(items)])
        if state.item_batcher is not None:
            batches = [input for input, _ in batches_of(state, effective, items, frame)]
            iterations = len(batches)
            note("afterItemBatcher", batches)
    settings = MapRunSettings(max_concurrency(state, effective, frame), *tolerated(state, effective, frame))
    for stage, number in (
        ("maxConcurrency", settings.max_concurrency),
        ("toleratedFailureCount", settings.tolerated_failure_count),
        ("toleratedFailurePercentage", settings.tolerated_failure_percentage),
    ):
        if number is not None:
            note(stage, number)
    return MapStages(settings, iterations)


def _read_items(reader: ItemReader, text: str | None, effective: Json, frame: Frame, note: Note) -> Json | UnsetType:
    config = reader_config(reader, frame)
    if text is None or not item_data.reads(config):
        return UNSET
    items = item_data.all_items(text, config)
    if "ItemsPointer" in config:
        note("afterItemsPointer", items)
    most = checked_most(most_items(reader, effective, frame))
    if most == 0:
        return items
    return items[:most] if isinstance(items, list) else dict(islice(items.items(), most))


def _working(state: Working, note: Note) -> dict[str, Any]:
    return {
        "parameters": _telling(state.parameters, "afterParameters", note),
        "assign": None if state.assign is None else _given(state.assign, note),
        "result_selector": _given(_telling(state.result_selector, "afterResultSelector", note), note),
        "result_path": _combined(state.result_path, note),
    }


def _pass(state: Pass, note: Note) -> dict[str, Any]:
    combine = _combined(state.result_path, note)

    def result_path(raw: Json, result: Json) -> Json:
        if state.result is not UNSET:
            note("result", result)
        note("afterResultSelector", result)
        return combine(raw, result)

    return {"parameters": _telling(state.parameters, "afterParameters", note), "result_path": result_path}


def _jsonata(state: Working, note: Note) -> dict[str, Any]:
    def arguments(states: Json, env: Environment) -> Json:
        return states["input"] if state.arguments is None else state.arguments(states, env)

    def output(states: Json, env: Environment) -> Json:
        note("result", states["result"])
        return states["result"] if state.output is None else state.output(states, env)

    def assign(states: Json, env: Environment) -> Json:
        note("result", states["result"])
        return {} if state.assign is None else state.assign(states, env)

    return {"arguments": _telling(arguments, "afterArguments", note), "output": output, "assign": assign}


def _telling(evaluate: Evaluator | None, stage: str, note: Note) -> Evaluator:
    def telling(data: Json, env: Environment) -> Json:
        value = data if evaluate is None else evaluate(data, env)
        note(stage, value)
        return value

    return telling


def _given(evaluate: Evaluator, note: Note) -> Evaluator:
    """What a state does with the result of its work; whichever field is evaluated first tells what it is."""

    def given(data: Json, env: Environment) -> Json:
        note("result", data)
        return evaluate(data, env)

    return given


def _combined(write: Writer | None, note: Note) -> Writer:
    def combined(raw: Json, result: Json) -> Json:
        value = result if write is None else write(raw, result)
        note("afterResultPath", value)
        return value

    return combined
