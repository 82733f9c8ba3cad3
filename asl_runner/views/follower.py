"""Executions as far as they have come, read once: what has been read of a history is kept for the next question."""

from __future__ import annotations

import threading
from collections import OrderedDict

from asl_runner.history.records import ExecutionRecord
from asl_runner.history.store import Store
from asl_runner.history.views import VisitTracker

KEPT = 8
"""Executions whose visits are kept at a time: one of 25,000 events takes some 20 MB."""


def follow(store: Store, record: ExecutionRecord) -> VisitTracker:
    """All visits of an execution, read from the beginning."""
    tracker = VisitTracker()
    tracker.feed(store.events(record.arn))
    return tracker


class Followers:
    """Trackers of the executions asked for last, fed only with the events that are new. For any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[str, tuple[VisitTracker, int]] = OrderedDict()
        self._lock = threading.Lock()

    def tracker(self, record: ExecutionRecord) -> VisitTracker:
        """The visits up to now; not to be changed, and to be read under `reading`."""
        tracker, seen = self._kept.pop(record.arn, (VisitTracker(), 0))
        if seen > record.event_count:
            # An Express child of a map run that began anew has a new history.
            tracker, seen = VisitTracker(), 0
        fresh = list(self._store.events(record.arn, first=seen + 1))
        tracker.feed(fresh)
        seen = fresh[-1].id if fresh else seen
        self._kept[record.arn] = (tracker, seen)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return tracker

    @property
    def reading(self) -> threading.Lock:
        """Held while trackers are fed and read."""
        return self._lock
