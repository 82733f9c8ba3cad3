"""TestState: one state alone, with or without its work mocked, and what its data become stage by stage.

Source: reference section 21, the API's model, and recorded answers for what is refused, in which words, and for which
stages are shown.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from asl_runner.definition.model import Task
from asl_runner.endpoint.stepfunctions.errors import invalid
from asl_runner.endpoint.stepfunctions.requests import checked_input
from asl_runner.endpoint.stepfunctions.settings import check_role
from asl_runner.endpoint.stepfunctions.test_state_context import checked_context
from asl_runner.endpoint.stepfunctions.test_state_definition import Tested, tested
from asl_runner.endpoint.stepfunctions.test_state_inspection import Inspection
from asl_runner.endpoint.stepfunctions.test_state_mock import checked_combination, checked_mock, too_many_failures
from asl_runner.expressions.jackson import JsonError, parse
from asl_runner.expressions.json_text import compact
from asl_runner.interpreter.clocks import RealClock
from asl_runner.interpreter.errors import TIMEOUT, Failure
from asl_runner.interpreter.execution import PERFORMERS
from asl_runner.interpreter.mocked import Mock, MockedTasks, TooManyFailedIterations, performers
from asl_runner.interpreter.ports import ExecutionInfo, Ports
from asl_runner.interpreter.visit import Given, ObservedTasks, Unrecorded, Visit, visit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions
    from asl_runner.expressions.environment import Json

LONGEST_TEST = 300
"""Seconds until a test fails with `States.Timeout`. Source: API reference, TestState."""


async def run_test(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """Visits the state once. Raises `ServiceError` for a request AWS would not take."""
    checked_combination(request)
    subject = tested(request["definition"], request.get("stateName"))
    mocked = "mock" in request
    subject.check_supported(mocked=mocked)
    if not mocked and isinstance(subject.state, Task) and "roleArn" not in request:
        raise invalid("RoleArn must be specified when testing a Task state")
    if "roleArn" in request:
        check_role(request["roleArn"])
    _, input = checked_input(request)
    configuration = request.get("stateConfiguration", {})
    given = Given(
        variables=_variables(request),
        context=checked_context(request["context"], subject.state) if "context" in request else None,
        retries=configuration.get("retrierRetryCount", 0),
    )
    mock = checked_mock(subject, request["mock"], configuration) if mocked else None
    inspection = Inspection(subject.state, input)
    try:
        seen = await _visit(service, subject, input, request.get("roleArn"), given, mock, inspection)
    except TooManyFailedIterations as problem:
        raise too_many_failures() from problem
    answer = _answer(seen)
    level = request.get("inspectionLevel", "INFO")
    if level != "INFO":
        answer["inspectionData"] = inspection.shown(seen, level, reveal=request.get("revealSecrets", False))
    return answer


OPERATIONS: dict[str, Operation] = {"TestState": run_test}
"""This family's operations, by name in the model."""


async def _visit(
    service: StepFunctions,
    subject: Tested,
    input: Json,
    role: str | None,
    given: Given,
    mock: Mock | None,
    inspection: Inspection,
) -> Visit:
    world = service.workspace.local.tasks if mock is None else MockedTasks(mock)
    tasks = ObservedTasks(world, inspection.exchanged)
    ports = Ports(clock=RealClock(), journal=Unrecorded(), tasks=tasks, seed=uuid.uuid4().hex)
    try:
        async with asyncio.timeout(LONGEST_TEST):
            return await visit(
                subject.scope,
                subject.state.name,
                input,
                _info(service, role),
                ports,
                given=given,
                note=inspection.note,
                performers=PERFORMERS if mock is None else performers(mock, inspection.note),
            )
    except TimeoutError:
        return Visit(failure=Failure(TIMEOUT, None), variables=given.variables)


def _info(service: StepFunctions, role: str | None) -> ExecutionInfo:
    """An Express execution of a state machine that does not exist (recorded)."""
    machine, name = str(uuid.uuid4()), str(uuid.uuid4())
    return ExecutionInfo(
        arn=service.arn("express", f"{machine}:{name}:{uuid.uuid4()}"),
        name=name,
        state_machine_arn=service.arn("stateMachine", machine),
        state_machine_name=machine,
        role_arn=role or service.workspace.configuration.role_arn,
        region=service.region,
        start_time=service.now(),
        redrive_count=None,
    )


def _variables(request: dict[str, Any]) -> Mapping[str, Json]:
    try:
        variables = parse(request.get("variables", "{}"))
    except JsonError as problem:
        raise invalid(f"Invalid Variables: '{problem}'") from problem
    if not isinstance(variables, dict):
        raise invalid("Invalid Variables: 'Variables must be a JSON object'")
    return variables


def _answer(seen: Visit) -> dict[str, Any]:
    answer: dict[str, Any] = {"status": _status(seen)}
    if seen.output is not UNSET:
        answer["output"] = compact(seen.output)
    if seen.next is not None:
        answer["nextState"] = seen.next
    if seen.failure is not None:
        told = {"error": seen.failure.error, "cause": seen.failure.cause}
        answer |= {name: text for name, text in told.items() if text is not None}
    return answer


def _status(seen: Visit) -> str:
    if seen.failure is None:
        return "SUCCEEDED"
    if seen.retry_delay is not None:
        return "RETRIABLE"
    return "CAUGHT_ERROR" if seen.output is not UNSET else "FAILED"
