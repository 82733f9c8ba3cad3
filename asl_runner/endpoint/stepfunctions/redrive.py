"""RedriveExecution: goes on with an execution at its unsuccessful states (reference section 18).

Source: recorded redrives of executions that failed, timed out or were aborted, in sequences, Parallel and inline Map.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import msgspec

from asl_runner.endpoint.stepfunctions.kept import kept_execution
from asl_runner.service_model.errors import ServiceError
from asl_runner.workspace.redrivable import obstacle, refusal

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions
    from asl_runner.history.records import ExecutionRecord

TOKENS = 10
"""Client tokens remembered of each execution."""

TOKEN_LIFE = 900.0
"""Seconds for which they are."""


class ClientTokens:
    """The redrives that client tokens asked for: a token keeps its answer, whatever has come since (recorded)."""

    def __init__(self) -> None:
        self._redrives: dict[str, OrderedDict[str, tuple[float, float]]] = {}

    def answer(self, arn: str, token: str | None, now: float) -> float | None:
        """When the redrive was that this token asked for; None if it is new."""
        known = self._redrives[arn].get(token or "") if arn in self._redrives else None
        return None if known is None or now - known[0] > TOKEN_LIFE else known[1]

    def remember(self, arn: str, token: str | None, now: float) -> None:
        """A redrive has begun."""
        if token is not None:
            known = self._redrives.setdefault(arn, OrderedDict())
            known[token] = (now, now)
            while len(known) > TOKENS:
                known.popitem(last=False)


async def redrive_execution(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """RedriveExecution. The answer is given when the redrive is kept."""
    arn, token = request["executionArn"], request.get("clientToken")
    record = await kept_execution(service, arn)
    now = service.now()
    before = service.redrives.answer(arn, token, now)
    if before is not None:
        return {"redriveDate": before}
    reason = obstacle(service.workspace.writable, record, now, service.workspace.limits)
    if reason is not None:
        raise _refusal(record, reason)
    running = await service.workspace.redrive(
        service.machine(record.definition),
        msgspec.json.decode(record.input),
        record,
        at=now,
    )
    if running is None:
        raise _refusal(record, "Execution is RUNNING and cannot be redriven")
    service.redrives.remember(arn, token, now)
    return {"redriveDate": now}


def _refusal(record: ExecutionRecord, reason: str) -> ServiceError:
    return ServiceError("ExecutionNotRedrivable", refusal(record, reason))


OPERATIONS: dict[str, Operation] = {"RedriveExecution": redrive_execution}
"""This family's operations, by name in the model."""
