"""Branches by their place in the definition, for a history that says nothing of it.

AWS's histories tell branches of a Parallel apart, but not which is which; a branch is known by the state it starts at,
whose name is its own in the whole machine.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from asl_runner.definition.model import Parallel, StateMachine
from asl_runner.definition.walk import all_states
from asl_runner.history.events import Event
from asl_runner.history.scopes import ROOT


def with_branches(events: Iterable[Event], machine: StateMachine) -> list[Event]:
    """The events of a whole history, in order, with the index of every branch in its scope as in the definition."""
    places = {
        branch.start_at: index
        for state in all_states(machine)
        if isinstance(state, Parallel)
        for index, branch in enumerate(state.branches)
    }
    renamed: dict[str, str] = {ROOT: ROOT}
    found = []
    for event in events:
        if event.scope not in renamed:
            renamed[event.scope] = _renamed(event, renamed, places)
        scope = renamed[event.scope]
        found.append(event if scope == event.scope else replace(event, scope=scope))
    return found


def _renamed(first: Event, renamed: dict[str, str], places: dict[str, int]) -> str:
    """The scope of the first event in it."""
    around = first.scope
    while around not in renamed:
        around = around.rpartition("/")[0]
    own, _, index = first.scope[len(around) :].rpartition(".")
    if first.type.endswith("StateEntered"):
        index = str(places.get((first.details or {})["name"], index))
    return f"{renamed[around]}{own}.{index}"
