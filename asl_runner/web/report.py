"""One execution in one file: the same page, with its data, its script and its style inside, and no address of anything.

Without a script a browser still shows summary, graph, every visit and every event. How much of the data of single
steps is inside is limited, so that the file can be opened.
"""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

from asl_runner.history import listing
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.views import VisitTracker
from asl_runner.views import events, visits
from asl_runner.views.step import step
from asl_runner.web import assets
from asl_runner.web.documents import Documents
from asl_runner.web.rendering import render

MOST_STEPS = 500
"""Steps whose data are inside: those that did not succeed first, then the first ones."""

MOST_BYTES = 4 << 20
"""Bytes of whole events, and of steps, that are inside."""


def report(documents: Documents, record: ExecutionRecord) -> str:
    """The file's text. Raises `NotFound`."""
    document = documents.execution(record.arn)
    embedded = documents.followed(record, lambda tracker: _embedded(documents, record, tracker))
    rows = embedded["visits"][""]
    document["table"] = {"visits": rows, "total": len(rows)}
    document["history"] = {"events": embedded["events"], "next": None}
    document["data"] = {"execution": document["execution"], "embedded": embedded}
    script, style = assets.script(), assets.style()
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return render("report.html", document, page="report", script=script, style=style, policy=policy)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _embedded(documents: Documents, record: ExecutionRecord, tracker: VisitTracker) -> dict[str, Any]:
    """What the page would ask the server for."""
    now = time.time() if record.stop is None else record.stop
    everything = list(visits.everything(tracker.root))
    start = tracker.root.start
    scopes: dict[str, list[dict[str, Any]]] = {}
    for path in dict.fromkeys(["", *(scope for one in everything for scope in one.children if one.type == "Map")]):
        found = visits.opened(tracker.scope(path))
        scopes[path] = [{**visits.row(visit, start, now), "depth": depth} for depth, visit in found]
    iterations = {
        one.entered: visits.iterations(one, start, now, limit=len(one.children))["iterations"]
        for one in everything
        if one.type == "Map"
    }
    rows, whole, size = [], {}, 0
    for event, row in zip(
        documents.store.events(record.arn), listing.rows(documents.store.events(record.arn), record.start), strict=True
    ):
        rows.append(events.row(row))
        if size < MOST_BYTES:
            whole[event.id] = events.whole(event)
            size += sum(len(value) for value in (event.details or {}).values() if hasattr(value, "__len__"))
    return {
        "visits": scopes,
        "iterations": iterations,
        "events": rows,
        "whole": whole,
        "steps": _steps(documents, record, tracker, everything, now),
        "replay": [[*one, visit.scope] for one, visit in zip(visits.replay(tracker), everything, strict=True)],
        "eventCount": record.event_count,
    }


def _steps(
    documents: Documents, record: ExecutionRecord, tracker: VisitTracker, everything: list[Any], now: float
) -> dict[int, Any]:
    wanted = sorted(everything, key=lambda one: (one.status == "SUCCEEDED", one.entered))[:MOST_STEPS]
    found: dict[int, Any] = {}
    size = 0
    for one in wanted:
        size += len(one.input or b"") + len(one.output or b"")
        if size > MOST_BYTES:
            break
        row = visits.row(one, tracker.root.start, now)
        found[one.entered] = {"visit": row, **step(documents.store, documents.directory, record, one)}
    return found
