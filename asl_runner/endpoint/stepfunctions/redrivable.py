"""Whether an execution may be redriven, and if not, why (reference section 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_runner.history.records import ExecutionRecord

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import StepFunctions

_DAY = 86_400.0
PERIOD = 14 * _DAY
"""Seconds after its end during which an execution may be redriven."""

OPEN_TIME = 365 * _DAY
"""Seconds after its start after which no execution may go on."""

BY_MAP_RUN = "Execution is a child of a Map Run and is redriven with it"

MOST_EVENTS = 24_999
"""Events from which on there is no place for a redrive's."""


def obstacle(service: StepFunctions, record: ExecutionRecord) -> str | None:
    """Why the execution cannot be redriven, in AWS's words; None if it can."""
    now = service.now()
    if record.status in ("RUNNING", "SUCCEEDED", "PENDING_REDRIVE"):
        return f"Execution is {record.status} and cannot be redriven"
    if record.event_count >= MOST_EVENTS:
        return "Execution history event limit exceeded"
    if record.stop is not None and now - record.stop > PERIOD:
        return "Execution redrivable period exceeded"
    if now - record.start > OPEN_TIME:
        return "Execution has exceeded the max execution time"
    if record.map_run_arn is not None:
        return BY_MAP_RUN
    machine = service.read(lambda tables: tables.machine(record.machine_arn.partition("/")[0]))
    if machine is not None and machine.status == "DELETING":
        return "State machine is in DELETING status"
    return None


def redrive_status(service: StepFunctions, record: ExecutionRecord) -> dict[str, Any]:
    """`redriveStatus` and `redriveStatusReason` as DescribeExecution answers them."""
    reason = obstacle(service, record)
    if reason is None:
        return {"redriveStatus": "REDRIVABLE"}
    if reason == BY_MAP_RUN:
        return {"redriveStatus": "REDRIVABLE_BY_MAP_RUN"}
    return {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}
