"""Where an execution goes on under another definition: which of its results are kept, and what runs again.

A state that has ended stays so, also when it was changed; one that is open runs again as it is written now. Beyond
AWS, which redrives with the same definition only; with that, `carry` comes to the same place as `restore`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from asl_runner.definition import model
from asl_runner.definition.scopes import PROCESSORS, scopes
from asl_runner.errors import UsageError
from asl_runner.history.events import Event
from asl_runner.interpreter.restored import Reader, Restored, inner_scope

Does = Literal["KEPT", "GOES ON", "RUNS AGAIN", "BEGINS", "DROPPED"]
"""KEPT: it has ended. GOES ON: a Parallel or Map of whose children some are kept. BEGINS: it had not been entered.
DROPPED: it was open, and the definition has it no more."""

_FEEDS = (
    "QueryLanguage",
    "InputPath",
    "Parameters",
    "Arguments",
    "ItemsPath",
    "Items",
    "ItemSelector",
    "ItemReader",
    "ItemBatcher",
)
"""Fields that say what the branches or iterations of a state get."""

_CHILD = re.compile(r":\d+\.(\d+)(?=/|$)")


class Step(Struct, frozen=True, kw_only=True):
    """What becomes of the visits of one state in one scope."""

    scope: str
    state: str
    does: Does
    changed: tuple[str, ...] = ()
    """The fields that the new definition has differently."""
    note: str = ""


class Carried(Struct, kw_only=True):
    """Where an execution goes on, and what that means for each state it has visited."""

    restored: Restored
    steps: list[Step]


class CannotGoOn(UsageError):
    """The new definition has no place from which the execution could go on."""


def place_name(scope: str, state: str) -> str:
    """A state in a scope as people write it: `Each[2]/Pack`, of the machine itself just its name."""
    within = _CHILD.sub(r"[\1]", scope).removeprefix("/")
    return f"{within}/{state}" if within and state else within or state


def carry(
    machine: model.StateMachine, events: Sequence[Event], input: bytes, before: str, *, or_anew: bool = False
) -> Carried:
    """Where the machine goes on after these events, which were recorded under the definition with the text `before`.

    Where it has no place for that, it begins `or_anew`, or else raises `CannotGoOn`.
    """
    carrier = _Carrier(events, before, machine.source)
    restored = carrier.machine(machine, input)
    if "" in carrier.lost:
        if not or_anew:
            raise CannotGoOn(carrier.lost[""])
        restored = carrier.from_start(machine, restored, input, carrier.lost[""])
    return Carried(restored=restored, steps=[step for found in carrier.steps.values() for step in found])


class _Carrier(Reader):
    """Reads a history for a machine that may not be the one that made it."""

    def __init__(self, events: Sequence[Event], before: str, after: str) -> None:
        super().__init__(events)
        self.steps: dict[str, list[Step]] = {}
        """By the path of their scope."""
        self.lost: dict[str, str] = {}
        """Of scopes that have no place to go on from: why."""
        self._before = _written(before)
        self._after = self._before if after == before else _written(after)

    def settle(self, scope: model.Scope, place: Restored, events: Sequence[Event], left: int | None) -> None:
        self.steps[place.path] = []
        exited = Counter(_exited(events))
        for name, times in exited.items():
            gone = "" if name in scope.states else "gone from the definition; what it gave is kept"
            self._say(place, name, "KEPT", gone or (f"{times:,} visits" if times > 1 else ""))
        if left is not None:
            self._after_exit(scope, place, events, left)
        elif place.entry is None:
            self._say(place, scope.start_at, "BEGINS")
        elif place.todo in scope.states:
            self._open(scope, scope.states[place.todo], place, events)
        else:
            self._gone(scope, place, events)

    def _say(self, place: Restored, state: str, does: Does, note: str = "") -> None:
        self.steps[place.path].append(self._step(place, state, does, note))

    def _step(self, place: Restored, state: str, does: Does, note: str) -> Step:
        before, after = self._before.get(state), self._after.get(state)
        changed: tuple[str, ...] = ()
        if before is not None and after is not None and before is not after:
            changed = tuple(sorted(key for key in before | after if before.get(key) != after.get(key)))
        return Step(scope=place.path, state=state, does=does, changed=changed, note=note)

    def _open(self, scope: model.Scope, state: model.State, place: Restored, events: Sequence[Event]) -> None:
        """The state that was entered and not left is still there."""
        bypassed = _bypassed(scope, state.name, events)
        assert place.entry is not None
        if place.entry.type != f"{state.type}StateEntered":
            enter_anew(place)
            self._say(place, state.name, "RUNS AGAIN", joined(f"a {state.type} now: entered anew", bypassed))
        elif not place.started:
            self._say(place, state.name, "RUNS AGAIN", bypassed)
        elif why := self._other_children(state, place):
            place.started, place.map_run = 0, None
            self._say(place, state.name, "RUNS AGAIN", joined(why, bypassed))
        else:
            self._say(place, state.name, "GOES ON", bypassed)
            self.open_children(state, place)

    def _other_children(self, state: model.State, place: Restored) -> str:
        """Why the children of an open Parallel or Map can mean nothing any more; "" where they do."""
        before, after = self._before.get(state.name, {}), self._after[state.name]
        if any(before.get(field) != after.get(field) for field in _FEEDS):
            return "what its children get has changed: all of them run again"
        distributed = isinstance(state, model.Map) and state.mode == "DISTRIBUTED"
        inline = place.map_run is None and bool(self.children_of(place))
        if (inline and distributed) or (place.map_run is not None and not distributed):
            return "its Mode has changed: all of its children run again"
        if distributed and _processing(before) != _processing(after):
            return "its ProcessorConfig has changed: all of its children run again"
        return ""

    def open_children(self, state: model.State, place: Restored) -> None:
        if place.map_run is not None:
            place.children = {}
            return
        place.children = {}
        number = len(state.branches) if isinstance(state, model.Parallel) else None
        for index, path in self.children_of(place):
            if number is not None and index >= number:
                self.steps[path] = [Step(scope=path, state="", does="DROPPED", note="the branch is gone")]
            else:
                place.children[index] = self._child(inner_scope(state, index), path, place.started)
        for index in range(number or 0):
            if index not in place.children:
                path = f"{place.child_path}.{index}"
                start = inner_scope(state, index).start_at
                self.steps[path] = [Step(scope=path, state=start, does="BEGINS", note="a new branch")]

    def _child(self, scope: model.Scope, path: str, started: int) -> Restored:
        """A branch or iteration, which begins anew where it could not go on."""
        input, previous = self.beginning(path, started)
        child = self.scope(scope, path, input, previous)
        passed = set(_exited(self.scopes[path]))
        why = self.lost.pop(path, "")
        if child.todo is None and (gone := sorted(passed - scope.states.keys())):
            why = f"of what it passed the definition no longer has {', '.join(gone)}"
        if not why:
            return child
        return self.from_start(scope, child, input, why)

    def from_start(self, scope: model.Scope, place: Restored, input: bytes, why: str) -> Restored:
        """The scope begins anew, after what has happened in it."""
        for inner in [inner for inner in self.steps if inner.startswith(f"{place.path}/")]:
            del self.steps[inner]
        note = f"from its start: {why}"
        self.steps[place.path] = [Step(scope=place.path, state=scope.start_at, does="RUNS AGAIN", note=note)]
        return Restored(
            path=place.path,
            todo=scope.start_at,
            text=input,
            previous=place.previous,
            anew=True,
            last=place.last,
            variables={},
            variable_sizes={},
            visits=place.visits,
            entered=place.entered,
        )

    def _after_exit(self, scope: model.Scope, place: Restored, events: Sequence[Event], left: int) -> None:
        """The last thing that happened in the scope was that a state ended."""
        name = (events[left].details or {})["name"]
        state = scope.states.get(name)
        if state is None:
            self.lost[place.path] = f"{name}, which came before, is not in the definition."
            return
        if _was_caught(events[: left + 1]) and not (isinstance(state, model.Working) and state.catch):
            self.lost[place.path] = f"{name} was left by a Catch, which it no longer has."
            return
        self.go_on_after(state, place, events, left)
        if place.todo == name:
            self._say(place, name, "RUNS AGAIN", "its rules are asked again")
        elif place.todo is not None:
            self._say(place, place.todo, "BEGINS", f"after {name}")

    def _gone(self, scope: model.Scope, place: Restored, events: Sequence[Event]) -> None:
        """The state that was entered and not left is not in the definition: on from the one before it, as that says."""
        gone = place.todo or ""
        left = max((at for at, event in enumerate(events) if event.type.endswith("StateExited")), default=None)
        enter_anew(place)
        position = len(self.steps[place.path])
        if left is None:
            place.todo = scope.start_at
            self._say(place, gone, "DROPPED", "gone from the definition")
            self._say(place, scope.start_at, "BEGINS", f"the first state, in the place of {gone}")
            return
        self._after_exit(scope, place, events, left)
        last = "; what came before it now comes last" if place.todo is None else ""
        dropped = self._step(place, gone, "DROPPED", f"gone from the definition{last}")
        self.steps[place.path].insert(position, dropped)
        if place.path in self.lost:
            self.lost[place.path] = (
                f"{gone}, which had not ended, is not in the definition. "
                f"{self.lost[place.path]} Keep one of these names, or run the new definition from its start."
            )


def enter_anew(place: Restored, text: bytes | None = None) -> None:
    """The open state, or the one to come, is to be entered once more, with `text` if there is one."""
    place.entry, place.started, place.map_run, place.children = None, 0, None, None
    if text is not None:
        place.text = text


def _exited(events: Sequence[Event]) -> list[str]:
    return [(event.details or {})["name"] for event in events if event.type.endswith("StateExited")]


def _was_caught(events: Sequence[Event]) -> bool:
    """Whether the exit that these events of a scope end with followed a failure."""
    kind = events[-1].type.removesuffix("StateExited")
    return kind in ("Task", "Parallel", "Map") and not events[-2].type.endswith("Succeeded")


def _bypassed(scope: model.Scope, state: str, events: Sequence[Event]) -> str:
    """What would come before an open state now, and does not run."""
    left = max((at for at, event in enumerate(events) if event.type.endswith("StateExited")), default=None)
    if left is None:
        return "" if scope.start_at == state else f"{scope.start_at}, which now comes first, does not run"
    before = scope.states.get((events[left].details or {})["name"])
    if before is None or isinstance(before, model.Choice) or _was_caught(events[: left + 1]):
        return ""
    if before.next == state:
        return ""
    return f"{before.name} now goes on to {before.next}, which does not run" if before.next else ""


def joined(*notes: str) -> str:
    """The notes there are, in one."""
    return "; ".join(note for note in notes if note)


def _written(definition: str) -> dict[str, dict[str, Any]]:
    """Every state as written, by its name, with the query language it is read in."""
    document = json.loads(definition)
    language = {"QueryLanguage": document.get("QueryLanguage", "JSONPath")}
    return {name: {**language, **state} for scope in scopes(document) for name, state in scope.states.items()}


def _processing(state: dict[str, Any]) -> Any:
    return next((state[field].get("ProcessorConfig") for field in PROCESSORS if field in state), None)
