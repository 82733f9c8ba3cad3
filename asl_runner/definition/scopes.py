"""The scopes of a raw document: every `States` object with its start and the transitions inside it.

Stands any JSON: what is not of the right type is skipped, because the structure is reported elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from asl_runner.definition.json_text import Path
from asl_runner.expressions.environment import Json

PROCESSORS = ("ItemProcessor", "Iterator")


class Transition(Struct, frozen=True):
    """A field that names a state: where it is, and the name."""

    path: Path
    target: str


class RawScope(Struct, frozen=True):
    """One `States` object. `path` leads to the object that holds it."""

    path: Path
    start_at: str | None
    states: dict[str, dict[str, Json]]
    names: frozenset[str]
    """The names of all states, also of those that are no objects."""

    def state_path(self, name: str) -> Path:
        """Where a state of this scope is."""
        return (*self.path, "States", name)


def scopes(document: Json, path: Path = ()) -> Iterator[RawScope]:
    """The scope of a document and all scopes inside it, outer ones first."""
    if not isinstance(document, dict) or not isinstance(document.get("States"), dict):
        return
    states = {name: state for name, state in document["States"].items() if isinstance(state, dict)}
    start_at = document.get("StartAt")
    scope = RawScope(path, start_at if isinstance(start_at, str) else None, states, frozenset(document["States"]))
    yield scope
    for name, state in states.items():
        here = scope.state_path(name)
        for processor in PROCESSORS:
            if processor in state:
                yield from scopes(state[processor], (*here, processor))
        for index, branch in enumerate(list_of(state, "Branches")):
            yield from scopes(branch, (*here, "Branches", index))


def list_of(value: Json, name: str) -> list[Json]:
    """The elements of an array field; none where it is no array."""
    items = value.get(name) if isinstance(value, dict) else None
    return items if isinstance(items, list) else []


def transitions(state: dict[str, Json], path: Path) -> Iterator[Transition]:
    """The fields of a state that name where it goes."""
    if state.get("Type") not in ("Succeed", "Fail"):
        for name in ("Next", "Default"):
            if isinstance(state.get(name), str):
                yield Transition((*path, name), state[name])
    for name in ("Choices", "Catch"):
        for index, item in enumerate(list_of(state, name)):
            if isinstance(item, dict) and isinstance(item.get("Next"), str):
                yield Transition((*path, name, index, "Next"), item["Next"])


def is_terminal(state: dict[str, Json]) -> bool:
    """Whether a state ends its scope; a placeholder for `End` may be true."""
    if state.get("Type") in ("Succeed", "Fail"):
        return True
    end = state.get("End", False)
    return end is True or (isinstance(end, str) and "${" in end)
