"""Where an execution stood, read from its history: what going on from there needs, of every scope.

A history holds the data each state was entered with, what each one that ended gave, and the variables it assigned.
So nothing of what succeeded has to be run again to go on after it, on a redrive or when a process has died.

Source: recorded redrives. The open state goes on from its own entry, which is not recorded again; of an open Parallel
or inline Map the finished branches and iterations keep their outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from asl_runner.definition import model
from asl_runner.expressions.environment import Json
from asl_runner.history.events import Event
from asl_runner.interpreter.errors import ALL, DATA_LIMIT_EXCEEDED, Failure

_OPENING = ("ParallelStateStarted", "MapStateStarted")
_OPENING_MAP_RUN = ("MapRunStarted", "MapRunRedriven")
_SUCCEEDED = ("ParallelStateSucceeded", "MapStateSucceeded")


class Restored(Struct, kw_only=True):
    """One scope as its history left it."""

    path: str
    todo: str | None
    """The state to go on with; None when the scope has ended."""
    text: bytes
    """Its input, or the scope's output, as the history shows it."""
    previous: int
    """The event the next one of this scope follows."""
    entry: Event | None = None
    """The entry of `todo`, if it was entered."""
    variables: dict[str, Json]
    variable_sizes: dict[str, int]
    visits: dict[str, int]
    """How often each Parallel or Map has started its children."""
    entered: int = 0
    """How many states it has entered."""
    started: int = 0
    """The event with which an open Parallel or Map started those it has."""
    map_run: str | None = None
    """Of an open distributed Map: the ARN of its map run, which knows its children."""
    last: int = 0
    """Of the machine itself: the last event of the history."""
    anew: bool = False
    """Whether the scope begins once more after what happened in it: an iteration then says so."""
    map_run_started: int = 0
    """The event with which that map run began or went on."""
    children: dict[int, Restored] | None = None
    """Of an open Parallel or Map the branches or iterations to go on with, by index; None to begin anew."""
    is_closed: bool = False
    """Of an iteration: whether its end is recorded."""
    after: Interrupted | None = None
    """What else is known where nobody ended the execution; None on a redrive."""

    @property
    def attempts(self) -> list[Attempt]:
        """The attempts of the open state, the latest first."""
        if self.after is not None:
            return self.after.attempts[::-1]
        return [] if self.children is None else [Attempt(kept=self)]

    @property
    def data(self) -> Json:
        """The value of `text`."""
        return msgspec.json.decode(self.text)

    @property
    def child_path(self) -> str:
        """The path of the children, up to their index."""
        return f"{self.path}/{self.todo}:{self.visits[self.todo or ''] - 1}"


class Interrupted(Struct, kw_only=True):
    """What a scope did in its open state when the process that ran it died."""

    begun: float
    """When work in the state began, in seconds since the epoch."""
    time: float
    """Of the latest event of the scope and those inside it."""
    last: int
    """Which one that is."""
    attempts: list[Attempt] = []
    """Of a Task, Parallel or Map, in their order."""
    failure: Failure | None = None
    """Why the scope has failed, as far as events tell; None if it has not."""
    is_recorded: bool = False
    """Whether an event of its own says so."""
    exit: Event | None = None
    """Of a Choice that was left, nobody knows where to: its exit."""
    redriven: int = 0
    """The event with which the execution was redriven last; 0 if it never was."""


class Attempt(Struct, kw_only=True):
    """One attempt of a Task, Parallel or Map, as the history tells of it."""

    time: float = 0.0
    """Of its latest event."""
    last: int = 0
    """Of a Task: that event."""
    call: Event | None = None
    """Of a Task: what was scheduled."""
    begun: float | None = None
    """Of a Task: when it started."""
    submitted: bytes | None = None
    """Of a Task: the answer with which the wait for a job or a token began."""
    end: Event | None = None
    """What says how it ended."""
    kept: Restored | None = None
    """Of a Parallel or Map: its children, in a copy of the scope."""
    failed: list[int] = []
    """Which of them failed, first things first."""
    is_over: bool = False
    """Whether it has ended, and what was still open then is recorded as cut off."""
    is_concluded: bool = False
    """Whether the state's failure is recorded."""


def restore(machine: model.StateMachine, events: Sequence[Event], input: bytes | None = None) -> Restored:
    """Where the machine stood after these events, which are all of a history whose events have scopes.

    `input` is the execution's, by default what the history begins with: that of one whose process was killed at once
    may not have its beginning.
    """
    if input is None:
        input = bytes((events[0].details or {})["input"])
    return Reader(events).machine(machine, input)


def open_places(place: Restored) -> Iterator[Restored]:
    """The scopes that go on in a state, outer ones first."""
    if place.todo is not None:
        yield place
    for child in (place.children or {}).values():
        yield from open_places(child)


def _error(event: Event) -> str | None:
    return (event.details or {}).get("error")


class Reader:
    """Reads the scopes of one history, the machine's own first."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.scopes: dict[str, list[Event]] = {}
        for event in events:
            self.scopes.setdefault(event.scope, []).append(event)
        self._children: dict[str, list[int]] = {}
        for path in self.scopes:
            prefix, dot, index = path.rpartition(".")
            if dot and index.isdecimal():
                self._children.setdefault(prefix, []).append(int(index))
        self._last = events[-1]
        self._too_large = _error(events[-1]) == DATA_LIMIT_EXCEEDED

    def machine(self, machine: model.StateMachine, input: bytes) -> Restored:
        """Where the machine itself stands."""
        restored = self.scope(machine, "", input, 0)
        restored.last = self._last.id
        return restored

    def scope(self, scope: model.Scope, path: str, input: bytes, previous: int) -> Restored:
        """The scope at a path, which began with `input` after event `previous`."""
        events = self.scopes.get(path, ())
        place = Restored(
            path=path,
            todo=scope.start_at,
            text=input,
            previous=previous,
            variables={},
            variable_sizes={},
            visits={},
        )
        left: int | None = None
        for position, event in enumerate(events):
            details = event.details or {}
            if event.type.endswith("StateEntered"):
                if left is not None:
                    _assign(place, events[left])
                left = None
                place.todo, place.entry, place.started, place.map_run = details["name"], event, 0, None
                place.text, place.previous = bytes(details["input"]), event.id
                place.entered += 1
                place.is_closed = False
            elif event.type.endswith("StateExited"):
                place.text, place.previous, place.entry = bytes(details["output"]), event.id, None
                left = position
            elif event.type in _OPENING and place.todo is not None:
                place.visits[place.todo] = place.visits.get(place.todo, 0) + 1
                place.started, place.map_run = event.id, None
            elif event.type in _OPENING_MAP_RUN:
                place.map_run, place.map_run_started = details["mapRunArn"], event.id
                place.started = event.id
            elif event.type == "MapIterationStarted":
                # For the second time where a redrive had it begin once more.
                left, place.todo, place.text, place.entry = None, scope.start_at, input, None
                place.previous, place.is_closed = event.id, False
                place.variables, place.variable_sizes = {}, {}
            elif event.type == "MapIterationSucceeded":
                place.is_closed = True
            elif event.type in _SUCCEEDED and self._too_large:
                # Documented: the branches are not what was too large, so all of them run again.
                place.started = 0
        self.settle(scope, place, events, left)
        return place

    def settle(self, scope: model.Scope, place: Restored, events: Sequence[Event], left: int | None) -> None:
        """Says where the scope goes on: after the exit at `left` in its events, or else in the state that is open."""
        if left is not None:
            self.go_on_after(scope.states[(events[left].details or {})["name"]], place, events, left)
        elif place.todo is not None and place.entry is not None and place.started:
            self.open_children(scope.states[place.todo], place)

    def go_on_after(self, state: model.State, place: Restored, events: Sequence[Event], left: int) -> None:
        """The scope goes on after this state, whose exit is at `left` in its events."""
        if isinstance(state, model.Choice):
            # Only its rules know where to; they are pure, so it is asked again, as if it had not been.
            entry = next(event for event in reversed(events[:left]) if event.type.endswith("StateEntered"))
            place.todo, place.text = state.name, bytes((entry.details or {})["input"])
        else:
            _assign(place, events[left])
            place.todo = self._next(state, events[:left], place.path)

    def open_children(self, state: model.State, place: Restored) -> None:
        """Reads the branches or iterations of an open state that has started them."""
        if place.map_run is not None:
            place.children = {}
            return
        place.children = {
            index: self.scope(inner_scope(state, index), path, *self.beginning(path, place.started))
            for index, path in self.children_of(place)
        }

    def children_of(self, place: Restored) -> list[tuple[int, str]]:
        """The index and the path of each branch or iteration that the open state of a scope started last."""
        prefix = place.child_path
        return [(index, f"{prefix}.{index}") for index in sorted(self._children.get(prefix, ()))]

    def beginning(self, path: str, started: int) -> tuple[bytes, int]:
        """A branch's or iteration's input and the event before its first state; `started` is what began them all."""
        previous = started
        for event in self.scopes[path]:
            if event.type == "MapIterationStarted":
                previous = event.id
            elif event.type.endswith("StateEntered"):
                return bytes((event.details or {})["input"]), previous
        return b"", previous

    def _next(self, state: model.State, before: Sequence[Event], path: str) -> str | None:
        """What follows a state that was left after the events `before` of its scope."""
        if isinstance(state, model.Working) and state.catch and not before[-1].type.endswith("Succeeded"):
            return _caught_by(state, self._error_within(path, before[-1].id)).next
        return state.next

    def _error_within(self, path: str, last: int) -> str | None:
        """The error reported last in a scope and those inside it, up to event `last`."""
        found = [
            event
            for inner, events in self.scopes.items()
            if inner.startswith(path)
            for event in events
            if event.id <= last and _error(event) is not None
        ]
        return _error(max(found, key=lambda event: event.id)) if found else None


def _caught_by(state: model.Working, error: str | None) -> model.Catcher:
    for catcher in state.catch:
        if error in catcher.error_equals:
            return catcher
    general = [catcher for catcher in state.catch if ALL in catcher.error_equals]
    return general[0] if general else state.catch[0]


def inner_scope(state: model.State, index: int) -> model.Scope:
    """What branch `index` of a Parallel, or any iteration of a Map, runs."""
    if isinstance(state, model.Parallel):
        return state.branches[index]
    assert isinstance(state, model.Map)
    return state.item_processor


def _assign(place: Restored, exit: Event) -> None:
    texts: dict[str, str] = (exit.details or {}).get("assignedVariables", {})
    for name, text in texts.items():
        place.variables[name] = msgspec.json.decode(text)
        place.variable_sizes[name] = len(text.encode())
