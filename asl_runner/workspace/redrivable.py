"""Whether an execution may be redriven, and if not, why (reference section 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_runner.history.machines import Machines
from asl_runner.history.records import ExecutionRecord

if TYPE_CHECKING:
    from asl_runner.history.store import Store
    from asl_runner.interpreter.limits import Limits

OPEN_TIME = 365 * 86_400.0
"""Seconds after its start after which no execution may go on."""

BY_MAP_RUN = "Execution is a child of a Map Run and is redriven with it"

PERIOD_EXCEEDED = "Execution redrivable period exceeded"

LONGER = "Set `redrive_seconds` in [limits] of the configuration to allow more time than AWS."
"""What helps then."""


def obstacle(store: Store, record: ExecutionRecord, now: float, limits: Limits) -> str | None:
    """Why the execution cannot be redriven, in AWS's words; None if it can. `now` is in seconds since the epoch."""
    if record.status in ("RUNNING", "SUCCEEDED", "PENDING_REDRIVE"):
        return f"Execution is {record.status} and cannot be redriven"
    if limits.history_events is not None and record.event_count >= limits.history_events - 1:
        # There is no place for the events of a redrive.
        return "Execution history event limit exceeded"
    if record.stop is not None and limits.redrive_seconds is not None and now - record.stop > limits.redrive_seconds:
        return PERIOD_EXCEEDED
    if limits.duration_seconds is not None and now - record.start > OPEN_TIME:
        return "Execution has exceeded the max execution time"
    if record.map_run_arn is not None:
        return BY_MAP_RUN
    machine = store.read(lambda tables: Machines(tables).machine(record.machine_arn.partition("/")[0]))
    if machine is not None and machine.status == "DELETING":
        return "State machine is in DELETING status"
    return None


def refusal(record: ExecutionRecord, reason: str) -> str:
    """The message of ExecutionNotRedrivable."""
    return f"Execution {record.arn} invalid for redrive as: {reason}"


def redrive_status(store: Store, record: ExecutionRecord, now: float, limits: Limits) -> dict[str, Any]:
    """`redriveStatus` and `redriveStatusReason` as DescribeExecution answers them."""
    reason = obstacle(store, record, now, limits)
    if reason is None:
        return {"redriveStatus": "REDRIVABLE"}
    if reason == BY_MAP_RUN:
        return {"redriveStatus": "REDRIVABLE_BY_MAP_RUN"}
    return {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}
