"""Pages of a history: each event in a row, and whole when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asl_runner.history.events import Event
from asl_runner.history.interchange import to_aws
from asl_runner.history.listing import Row, rows
from asl_runner.history.store import Store

PAGE = 100

SHOWN = 240
"""Characters of an event's data in its row."""


def page(
    store: Store,
    arn: str,
    start: float,
    *,
    first: int = 1,
    limit: int = PAGE,
    text: str = "",
    types: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Events from id `first` on, at most `limit`; those whose type, state or data hold `text`, and of these `types`.

    `next` is the id to go on from, None at the end. The history is read only as far as the page goes.
    """
    found: list[dict[str, Any]] = []
    after = None
    wanted = text.lower()
    for one in rows(store.events(arn, first=first), start):
        if types and one.type not in types:
            continue
        if wanted and wanted not in f"{one.type} {one.state} {one.data}".lower():
            continue
        if len(found) == limit:
            after = one.id
            break
        found.append(row(one))
    return {"events": found, "next": after}


def row(one: Row) -> dict[str, Any]:
    """A row as JSON."""
    return {
        "id": one.id,
        "elapsed": one.elapsed,
        "duration": one.duration,
        "depth": one.depth,
        "type": one.type,
        "state": one.state,
        "data": one.data[:SHOWN],
        "tone": one.tone,
    }


def whole(event: Event) -> dict[str, Any]:
    """An event as GetExecutionHistory gives it; the time is ISO 8601."""
    document = to_aws(event)
    document["timestamp"] = document["timestamp"].isoformat()
    return document


def of_scope(store: Store, arn: str, scope: str, first: int, last: int | None) -> Iterator[Event]:
    """The events of one scope between two ids: what happened in one visit of a state."""
    return (event for event in store.events(arn, first=first, last=last) if event.scope == scope)
