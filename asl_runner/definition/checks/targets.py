"""Every StartAt, Next and Default names a state of its own scope."""

from __future__ import annotations

from asl_runner.definition.diagnostics import Report, did_you_mean
from asl_runner.definition.scopes import RawScope, Transition, transitions


def check_targets(scopes: list[RawScope], report: Report) -> None:
    """Reports targets that do not exist: `MISSING_TRANSITION_TARGET`."""
    everywhere = {name for scope in scopes for name in scope.states}
    for scope in scopes:
        if not scope.names:
            continue
        if scope.start_at is not None:
            _check(Transition((*scope.path, "StartAt"), scope.start_at), scope, everywhere, report)
        for name, state in scope.states.items():
            for transition in transitions(state, scope.state_path(name)):
                _check(transition, scope, everywhere, report)


def _check(transition: Transition, scope: RawScope, everywhere: set[str], report: Report) -> None:
    target = transition.target
    if target in scope.names or "${" in target:
        return
    if target in everywhere:
        hint = f'"{target}" is a state of another scope; a transition cannot leave or enter a branch or a Map'
    else:
        hint = did_you_mean(target, scope.states)
    report.add("ASL301", f"Missing 'Next' target: {target}", transition.path, found=target, hint=hint)
