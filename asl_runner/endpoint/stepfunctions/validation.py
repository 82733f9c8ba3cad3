"""ValidateStateMachineDefinition (reference section 22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_runner.endpoint.stepfunctions.definitions import problems, shown_location

if TYPE_CHECKING:
    from asl_runner.definition import Diagnostic
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions

DEFAULT_DIAGNOSTICS = 100
"""How many diagnostics an answer has when `maxResults` is absent or 0. Source: ValidateStateMachineDefinition."""


async def validate_state_machine_definition(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """ValidateStateMachineDefinition. Warnings are shown when asked for, and do not make the result FAIL."""
    _, found = problems(request["definition"], request.get("type", "STANDARD"))
    failed = any(problem.severity == "error" for problem in found)
    if request.get("severity", "ERROR") == "ERROR":
        found = [problem for problem in found if problem.severity == "error"]
    limit = request.get("maxResults") or DEFAULT_DIAGNOSTICS
    return {
        "result": "FAIL" if failed else "OK",
        "diagnostics": [_shown(problem) for problem in found[:limit]],
        "truncated": len(found) > limit,
    }


def _shown(problem: Diagnostic) -> dict[str, Any]:
    shown = {"severity": problem.severity.upper(), "code": problem.aws_code, "message": problem.message}
    place = shown_location(problem)
    if place is not None:
        shown["location"] = place
    return shown


OPERATIONS: dict[str, Operation] = {"ValidateStateMachineDefinition": validate_state_machine_definition}
"""This family's operations, by name in the model."""
