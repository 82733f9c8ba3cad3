"""A history as a list to read: one row per event with its times, its depth, its state and its data in a few words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from msgspec import Struct

from asl_runner.history.events import DETAILS_KEYS, TERMINAL, Event, Payload
from asl_runner.history.scopes import scope_index

Tone = Literal["plain", "good", "bad", "cut"]
"""Whether the event tells of an end in success, of a failure, or of being cut off."""

_CHILD = re.compile(r":\d+\.\d+(?=/|$)")

_LONGEST = 2000
"""Bytes of a payload a row keeps; a list shows less."""


class Row(Struct, frozen=True):
    """One event. Times are seconds."""

    id: int
    elapsed: float
    """Since the execution started."""
    duration: float | None
    """Since the event this one ends: entering the state, scheduling the task, starting the iterations; else None."""
    depth: int
    """How deep to indent: twice the scopes around it, and one more between entering a state and leaving it."""
    type: str
    state: str
    data: str
    tone: Tone


class _Place(Struct):
    """What is under way in one scope: the state and when each of these began."""

    depth: int
    began: float | None = None
    state: str = ""
    entered: float | None = None
    work: float | None = None


def rows(events: Iterable[Event], start: float) -> Iterator[Row]:
    """The rows of events in order of id; `start` is when the execution started, in seconds since the epoch.

    Of a history read from the middle or backwards, durations whose beginning is not among the events are left out.
    """
    places: dict[str, _Place] = {}
    for event in events:
        type, details = event.type, event.details or {}
        place = places.get(event.scope)
        if place is None:
            place = places[event.scope] = _Place(2 * len(_CHILD.findall(event.scope)))
        if type.endswith("StateEntered"):
            place.state, place.entered, place.work = details.get("name", ""), event.time, None
        began = _beginning(place, event)
        yield Row(
            event.id,
            event.time - start,
            None if began is None else event.time - began,
            place.depth + _INDENTED.get(type, 1),
            type,
            "" if type in _OF_SCOPE else details.get("name") or details.get("state") or place.state,
            _data(event, details),
            _TONES.get(type, "plain"),
        )
        if type == "MapIterationSucceeded":
            del places[event.scope]


def _beginning(place: _Place, event: Event) -> float | None:
    """When what this event ends began; remembers the beginning if it is one itself."""
    type, time = event.type, event.time
    if type in ("ExecutionStarted", "MapIterationStarted"):
        place.began = time
    elif type in TERMINAL or type.startswith("MapIteration"):
        return place.began
    elif type.endswith(("Scheduled", "MapStateStarted", "ParallelStateStarted")):
        place.work = time
    elif type.endswith(("StateExited", "StateAborted")):
        return place.entered
    elif type.endswith(("Succeeded", "Failed", "TimedOut", "TaskSubmitted")):
        return place.work
    return None


def _data(event: Event, details: dict[str, Any]) -> str:
    """What the event says besides its type and state."""
    if event.type.startswith("MapIteration"):
        return f"#{details.get('index', scope_index(event.scope))}"
    service = f"{details['resourceType']}:" if "resourceType" in details else ""
    return service + " ".join(
        said for field, say in _SAID.items() if field in details and (said := say(details[field]))
    )


def _text(payload: Payload) -> str:
    return bytes(payload)[:_LONGEST].decode(errors="ignore")


def _assigned(variables: dict[str, str]) -> str:
    return ", ".join(f"${name} = {text[:_LONGEST]}" for name, text in variables.items())


_SAID: dict[str, Callable[[Any], str]] = {
    "resource": str,
    "workerName": "by {}".format,
    "length": lambda count: "1 item" if count == 1 else f"{count} items",
    "redriveCount": "redrive {}".format,
    "mapRunArn": str,
    "error": lambda name: f"{name}:",
    "cause": str,
    "location": "at {}".format,
    "parameters": _text,
    "input": _text,
    "output": _text,
    "assignedVariables": _assigned,
}
"""How a field of the details is said, in the order they are said."""

_OF_SCOPE = frozenset({"ExecutionStarted", "ExecutionRedriven", *TERMINAL})

_INDENTED = {
    type: 0
    for type in DETAILS_KEYS
    if type in _OF_SCOPE or type.endswith(("StateEntered", "StateExited", "StateAborted"))
} | {type: -1 for type in DETAILS_KEYS if type.startswith("MapIteration")}


def _tone(type: str) -> Tone:
    if type.endswith("Aborted"):
        return "cut"
    if type.endswith(("Failed", "TimedOut")):
        return "bad"
    return "good" if type == "ExecutionSucceeded" else "plain"


_TONES = {type: _tone(type) for type in DETAILS_KEYS}
