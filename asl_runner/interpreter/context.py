"""The context object (`$$`, `$states.context`); reference section 6."""

from __future__ import annotations

from datetime import UTC, datetime

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.ports import ExecutionInfo


def iso_time(seconds: float) -> str:
    """A time as the context object shows it: ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def execution_context(info: ExecutionInfo, input: Json) -> dict[str, Json]:
    """The parts that stay the same for a whole execution, in AWS's key order (recorded)."""
    execution: dict[str, Json] = {
        "Id": info.arn,
        "Input": input,
        "StartTime": iso_time(info.start_time),
        "Name": info.name,
        "RoleArn": info.role_arn,
    }
    if info.redrive_count is not None:
        execution["RedriveCount"] = info.redrive_count
    if info.redrive_time is not None:
        execution["RedriveTime"] = iso_time(info.redrive_time)
    return {
        "Execution": execution,
        "StateMachine": {"Id": info.state_machine_arn, "Name": info.state_machine_name},
    }
