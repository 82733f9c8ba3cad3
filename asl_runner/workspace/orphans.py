"""Executions whose process is gone: killed, or the machine went down."""

from __future__ import annotations

import time

from asl_runner.history.events import Event
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.store import Store


def abort_orphan(store: Store, record: ExecutionRecord, error: str | None, cause: str | None) -> None:
    """Ends an execution nobody runs any more: records ExecutionAborted after its last event, and status ABORTED."""
    now = time.time()
    last = store.event_count(record.arn)
    details = {key: text for key, text in (("error", error), ("cause", cause)) if text is not None}
    store.journal(record.arn).append([Event(last + 1, last, now, "ExecutionAborted", details or None)])
    store.finish_execution(record.arn, "ABORTED", now, None, error, cause)
