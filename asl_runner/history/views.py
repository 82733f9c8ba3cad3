"""What a history says of the states visited: the one reading of events that all faces show.

`VisitTracker` takes events as they come; `visits` and `timeline` read a whole history with it. Linear in the events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from asl_runner.history.events import DETAILS_KEYS, TERMINAL, Event
from asl_runner.history.records import Status
from asl_runner.history.scopes import ROOT, scope_index
from asl_runner.history.visits import Attempt, Counts, ScopeView, Visit, VisitStatus

LIVE_VISITS = 256
"""Ended visits of one scope a live tracker remembers at least."""


class VisitTracker:
    """Follows an execution. `live` keeps memory small: no payloads, and of what has ended only what a display shows."""

    def __init__(self, *, live: bool = False) -> None:
        self.root = ScopeView(ROOT, 0, 0.0)
        self.status: Status = "RUNNING"
        self.start: float | None = None
        self.end: float | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self._live = live
        self._scopes: dict[str, ScopeView] = {ROOT: self.root}
        self._reopened: dict[int, tuple[VisitStatus, str | None, str | None, float | None]] = {}
        """How the visits had ended, by the event that entered them, with which the latest redrive goes on."""

    def feed(self, events: Iterable[Event]) -> None:
        """Takes the next events, in order of id."""
        handlers = _HANDLERS
        for event in events:
            handler = handlers.get(event.type)
            if handler is not None:
                handler(self, event, event.details or {})

    def scope(self, path: str) -> ScopeView:
        """The scope with this path. Raises `KeyError`."""
        return self._scopes[path]

    def _entered(self, event: Event, details: dict[str, Any]) -> None:
        scope = self._scope(event)
        visits = scope.visits
        if self._reopened and visits:
            self._enter_anew(visits[-1])
        if self._live and len(visits) >= 2 * LIVE_VISITS:
            del visits[:LIVE_VISITS]
            scope.dropped += LIVE_VISITS
        visits.append(
            Visit(
                details["name"],
                event.type[: -len("StateEntered")],
                event.scope,
                event.id,
                event.time,
                None if self._live else details.get("input"),
            )
        )

    def _exited(self, event: Event, details: dict[str, Any]) -> None:
        visit = self._scope(event).current
        if visit is None:
            return
        visit.status = "SUCCEEDED" if visit.error is None else "CAUGHT"
        visit.exited, visit.end = event.id, event.time
        if self._live:
            self._forget_children(visit, keep_failed=True)
        else:
            visit.output = details.get("output")
        _end_attempt(visit, event.time)

    def _scheduled(self, event: Event, details: dict[str, Any]) -> None:
        visit = self._begin_attempt(event)
        if visit is not None and visit.resource is None:
            service = details.get("resourceType")
            visit.resource = f"{service}:{details['resource']}" if service else details.get("resource")

    def _submitted(self, event: Event, details: dict[str, Any]) -> None:
        visit = self._scope(event).current
        if visit is not None and not self._live:
            visit.submitted = details.get("output")

    def _children_started(self, event: Event, details: dict[str, Any]) -> None:
        visit = self._begin_attempt(event)
        if visit is not None:
            visit.counts = Counts(details.get("length"))

    def _map_run_opened(self, event: Event, details: dict[str, Any]) -> None:
        visit = self._scope(event).current
        if visit is not None:
            visit.map_run = details["mapRunArn"]

    def _begin_attempt(self, event: Event) -> Visit | None:
        visit = self._scope(event).current
        if visit is None:
            return None
        if visit.attempts:
            before = visit.attempts[-1]
            before.is_cut_off = before.end is None and event.type.endswith("Scheduled")
            self._cut_children(visit, event.time)
            _end_attempt(visit, event.time)
            if self._live:
                self._forget_children(visit, keep_failed=False)
        visit.attempts.append(Attempt(event.time))
        # After a retry or a redrive it is under way again.
        visit.status, visit.end, visit.error, visit.cause = "RUNNING", None, None, None
        return visit

    def _answered(self, event: Event, details: dict[str, Any]) -> None:
        visit = self._scope(event).current
        if visit is not None:
            _end_attempt(visit, event.time)

    def _failed(self, event: Event, details: dict[str, Any]) -> None:
        """An attempt failed; whether the visit did is told by what follows."""
        visit = self._scope(event).current
        if visit is not None:
            visit.error, visit.cause = details.get("error", ""), details.get("cause")
            _end_attempt(visit, event.time)

    def _children_ended(self, event: Event, details: dict[str, Any]) -> None:
        visit = self._scope(event).current
        if visit is not None:
            self._cut_children(visit, event.time)
            _end_attempt(visit, event.time)

    def _aborted(self, event: Event, details: dict[str, Any]) -> None:
        scope = self._scope(event)
        visit = scope.current
        if visit is not None and visit.status == "RUNNING":
            self._cut(visit, event.time)
            self._end_scope(scope, visit.status, event.time)

    def _iteration(self, event: Event, details: dict[str, Any]) -> None:
        scope = self._scope(event)
        step = event.type.removeprefix("MapIteration")
        if step == "Started":
            if scope.status == "SUCCEEDED" and scope.parent is not None and scope.parent.counts is not None:
                # Under another definition it runs once more.
                scope.parent.counts.succeeded -= 1
                scope.status, scope.end = "RUNNING", None
            return
        if scope.current is not None and scope.current.status == "RUNNING":
            self._cut(scope.current, event.time)
        self._end_scope(scope, _ITERATION_STATUS[step], event.time)

    def _execution_started(self, event: Event, details: dict[str, Any]) -> None:
        self.start = self.root.start = event.time

    def _execution_ended(self, event: Event, details: dict[str, Any]) -> None:
        status: Any = TERMINAL[event.type]
        self.status, self.end = status, event.time
        self.error, self.cause = details.get("error"), details.get("cause")
        visit = self.root.current
        if visit is not None and visit.status == "RUNNING":
            # What ends the execution is this state's failure; a timeout or a stop comes from outside.
            visit.error, visit.cause = (self.error or "", self.cause) if self.status == "FAILED" else (None, None)
            self._cut(visit, event.time)
        self._end_scope(self.root, "SUCCEEDED" if self.status == "SUCCEEDED" else "FAILED", event.time)

    def _redriven(self, event: Event, details: dict[str, Any]) -> None:
        self.status, self.end, self.error, self.cause = "RUNNING", None, None, None
        self._reopened.clear()
        self._reopen(self.root)

    def _reopen(self, scope: ScopeView) -> None:
        """What had not succeeded goes on: the scope's open visit, and so its children but those that are through."""
        scope.status, scope.end = "RUNNING", None
        visit = scope.current
        if visit is None or visit.exited is not None:
            return
        self._reopened[visit.entered] = (visit.status, visit.error, visit.cause, visit.end)
        visit.status, visit.error, visit.cause, visit.end = "RUNNING", None, None, None
        latest = next(reversed(visit.children), "").rpartition(".")[0]
        for path, child in visit.children.items():
            if path.rpartition(".")[0] == latest and child.status != "SUCCEEDED":
                if visit.counts is not None:
                    _uncount(visit.counts, child.status)
                self._reopen(child)

    def _enter_anew(self, visit: Visit) -> None:
        """A state is entered in the place of one that a redrive was to go on with: that stays as it ended."""
        if visit.status == "RUNNING" and visit.entered in self._reopened:
            visit.status, visit.error, visit.cause, visit.end = self._reopened[visit.entered]

    def _scope(self, event: Event) -> ScopeView:
        scope = self._scopes.get(event.scope)
        return scope if scope is not None else self._begin_scope(event)

    def _begin_scope(self, event: Event) -> ScopeView:
        path = event.scope
        parent = self._around(path).current
        scope = ScopeView(path, scope_index(path), event.time, parent)
        self._scopes[path] = scope
        if parent is not None:
            parent.children[path] = scope
            if parent.counts is not None:
                parent.counts.started += 1
        return scope

    def _around(self, path: str) -> ScopeView:
        """The scope around a path: the longest one known, as names of states may have a slash in them."""
        while path:
            path = path.rpartition("/")[0]
            scope = self._scopes.get(path)
            if scope is not None:
                return scope
        return self.root

    def _end_scope(self, scope: ScopeView, status: VisitStatus, time: float) -> None:
        if scope.status != "RUNNING":
            return
        scope.status, scope.end = status, time
        visit = scope.parent
        if visit is None:
            return
        if visit.counts is not None:
            _count(visit.counts, status)
        if status == "SUCCEEDED":
            if self._live:
                del self._scopes[scope.path], visit.children[scope.path]
        elif status == "FAILED" and visit.error is None:
            inner = scope.current
            visit.error, visit.cause = ("", None) if inner is None else (inner.error or "", inner.cause)

    def _cut(self, visit: Visit, time: float) -> None:
        """Ends a visit that never exited: failed if it has a failure of its own, else cut off."""
        self._cut_children(visit, time)
        if visit.type == "Fail" and visit.error is None:
            visit.error = ""
        visit.status, visit.end = "ABORTED" if visit.error is None else "FAILED", time
        _end_attempt(visit, time)

    def _cut_children(self, visit: Visit, time: float) -> None:
        """Ends what still runs inside. A branch that is through has no event of its own to say so."""
        for scope in list(visit.children.values()):
            if scope.status == "RUNNING":
                inner = scope.current
                if inner is not None and inner.status == "RUNNING":
                    self._cut(inner, time)
                through = inner is not None and inner.status in ("SUCCEEDED", "CAUGHT")
                status: VisitStatus = "ABORTED" if inner is None else "SUCCEEDED" if through else inner.status
                self._end_scope(scope, status, inner.end or time if inner is not None and through else time)

    def _forget_children(self, visit: Visit, *, keep_failed: bool) -> None:
        """Lets go of a live tracker's ended scopes, those inside them included."""
        for path, scope in list(visit.children.items()):
            self._scopes.pop(path, None)
            for inner in scope.visits:
                self._forget_children(inner, keep_failed=keep_failed)
            if not (keep_failed and scope.status == "FAILED"):
                del visit.children[path]


def visits(events: Iterable[Event]) -> list[Visit]:
    """The visits of the machine's own states, in order; those inside Parallel and Map are their `children`."""
    tracker = VisitTracker()
    tracker.feed(events)
    return tracker.root.visits


def timeline(events: Iterable[Event]) -> Iterator[tuple[int, Visit]]:
    """Every visit with its depth, those inside a Parallel or Map after it, branch by branch."""
    return _flattened(visits(events), 0)


def _flattened(found: list[Visit], depth: int) -> Iterator[tuple[int, Visit]]:
    for visit in found:
        yield depth, visit
        for scope in visit.children.values():
            yield from _flattened(scope.visits, depth + 1)


def _end_attempt(visit: Visit, time: float) -> None:
    if visit.attempts and visit.attempts[-1].end is None:
        attempt = visit.attempts[-1]
        attempt.end, attempt.error, attempt.cause = time, visit.error, visit.cause


def _count(counts: Counts, status: VisitStatus) -> None:
    if status == "SUCCEEDED":
        counts.succeeded += 1
    elif status == "FAILED":
        counts.failed += 1
    else:
        counts.aborted += 1


def _uncount(counts: Counts, status: VisitStatus) -> None:
    """A child goes on that had been counted."""
    if status == "FAILED":
        counts.failed -= 1
    elif status == "ABORTED":
        counts.aborted -= 1


_ITERATION_STATUS: dict[str, VisitStatus] = {"Succeeded": "SUCCEEDED", "Failed": "FAILED", "Aborted": "ABORTED"}

_Handler = Callable[[VisitTracker, Event, dict[str, Any]], None]


def _handlers() -> dict[str, _Handler]:
    tracker = VisitTracker
    by_end: tuple[tuple[str, _Handler], ...] = (
        ("StateEntered", tracker._entered),
        ("StateExited", tracker._exited),
        ("StateAborted", tracker._aborted),
        ("ParallelStateStarted", tracker._children_started),
        ("MapStateStarted", tracker._children_started),
        ("StateSucceeded", tracker._children_ended),
        ("StateFailed", tracker._children_ended),
        ("MapRunStarted", tracker._map_run_opened),
        ("MapRunRedriven", tracker._map_run_opened),
        ("MapRunSucceeded", tracker._answered),
        ("ExecutionStarted", tracker._execution_started),
        ("ExecutionRedriven", tracker._redriven),
        ("Submitted", tracker._submitted),
        ("Scheduled", tracker._scheduled),
        ("Failed", tracker._failed),
        ("TimedOut", tracker._failed),
        ("Succeeded", tracker._answered),
    )
    table: dict[str, _Handler] = {}
    for type in DETAILS_KEYS:
        if type.startswith("MapIteration"):
            table[type] = tracker._iteration
        elif type in TERMINAL:
            table[type] = tracker._execution_ended
        else:
            handler = next((handler for end, handler in by_end if type.endswith(end)), None)
            if handler is not None:
                table[type] = handler
    return table


_HANDLERS = _handlers()
