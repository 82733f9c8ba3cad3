"""The data of every page and of the parts a page asks for later. A page shows nothing that is not in its document."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from msgspec import structs

from asl_runner.errors import NotFound
from asl_runner.graph import PIXELS, draw, svg
from asl_runner.history import map_runs
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.store import Store
from asl_runner.history.views import VisitTracker
from asl_runner.views import differences, events, execution, machines, visits
from asl_runner.views.follower import Followers
from asl_runner.views.marks import marks_of
from asl_runner.views.step import step

T = TypeVar("T")

FIRST_VISITS = 100
"""Visits a page brings along; it asks for more."""

FIRST_EVENTS = 100

_TYPES = {name: kind for kind, names in {int: ("offset", "limit", "first", "id")}.items() for name in names}


class Documents:
    """What the pages of one workspace say. Every method may be called from any thread and gives plain JSON data.

    All raise `NotFound` for what is not there and `ValueError` for a parameter that makes no sense.
    """

    def __init__(self, store: Store, directory: Path) -> None:
        self.store = store
        self.directory = directory
        self._followers = Followers(store)

    def followed(self, record: ExecutionRecord, work: Callable[[VisitTracker], T]) -> T:
        """What `work` makes of all visits of an execution."""
        with self._followers.reading:
            return work(self._followers.tracker(record))

    def executions(self, query: dict[str, str]) -> dict[str, Any]:
        """The list of executions that a query leaves."""
        filters = {name: query.get(name, "") for name in execution.FILTERS}
        found = execution.listed(self.store, filters, after=query.get("after") or None)
        run = _map_run(self.store, filters["map_run"]) if filters["map_run"] else None
        return {**found, "filters": filters, "machines": execution.machine_names(self.store), "mapRun": run}

    def machines(self, query: dict[str, str]) -> dict[str, Any]:
        """All state machines."""
        return {"machines": machines.listed(self.store)}

    def machine(self, name: str) -> dict[str, Any]:
        """One state machine with its graph and its last executions."""
        found = machines.machine(self.store, name)
        last = execution.listed(self.store, {"machine": found["name"]}, limit=25)
        drawing = draw(json.loads(found["definition"]), PIXELS)
        return {"machine": found, "graph": svg(drawing, title=found["name"]), **last}

    def execution(self, arn: str) -> dict[str, Any]:
        """One execution: its summary, its graph, and the first of its visits and events."""
        record = self.store.execution(arn)
        with self._followers.reading:
            tracker = self._followers.tracker(record)
            marks = marks_of(tracker.root.visits)
            transitions = sum(1 for _ in visits.everything(tracker.root))
            first = visits.page(tracker, self._now(record), limit=FIRST_VISITS)
        drawing = draw(json.loads(record.definition), PIXELS)
        return {
            "execution": execution.summary(self.store, record),
            "transitions": transitions,
            "definition": record.definition,
            "graph": svg(drawing, marks, title=f"{record.machine_name}, execution {record.name}"),
            "table": first,
            "history": events.page(self.store, arn, record.start, limit=FIRST_EVENTS),
        }

    def compare(self, query: dict[str, str]) -> dict[str, Any]:
        """Two executions side by side; `a` and `b` are ARNs or whatever names an execution."""
        sides = [self.store.find(query.get(side, "")) for side in ("a", "b")]
        now = time.time()
        with self._followers.reading:
            left, right = (self._followers.tracker(record) for record in sides)
            pairs = differences.compare(left, right)
            rows = [
                {
                    "a": None if pair.left is None else visits.row(pair.left, sides[0].start, now),
                    "b": None if pair.right is None else visits.row(pair.right, sides[1].start, now),
                    "why": pair.why,
                }
                for pair in pairs
            ]
        part = differences.parting(pairs)
        data = [_value(pairs[part], name) for name in ("input", "output")] if part is not None else []
        return {
            "a": execution.summary(self.store, sides[0]),
            "b": execution.summary(self.store, sides[1]),
            "rows": rows,
            "part": part,
            "partData": data,
        }

    def part(self, name: str, query: dict[str, str]) -> dict[str, Any]:
        """A part of an execution's page: one of `PARTS`."""
        method = PARTS.get(name)
        if method is None:
            raise NotFound(f"There is no data called {name!r}; there are {', '.join(PARTS)}.")
        record = self.store.execution(query.get("execution", ""))
        with self._followers.reading:
            parameters = {key: _TYPES.get(key, str)(value) for key, value in query.items() if key != "execution"}
            found: dict[str, Any] = getattr(self, method)(record, self._followers.tracker(record), parameters)
        return found

    def _visits(self, record: ExecutionRecord, tracker: VisitTracker, query: dict[str, Any]) -> dict[str, Any]:
        sort = query.get("sort", "id")
        if sort not in visits.COLUMNS:
            raise ValueError(f"Cannot sort by {sort!r}; there are {', '.join(visits.COLUMNS)}.")
        try:
            return visits.page(
                tracker,
                self._now(record),
                scope=query.get("scope", ""),
                offset=query.get("offset", 0),
                limit=min(query.get("limit", visits.PAGE), 1000),
                sort=sort,
                descending=query.get("order") == "desc",
                status=query.get("status") or None,
                text=query.get("text", ""),
            )
        except KeyError:
            raise NotFound(f"There is no branch or iteration {query.get('scope')!r}.") from None

    def _iterations(self, record: ExecutionRecord, tracker: VisitTracker, query: dict[str, Any]) -> dict[str, Any]:
        return visits.iterations(
            _visit(tracker, query),
            tracker.root.start,
            self._now(record),
            status=query.get("status") or None,
            offset=query.get("offset", 0),
            limit=min(query.get("limit", visits.PAGE), 1000),
        )

    def _step(self, record: ExecutionRecord, tracker: VisitTracker, query: dict[str, Any]) -> dict[str, Any]:
        visit = _visit(tracker, query)
        row = visits.row(visit, tracker.root.start, self._now(record))
        return {"visit": row, **step(self.store, self.directory, record, visit)}

    def _of_state(self, record: ExecutionRecord, tracker: VisitTracker, query: dict[str, Any]) -> dict[str, Any]:
        """The visits of one state, the last first: what a click on the graph is about."""
        inside = query.get("scope", "")
        found = [
            visits.row(one, tracker.root.start, self._now(record))
            for one in visits.everything(tracker.root)
            if one.state == query.get("state") and (not inside or one.scope.startswith(inside))
        ]
        return {"visits": found[: -visits.PAGE - 1 : -1], "total": len(found)}

    def _marks(self, record: ExecutionRecord, tracker: VisitTracker, query: dict[str, Any]) -> dict[str, Any]:
        chosen = [path for path in query.get("chosen", "").split("\n") if path]
        marks = marks_of(tracker.root.visits, chosen)
        return {"marks": {name: structs.asdict(mark) for name, mark in marks.items()}}

    def _replay(self, record: ExecutionRecord, tracker: VisitTracker, query: dict[str, Any]) -> dict[str, Any]:
        return {"visits": visits.replay(tracker), "events": record.event_count}

    def _events(self, record: ExecutionRecord, tracker: VisitTracker, query: dict[str, Any]) -> dict[str, Any]:
        return events.page(
            self.store,
            record.arn,
            record.start,
            first=query.get("first", 1),
            limit=min(query.get("limit", events.PAGE), 1000),
            text=query.get("text", ""),
            types=frozenset(filter(None, query.get("types", "").split(","))),
        )

    def _event(self, record: ExecutionRecord, tracker: VisitTracker, query: dict[str, Any]) -> dict[str, Any]:
        id = query.get("id", 0)
        found = next(iter(self.store.events(record.arn, first=id, last=id)), None)
        if found is None:
            raise NotFound(f"There is no event {id}.")
        return {"event": events.whole(found)}

    def _now(self, record: ExecutionRecord) -> float:
        return time.time() if record.stop is None else record.stop


PARTS = {
    "visits": "_visits", "iterations": "_iterations", "step": "_step", "state": "_of_state", "marks": "_marks",
    "replay": "_replay", "events": "_events", "event": "_event",
}  # fmt: skip
"""The parts a page asks for, by the name in their address."""


def _visit(tracker: VisitTracker, query: dict[str, Any]) -> Any:
    found = visits.find(tracker, query.get("id", 0))
    if found is None:
        raise NotFound(f"No state was entered with event {query.get('id', 0)}.")
    return found


def _value(pair: differences.Pair, name: str) -> dict[str, Any]:
    """Input or output of the pair with which two executions part, and what differs in it."""
    texts = [None if visit is None else getattr(visit, name) for visit in (pair.left, pair.right)]
    values = [None if text is None else json.loads(bytes(text)) for text in texts]
    found = [] if None in texts else differences.changes(*values)
    return {"name": name, "a": values[0], "b": values[1], "changes": [[list(one.path), one.kind] for one in found]}


def _map_run(store: Store, arn: str) -> dict[str, Any]:
    record = store.read(lambda connection: map_runs.by_arn(connection, arn))
    standing = store.read(lambda connection: map_runs.standings(connection, arn))
    return {**structs.asdict(record), "standing": [structs.asdict(one) for one in standing]}
