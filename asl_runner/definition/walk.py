"""Walks through a machine: the scopes inside a state, and all states of a machine."""

from __future__ import annotations

from collections.abc import Iterator

from asl_runner.definition.model import Map, Parallel, Scope, State


def inner_scopes(state: State) -> tuple[Scope, ...]:
    """The branches of a Parallel, the processor of a Map; nothing for other states."""
    if isinstance(state, Map):
        return (state.item_processor,)
    return state.branches if isinstance(state, Parallel) else ()


def all_scopes(scope: Scope) -> Iterator[Scope]:
    """A scope and every one inside it, outer ones first."""
    yield scope
    for state in scope.states.values():
        for inner in inner_scopes(state):
            yield from all_scopes(inner)


def all_states(scope: Scope) -> Iterator[State]:
    """Every state of a scope and of those inside it."""
    return (state for inner in all_scopes(scope) for state in inner.states.values())
