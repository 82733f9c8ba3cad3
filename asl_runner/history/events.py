"""The history's events: how one is kept, and AWS's name for the details of each type.

Kept compactly, shown as AWS shows it: `details` holds only the fields that say something; `interchange` adds the name
of the details member and the constant `…Details: {"truncated": false}` companions. A payload (input, output,
parameters) is kept as the UTF-8 bytes of its compact JSON text.

Source: GetExecutionHistory in botocore's `stepfunctions` model; reference section 15.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct


class Pieces:
    """A large payload as consecutive pieces of JSON text; a piece that other payloads hold too is the same object.

    Stands where a payload's bytes stand: has a length and can be decoded. The journal keeps each piece once.
    """

    __slots__ = ("_length", "pieces")

    def __init__(self, pieces: tuple[bytes, ...]) -> None:
        self.pieces = pieces
        self._length = sum(map(len, pieces))

    def __len__(self) -> int:
        return self._length

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)

    def decode(self) -> str:
        """The JSON text."""
        return bytes(self).decode()


Payload: TypeAlias = bytes | Pieces
"""JSON text as the history keeps it; always `bytes` once read back from the journal."""


class Event(Struct, array_like=True, frozen=True, gc=False):
    """One history event.

    `id` counts from 1; `previous` is the id of the event before it in its own branch, 0 for none;
    `time` is in seconds since the epoch; `scope` is the branch or iteration it happened in ("" is the machine itself).
    """

    id: int
    previous: int
    time: float
    type: str
    details: dict[str, Any] | None = None
    scope: str = ""


DETAILS_KEYS: dict[str, str | None] = {
    "ExecutionStarted": "executionStartedEventDetails",
    "ExecutionSucceeded": "executionSucceededEventDetails",
    "ExecutionFailed": "executionFailedEventDetails",
    "ExecutionTimedOut": "executionTimedOutEventDetails",
    "ExecutionAborted": "executionAbortedEventDetails",
    "ExecutionRedriven": "executionRedrivenEventDetails",
    **{
        f"{state}State{end}": f"state{end}EventDetails"
        for state in ("Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")
        for end in ("Entered", "Exited")
        if (state, end) != ("Fail", "Exited")
    },
    **{f"{state}StateAborted": None for state in ("Task", "Wait", "Parallel", "Map")},
    "LambdaFunctionScheduled": "lambdaFunctionScheduledEventDetails",
    "LambdaFunctionScheduleFailed": "lambdaFunctionScheduleFailedEventDetails",
    "LambdaFunctionStarted": None,
    "LambdaFunctionStartFailed": "lambdaFunctionStartFailedEventDetails",
    "LambdaFunctionSucceeded": "lambdaFunctionSucceededEventDetails",
    "LambdaFunctionFailed": "lambdaFunctionFailedEventDetails",
    "LambdaFunctionTimedOut": "lambdaFunctionTimedOutEventDetails",
    **{
        f"Task{step}": f"task{step}EventDetails"
        for step in (
            "Scheduled",
            "Started",
            "StartFailed",
            "Submitted",
            "SubmitFailed",
            "Succeeded",
            "Failed",
            "TimedOut",
        )
    },
    **{
        f"Activity{step}": f"activity{step}EventDetails"
        for step in ("Scheduled", "ScheduleFailed", "Started", "Succeeded", "Failed", "TimedOut")
    },
    "ParallelStateStarted": None,
    "ParallelStateSucceeded": None,
    "ParallelStateFailed": None,
    "MapStateStarted": "mapStateStartedEventDetails",
    "MapStateSucceeded": None,
    "MapStateFailed": None,
    **{
        f"MapIteration{step}": f"mapIteration{step}EventDetails"
        for step in ("Started", "Succeeded", "Failed", "Aborted")
    },
    "MapRunStarted": "mapRunStartedEventDetails",
    "MapRunSucceeded": None,
    "MapRunFailed": "mapRunFailedEventDetails",
    "MapRunAborted": None,
    "MapRunRedriven": "mapRunRedrivenEventDetails",
    "EvaluationFailed": "evaluationFailedEventDetails",
}
"""Event type to the name of its details member in GetExecutionHistory; None where AWS gives no details."""

PAYLOADS: frozenset[str] = frozenset({"input", "output", "parameters"})
"""Details fields kept as JSON bytes and shown as JSON text."""

TERMINAL: dict[str, str] = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
"""Event types that end an execution, and the status they leave."""
