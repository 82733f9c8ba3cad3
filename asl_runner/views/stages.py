"""The data of one visit after every stage: what InputPath, Parameters, the result, ... made of them.

A history keeps what a state got and gave; the stages between are computed again from that, by the same compiled
expressions. What draws random numbers or reads the clock may differ from then; the page says that it is computed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from random import Random
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from asl_runner.definition import load
from asl_runner.definition.model import Map, Pass, State, Working
from asl_runner.definition.walk import all_states
from asl_runner.errors import AslRunnerError
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.history.events import Event
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.visits import Visit
from asl_runner.interpreter.context import iso_time
from asl_runner.interpreter.dataflow import narrowed_input, narrowed_output
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.inspection import observed

_TITLES = {
    "afterInputPath": "InputPath",
    "afterParameters": "Parameters",
    "afterArguments": "Arguments",
    "result": "Result",
    "afterResultSelector": "ResultSelector",
    "afterResultPath": "ResultPath",
}


class _Surroundings(Struct):
    """The environment that an expression of a past visit reads."""

    variables: dict[str, Json]
    context: dict[str, Json]
    data: Json
    now: float
    random: Random


def variables_at(events: Iterable[Event], visit: Visit) -> dict[str, Json]:
    """The workflow variables a visit saw: what earlier states of its scope and those around it assigned."""
    found: dict[str, Json] = {}
    for event in events:
        if event.id >= visit.entered:
            break
        assigned = (event.details or {}).get("assignedVariables")
        if assigned and (event.scope == visit.scope or not event.scope or visit.scope.startswith(f"{event.scope}/")):
            found.update((name, json.loads(text)) for name, text in assigned.items())
    return found


def stages_of(
    record: ExecutionRecord, visit: Visit, variables: dict[str, Json], events: Sequence[Event]
) -> list[dict[str, Any]]:
    """Stages in order, each `{"stage", "field", "data"}` or with `error` where it cannot be computed; `events` are
    the visit's own. Only stages that the state has a field for, and its input, result and output, are there."""
    input = json.loads(bytes(visit.input)) if visit.input is not None else None
    found = [{"stage": "Input", "data": input}]
    state = _states(record.definition).get(visit.state)
    if state is not None:
        surroundings = _Surroundings(variables, _context(record, visit), input, visit.start, Random(0))
        found += _computed(state, visit, surroundings, events)
    exit = next((event for event in events if event.id == visit.exited), None)
    assigned = (exit.details or {}).get("assignedVariables") if exit is not None else None
    if assigned:
        found.append({"stage": "Assign", "data": {name: json.loads(text) for name, text in assigned.items()}})
    if visit.output is not None:
        found.append({"stage": "Output", "data": json.loads(bytes(visit.output))})
    return found


@lru_cache(maxsize=8)
def _states(definition: str) -> dict[str, State]:
    """The compiled states by name; none of a definition that is no longer valid."""
    try:
        return {state.name: state for state in all_states(load(definition))}
    except AslRunnerError:
        return {}


def _context(record: ExecutionRecord, visit: Visit) -> dict[str, Json]:
    execution: dict[str, Json] = {
        "Id": record.arn,
        "Input": json.loads(record.input),
        "Name": record.name,
        "RoleArn": record.role_arn,
        "StartTime": iso_time(record.start),
    }
    state: dict[str, Json] = {"Name": visit.state, "EnteredTime": iso_time(visit.start), "RetryCount": visit.retries}
    machine: dict[str, Json] = {"Id": record.machine_arn, "Name": record.machine_name}
    return {"Execution": execution, "State": state, "StateMachine": machine}


def _computed(state: State, visit: Visit, surroundings: _Surroundings, events: Sequence[Event]) -> list[dict[str, Any]]:
    noted: dict[str, Json] = {}
    frame: Any = surroundings
    watched = observed(state, noted.__setitem__)
    problem = None
    try:
        _enter(watched, frame, noted, events)
        result = result_of(visit, events)
        if result is not UNSET and isinstance(watched, Working) and visit.status == "SUCCEEDED":
            _leave(watched, result, frame, noted)
        elif isinstance(watched, Pass) and state.query_language == "JSONPath":
            _leave_pass(watched, frame)
    except (ExpressionError, KeyError) as failure:
        problem = str(failure)
    shown = [
        {"stage": _TITLES[name], "data": noted[name]} for name in _TITLES if name in noted and _has_field(state, name)
    ]
    if problem is not None:
        shown.append({"stage": "Evaluation", "error": problem})
    return shown


def _enter(state: State, frame: Frame, noted: dict[str, Json], events: Sequence[Event]) -> None:
    """Up to the work. What was sent is recorded; only of what is not it is computed."""
    sent = [event.details["parameters"] for event in events if event.details and "parameters" in event.details]
    if state.query_language == "JSONPath":
        data = narrowed_input(state, frame)
        if isinstance(state, Working | Pass) and state.parameters is not None and not sent:
            state.parameters(data, frame)
    elif isinstance(state, Working) and state.arguments is not None and not sent:
        state.arguments({"input": frame.data, "context": frame.context}, frame)
    if sent:
        stage = "afterParameters" if state.query_language == "JSONPath" else "afterArguments"
        noted[stage] = json.loads(bytes(sent[-1]))


def result_of(visit: Visit, events: Sequence[Event]) -> Json | UnsetType:
    """What the work of a visit gave, before the state made anything of it; UNSET where the history does not say."""
    if visit.type in ("Parallel", "Map"):
        if visit.counts is None or (visit.counts.total is None and visit.type == "Map"):
            return UNSET
        start = max((path.rpartition(".")[0] for path in visit.children), default="")
        last = [scope for path, scope in visit.children.items() if path.rpartition(".")[0] == start]
        outputs = [scope.current.output if scope.current else None for scope in sorted(last, key=lambda s: s.index)]
        return UNSET if None in outputs else [json.loads(bytes(one)) for one in outputs if one is not None]
    for event in reversed(events):
        if event.type in ("TaskSucceeded", "LambdaFunctionSucceeded", "ActivitySucceeded"):
            output = (event.details or {}).get("output")
            return UNSET if output is None else json.loads(bytes(output))
    return UNSET


def _leave(state: Working, result: Json, frame: Frame, noted: dict[str, Json]) -> None:
    noted["result"] = result
    if state.query_language == "JSONata":
        return
    if state.result_selector is not None:
        result = state.result_selector(result, frame)
    combined = result if state.result_path is None else state.result_path(frame.data, result)
    narrowed_output(state, combined, frame)


def _leave_pass(state: Pass, frame: Frame) -> None:
    data = narrowed_input(state, frame)
    result: Json = data if state.parameters is None else state.parameters(data, frame)
    if state.result is not UNSET:
        result = state.result
    if state.result_path is not None:
        state.result_path(frame.data, result)


_FIELD_OF = {
    "afterInputPath": "input_path",
    "afterParameters": "parameters",
    "afterArguments": "arguments",
    "afterResultSelector": "result_selector",
    "afterResultPath": "result_path",
}


def _has_field(state: State, stage: str) -> bool:
    """Whether a stage is worth showing: it is the result, or the state says something about it."""
    if stage == "result":
        return not isinstance(state, Map) or state.mode == "INLINE"
    if stage == "afterParameters" and isinstance(state, Map):
        return False
    return getattr(state, _FIELD_OF.get(stage, ""), None) is not None
