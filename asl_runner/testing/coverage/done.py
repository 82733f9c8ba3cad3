"""What a run did, read out of its history: the elements that do not need to be watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from asl_runner.definition.model import Choice, State, StateMachine, Task, Working
from asl_runner.definition.walk import all_states
from asl_runner.history.visits import Visit
from asl_runner.interpreter.errors import HEARTBEAT_TIMEOUT, TIMEOUT, Failure
from asl_runner.interpreter.retry import find_retrier, matches
from asl_runner.testing.coverage.elements import SIZES, Element
from asl_runner.testing.run import Run

Tell: TypeAlias = Callable[[Element, str | None], object]
"""Is told of an element that was done, and the error that led to it."""


def tell_done(machine: StateMachine, run: Run, tell: Tell) -> None:
    """Tells of everything in a run and in the child executions of its distributed Maps."""
    states = {state.name: state for state in all_states(machine)}
    _scope(run.tree, states, tell, run)
    for runs in run.children.values():
        for child in runs:
            tell_done(machine, child, tell)


def _scope(visits: Sequence[Visit], states: dict[str, State], tell: Tell, run: Run) -> None:
    for visit, following in zip(visits, [*visits[1:], None], strict=True):
        state = states.get(visit.state)
        if state is None:
            continue
        tell(Element("state", visit.state), None)
        _ways_on(visit, following, state, tell)
        if isinstance(state, Working):
            _retries(visit, state, tell)
        if visit.type == "Map" and visit.counts is not None:
            # A Map that reads its items does not know their number when it starts.
            count = len(run.children_of(visit)) or visit.counts.total or 0
            tell(Element("items", visit.state, SIZES[min(count, 2)]), None)
        for scope in visit.children.values():
            _scope(scope.visits, states, tell, run)


def _ways_on(visit: Visit, following: Visit | None, state: State, tell: Tell) -> None:
    if visit.status == "CAUGHT" and isinstance(state, Working):
        failure = _failure(state, visit.error)
        for index, catcher in enumerate(state.catch):
            if matches(catcher.error_equals, failure, state):
                tell(Element("catch", visit.state, str(index)), visit.error)
                return
    elif following is not None and not isinstance(state, Choice):
        tell(Element("next", visit.state), None)


def _retries(visit: Visit, state: Working, tell: Tell) -> None:
    """Every attempt but the last was followed by another."""
    for attempt in visit.attempts[:-1]:
        chosen = find_retrier(state, _failure(state, attempt.error))
        if chosen is not None:
            tell(Element("retry", visit.state, str(chosen)), attempt.error)


def _failure(state: Working, error: str | None) -> Failure:
    """A failure as the history shows it: of a missed heartbeat and a timeout it shows the same."""
    task = isinstance(state, Task)
    heard = any(HEARTBEAT_TIMEOUT in names for names in _names(state))
    return Failure(error, None, task=task, heartbeat=task and heard and error == TIMEOUT)


def _names(state: Working) -> list[Sequence[str]]:
    return [*(retrier.error_equals for retrier in state.retry), *(catcher.error_equals for catcher in state.catch)]
