"""The table of state visits: rows with what a person compares, in pages, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from asl_runner.history.views import VisitTracker
from asl_runner.history.visits import ScopeView, Visit, VisitStatus

PAGE = 200
"""Rows of a page."""

Column: TypeAlias = Literal["id", "state", "type", "status", "resource", "duration", "start", "retries"]
COLUMNS: tuple[Column, ...] = ("id", "state", "type", "status", "resource", "duration", "start", "retries")


def row(visit: Visit, start: float, now: float) -> dict[str, Any]:
    """One visit. `start` and `duration` are in seconds, `start` since that of the execution."""
    counts = visit.counts
    return {
        "id": visit.entered,
        "exited": visit.exited,
        "state": visit.state,
        "type": visit.type,
        "scope": visit.scope,
        "status": visit.status,
        "resource": visit.resource,
        "mapRun": visit.map_run,
        "start": visit.start - start,
        "duration": max(0.0, (now if visit.end is None else visit.end) - visit.start),
        "running": visit.end is None,
        "retries": visit.retries,
        "attempts": [
            [attempt.start - start, None if attempt.end is None else attempt.end - start, attempt.error]
            for attempt in visit.attempts
        ],
        "error": visit.error,
        "cause": None if visit.cause is None else visit.cause[:500],
        "iterations": len(visit.children) if visit.type == "Map" else 0,
        "branches": list(visit.children) if visit.type == "Parallel" else [],
        "counts": None
        if counts is None
        else {
            "total": counts.total,
            "started": counts.started,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "aborted": counts.aborted,
        },
    }


def page(
    tracker: VisitTracker,
    now: float,
    *,
    scope: str = "",
    offset: int = 0,
    limit: int = PAGE,
    sort: Column = "id",
    descending: bool = False,
    status: str | None = None,
    text: str = "",
) -> dict[str, Any]:
    """The visits of one scope, those of Parallel's branches after their Parallel with their depth; Maps stay closed.

    Sorted by anything but `id` there are no depths: each visit stands for itself. Raises `KeyError` for no such scope.
    """
    start = tracker.root.start
    found = [
        (depth, visit)
        for depth, visit in opened(tracker.scope(scope))
        if (status is None or visit.status == status) and (not text or text.lower() in visit.state.lower())
    ]
    if sort != "id" or descending:
        rows = sorted((row(visit, start, now) for _, visit in found), key=lambda one: _key(one[sort]))
        rows = rows[::-1] if descending else rows
        rows = rows[offset : offset + limit]
    else:
        rows = [{**row(visit, start, now), "depth": depth} for depth, visit in found[offset : offset + limit]]
    return {"visits": rows, "total": len(found), "offset": offset, "scope": scope}


def _key(value: Any) -> tuple[bool, Any]:
    return (value is None, "" if value is None else value)


def opened(scope: ScopeView, depth: int = 0) -> Iterator[tuple[int, Visit]]:
    """The visits of a scope with those of Parallel's branches inside them."""
    for visit in scope.visits:
        yield depth, visit
        if visit.type == "Parallel":
            for branch in visit.children.values():
                yield from opened(branch, depth + 1)


def find(tracker: VisitTracker, entered: int) -> Visit | None:
    """The visit that an event began."""
    for visit in everything(tracker.root):
        if visit.entered == entered:
            return visit
    return None


def everything(scope: ScopeView) -> Iterator[Visit]:
    """All visits, those of iterations too."""
    for visit in scope.visits:
        yield visit
        for child in visit.children.values():
            yield from everything(child)


def iterations(
    visit: Visit, start: float, now: float, *, status: VisitStatus | None = None, offset: int = 0, limit: int = PAGE
) -> dict[str, Any]:
    """The iterations of a Map, or those of a status, and how many of each status there are."""
    counts: dict[str, int] = {}
    for child in visit.children.values():
        counts[child.status] = counts.get(child.status, 0) + 1
    found = [child for child in visit.children.values() if status is None or child.status == status]
    rows = [
        {
            "scope": child.path,
            "index": child.index,
            "status": child.status,
            "start": child.start - start,
            "duration": max(0.0, (now if child.end is None else child.end) - child.start),
            "state": None if child.current is None else child.current.state,
            "error": None if child.current is None else child.current.error,
        }
        for child in found[offset : offset + limit]
    ]
    return {"iterations": rows, "total": len(found), "offset": offset, "counts": counts}


def replay(tracker: VisitTracker) -> list[list[Any]]:
    """Of every visit what a replay needs: state, event that entered it, last event of it or None, and its status."""
    return [[one.state, one.entered, one.exited, one.status] for one in everything(tracker.root)]
