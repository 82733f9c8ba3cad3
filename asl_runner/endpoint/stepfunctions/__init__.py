"""The Step Functions API: one module per family of operations.

Each has a table `OPERATIONS` from the operation's name in botocore's `stepfunctions` model to what answers it:
`async def f(service, request)`, with the request parsed and checked against the model, keys as in the model, to the
answer in the same form. A refusal is a `ServiceError` with AWS's code and message.
"""

from __future__ import annotations

from asl_runner.endpoint.stepfunctions import (
    activities,
    aliases,
    callbacks,
    executions,
    express,
    histories,
    machines,
    map_runs,
    redrive,
    tags,
    test_state,
    validation,
    versions,
)
from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions

OPERATIONS: dict[str, Operation] = {
    **machines.OPERATIONS,
    **versions.OPERATIONS,
    **aliases.OPERATIONS,
    **tags.OPERATIONS,
    **validation.OPERATIONS,
    **executions.OPERATIONS,
    **histories.OPERATIONS,
    **express.OPERATIONS,
    **redrive.OPERATIONS,
    **activities.OPERATIONS,
    **callbacks.OPERATIONS,
    **map_runs.OPERATIONS,
    **test_state.OPERATIONS,
}
"""Every operation served, by its name in the model."""

__all__ = ["OPERATIONS", "Operation", "StepFunctions"]
