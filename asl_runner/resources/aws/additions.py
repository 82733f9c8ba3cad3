"""What Step Functions adds to requests of optimized integrations on their way, unseen in the history.

Source: reference section 14; events as delivered by EventBridge (recorded).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.ports import TaskCall

MANAGED = {"Name": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}


def with_additions(call: TaskCall) -> Json:
    """The parameters of a task, or a copy with what is added."""
    add = _ADDITIONS.get(f"{call.resource.service}:{call.resource.action}")
    given = call.input
    return given if add is None or not isinstance(given, dict) else add(given, call)


def _run_task(given: dict[str, Any], call: TaskCall) -> Json:
    return {"StartedBy": "AWS Step Functions", **given}


def _submit_job(given: dict[str, Any], call: TaskCall) -> Json:
    overrides = given.get("ContainerOverrides") or {}
    if not isinstance(overrides, dict) or call.resource.pattern != "sync":
        return given
    environment = [*(overrides.get("Environment") or []), MANAGED]
    return {**given, "ContainerOverrides": {**overrides, "Environment": environment}}


def _put_events(given: dict[str, Any], call: TaskCall) -> Json:
    """Every event names the state machine and the execution it comes from, after the user's own resources."""
    entries = given.get("Entries")
    if not isinstance(entries, list):
        return given
    origin = [call.execution.state_machine_arn, call.execution.arn]
    return {**given, "Entries": [_from(entry, origin) if isinstance(entry, dict) else entry for entry in entries]}


def _from(entry: dict[str, Any], origin: list[str]) -> Json:
    resources = entry.get("Resources") or []
    return {**entry, "Resources": [*resources, *origin]} if isinstance(resources, list) else entry


_ADDITIONS: Mapping[str, Callable[[dict[str, Any], TaskCall], Json]] = {
    "batch:submitJob": _submit_job,
    "ecs:runTask": _run_task,
    "events:putEvents": _put_events,
}
