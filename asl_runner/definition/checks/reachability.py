"""Every state can be reached from its scope's StartAt, and every scope can end."""

from __future__ import annotations

from asl_runner.definition.diagnostics import Report
from asl_runner.definition.scopes import RawScope, is_terminal, transitions
from asl_runner.expressions.environment import Json


def check_reachability(scopes: list[RawScope], report: Report) -> None:
    """Reports unreachable states and scopes without an end.

    As the service does it: a machine without any terminal state is reported as that alone (`MISSING_END_STATE`), not
    with its unreachable states as well. Branches without an end are accepted there; here they are a warning.
    """
    for scope in scopes:
        # A state without any way out is reported as that; what it was to lead to is unknown.
        if not scope.states or any(_is_dead_end(state) for state in scope.states.values()):
            continue
        if any(is_terminal(state) for state in scope.states.values()):
            _check_scope(scope, report)
        elif scope.path and not _has_dangling(scope.states, scope):
            report.add("ASL308", "This scope has no terminal state: it never ends", (*scope.path, "States"), key=True)
        elif not scope.path:
            hint = 'give the last state "End": true'
            report.add("ASL303", "Workflow has no terminal state", ("States",), at=(), key=True, hint=hint)


def _check_scope(scope: RawScope, report: Report) -> None:
    edges = {name: _targets(name, scope) for name in scope.states}
    start = _resolve(scope.start_at or "", scope)
    if start is None or any("${" in item.target for state in scope.states.values() for item in transitions(state, ())):
        return
    reached = {start}
    pending = [start]
    while pending:
        for target in edges[pending.pop()]:
            if target not in reached:
                reached.add(target)
                pending.append(target)
    for name in scope.states:
        if name not in reached:
            report.add("ASL302", f'State "{name}" is not reachable.', scope.state_path(name), key=True)
    known = {name: scope.states[name] for name in reached if name in scope.states}
    if not any(is_terminal(state) for state in known.values()) and not _has_dangling(known, scope):
        report.add(
            "ASL308",
            f'No terminal state can be reached from "{start}": the loop never ends',
            scope.state_path(start),
            key=True,
        )


def _is_dead_end(state: dict[str, Json]) -> bool:
    return not is_terminal(state) and next(transitions(state, ()), None) is None


def _has_dangling(states: dict[str, dict[str, Json]], scope: RawScope) -> bool:
    """Whether some of these states lead to a state that is not there, which might have been the end."""
    return any(item.target not in scope.names for state in states.values() for item in transitions(state, ()))


def _targets(name: str, scope: RawScope) -> list[str]:
    resolved = (_resolve(item.target, scope) for item in transitions(scope.states[name], ()))
    return [target for target in resolved if target is not None]


def _resolve(target: str, scope: RawScope) -> str | None:
    """The state meant: a misspelt target, reported as such, shall not make its state unreachable as well."""
    if target in scope.states or not target:
        return target or None
    from difflib import get_close_matches

    near = get_close_matches(target, list(scope.states), n=1, cutoff=0.7)
    return near[0] if near else None
