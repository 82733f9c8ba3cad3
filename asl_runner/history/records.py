"""What the store keeps of an execution besides its events."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from asl_runner.errors import UsageError

Status = Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"]
"""The statuses of an execution. Source: `ExecutionStatus` in botocore's `stepfunctions` model."""

Kind = Literal["STANDARD", "EXPRESS"]
"""The types of a state machine. Source: `StateMachineType` in the same model."""


class ExecutionExists(UsageError):
    """An execution of this name already exists for the state machine."""


class ExecutionRecord(Struct, frozen=True, kw_only=True):
    """One execution, as the store keeps it.

    Times are seconds since the epoch; `input` and `output` are the UTF-8 bytes of JSON text.
    """

    arn: str
    name: str
    machine_arn: str
    machine_name: str
    definition: str
    """The text of the definition it runs."""
    input: bytes
    start: float
    role_arn: str = ""
    seed: str = ""
    """Seeds its random numbers, so that a replay draws the same."""
    status: Status = "RUNNING"
    stop: float | None = None
    output: bytes | None = None
    error: str | None = None
    cause: str | None = None
    redrive_count: int = 0
    redrive_time: float | None = None
    type: Kind = "STANDARD"
    version_arn: str | None = None
    """The state machine version it was started from."""
    alias_arn: str | None = None
    """The alias that led to that version."""
    map_run_arn: str | None = None
    """The Map Run it is a child of."""
    item_count: int | None = None
    """Of a child of a Map Run: how many items it works on."""
    trace_header: str | None = None
    settings: str | None = None
    """What else of its state machine DescribeStateMachineForExecution shows, as JSON with AWS's keys."""
    owner: str = ""
    """Token of the process that runs or ran it, written by the store."""
    pid: int = 0
    """Process id of that process, to show; written by the store."""
    stop_asked: float | None = None
    """When a stop was asked for, if one was."""
    event_count: int = 0
    """Events kept so far; filled in by the store."""


class StopRequest(Struct, frozen=True):
    """Somebody asked, perhaps from another process, that a running execution end."""

    asked: float
    error: str | None
    cause: str | None
