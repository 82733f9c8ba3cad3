"""Variables: none takes the name of one of an outer scope, and `$states` has in each field what it can have there."""

from __future__ import annotations

from collections.abc import Iterator

from asl_runner.definition.diagnostics import Report, location
from asl_runner.definition.json_text import Path
from asl_runner.definition.scopes import PROCESSORS, RawScope, list_of, transitions
from asl_runner.definition.structure import language_of
from asl_runner.expressions.environment import ExpressionSyntaxError, Json

_WITH_RESULT = ("Task", "Parallel", "Map")
_INNER = (*PROCESSORS, "Branches")


def check_variables(document: dict[str, Json], scopes: list[RawScope], report: Report) -> None:
    """Reports variables that hide outer ones assigned before, and members of `$states` where they do not exist."""
    _check_names(scopes, report)
    machine = language_of(document, "JSONPath")
    for scope in scopes:
        for name, state in scope.states.items():
            if language_of(state, machine) == "JSONata":
                _check_states_variable(state, scope.state_path(name), report)


def _check_names(scopes: list[RawScope], report: Report) -> None:
    for scope in scopes:
        mine = _assigned(scope, frozenset(scope.states))
        if not mine or not scope.path:
            continue
        known: dict[str, Path] = {}
        for outer, state in _outer(scope, scopes):
            for name, path in _assigned(outer, _leading_to(outer, state)).items():
                known.setdefault(name, path)
        for name, path in mine.items():
            if name in known:
                message = f"Variable '{name}' is assigned in an outer scope and cannot be assigned here"
                hint = f"the outer one is at {location(known[name])}; choose another name"
                report.add("ASL211", message, path, at=path[:-1], key=True, hint=hint)


def _assigned(scope: RawScope, names: frozenset[str]) -> dict[str, Path]:
    """The variables some states of a scope assign, each with the first place."""
    found: dict[str, Path] = {}
    for name, state in scope.states.items():
        if name not in names:
            continue
        here = scope.state_path(name)
        holders: list[tuple[Json, Path]] = [(state, here)]
        for field in ("Choices", "Catch"):
            holders += [(item, (*here, field, index)) for index, item in enumerate(list_of(state, field))]
        for holder, path in holders:
            assign = holder.get("Assign") if isinstance(holder, dict) else None
            for key in assign if isinstance(assign, dict) else ():
                found.setdefault(key.removesuffix(".$"), (*path, "Assign", key))
    return found


def _outer(scope: RawScope, scopes: list[RawScope]) -> Iterator[tuple[RawScope, str]]:
    """The scopes whose variables a scope sees, each with the state that leads in: none outside a distributed Map."""
    path = scope.path
    while path:
        state_path = path[:-1] if path[-1] in PROCESSORS else path[:-2]
        state = str(state_path[-1])
        outer = next((other for other in scopes if state_path[:-2] == other.path), None)
        if outer is None or (path[-1] in PROCESSORS and _is_distributed(outer.states[state], path[-1])):
            return
        yield outer, state
        path = outer.path


def _leading_to(scope: RawScope, target: str) -> frozenset[str]:
    """The states of a scope that may run before one: what that one assigns itself comes after (recorded)."""
    before: set[str] = set()
    pending = [target]
    while pending:
        wanted = pending.pop()
        for name, state in scope.states.items():
            if name not in before and any(step.target == wanted for step in transitions(state, ())):
                before.add(name)
                pending.append(name)
    return frozenset(before - {target})


def _is_distributed(state: dict[str, Json], processor: str | int) -> bool:
    config = state[str(processor)].get("ProcessorConfig")
    return isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"


def _check_states_variable(state: dict[str, Json], path: Path, report: Report) -> None:
    for field, value in state.items():
        if field in _INNER:
            continue
        allowed = "result" if field in ("Assign", "Output") and state.get("Type") in _WITH_RESULT else ""
        if field == "Catch":
            for index, catcher in enumerate(list_of(state, "Catch")):
                for name, item in catcher.items() if isinstance(catcher, dict) else ():
                    allowed = "errorOutput" if name in ("Assign", "Output") else ""
                    _check_value(item, (*path, field, index, name), allowed, report)
        else:
            _check_value(value, (*path, field), allowed, report)


def _check_value(value: Json, path: Path, allowed: str, report: Report) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _check_value(item, (*path, key), allowed, report)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_value(item, (*path, index), allowed, report)
    elif isinstance(value, str) and value.startswith("{%") and ("result" in value or "errorOutput" in value):
        for name in sorted(_reads(value) & {"result", "errorOutput"} - {allowed}):
            where = "the Output and Assign of a catcher"
            if name == "result":
                where = "the Output and Assign of a Task, Parallel or Map"
            message = f"Reference to '$states.{name}' is not supported."
            offset = max(value.find(f".{name}"), 0)
            report.add("ASL212", message, path, found=value, offset=offset, hint=f"it exists in {where}")


def _reads(text: str) -> frozenset[str]:
    from asl_runner.expressions.jsonata_syntax import enclosed, parse_jsonata

    try:
        return parse_jsonata(enclosed(text)[0]).reads
    except ExpressionSyntaxError:
        # Reported where it is compiled.
        return frozenset()
