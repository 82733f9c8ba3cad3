"""Express executions: started, and started and awaited (reference section 17).

They are kept like others, for the local lists and pages, but no operation of the API shows them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from asl_runner.endpoint.stepfunctions.kept import execution_record, launch
from asl_runner.endpoint.stepfunctions.mock_cases import mocks_of_case, split_case
from asl_runner.endpoint.stepfunctions.requests import NOT_SUPPORTED, checked_input, checked_name
from asl_runner.history.identifiers import random_uuid
from asl_runner.history.interchange import moment
from asl_runner.history.records import ExecutionRecord
from asl_runner.service_model.errors import ServiceError

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions
    from asl_runner.endpoint.stepfunctions.targets import Target
    from asl_runner.expressions.environment import Json
    from asl_runner.interpreter.execution import Outcome
    from asl_runner.workspace.running import RunningExecution

_DURATION_STEP = 100
_MEMORY = 64
"""Billing counts milliseconds in steps of 100, and megabytes in steps of 64; what is needed here never passes one."""


async def start_express(
    service: StepFunctions,
    target: Target,
    name: str | None,
    text: bytes,
    value: Json,
    trace_header: str | None,
    case: str | None,
) -> RunningExecution:
    """Starts an Express execution and waits for nothing."""
    name = name or random_uuid()
    arn = service.arn("express", f"{target.name}:{name}:{random_uuid()}")
    record = execution_record(service, target, arn, name, text, trace_header)
    machine = service.machine(target.definition)
    return await launch(service, machine, value, record, mocks_of_case(service, target.name, machine, case))


async def start_sync_execution(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """StartSyncExecution: the answer comes with the end, a failure is an answer like any other."""
    arn, case = split_case(service, request["stateMachineArn"])
    target = service.target(arn)
    if target.type != "EXPRESS":
        raise ServiceError("StateMachineTypeNotSupported", NOT_SUPPORTED)
    name = checked_name(request)
    text, value = checked_input(request)
    running = await start_express(service, target, name, text, value, request.get("traceHeader"), case)
    outcome = await running.result()
    return _answer(running.record, outcome, metadata_only=request.get("includedData") == "METADATA_ONLY")


def _answer(record: ExecutionRecord, outcome: Outcome, *, metadata_only: bool) -> dict[str, Any]:
    included = not metadata_only
    milliseconds = (outcome.stop_time - record.start) * 1000
    billed = max(1, math.ceil(milliseconds / _DURATION_STEP)) * _DURATION_STEP
    answer: dict[str, Any] = {
        "executionArn": record.arn,
        "stateMachineArn": record.machine_arn,
        "name": record.name,
        "startDate": moment(record.start),
        "stopDate": moment(outcome.stop_time),
        "status": "FAILED" if outcome.status == "ABORTED" else outcome.status,
        "inputDetails": {"included": included},
        "billingDetails": {"billedDurationInMilliseconds": billed, "billedMemoryUsedInMB": _MEMORY},
    }
    if included:
        answer["input"] = record.input.decode("utf-8", "surrogatepass")
    if outcome.output is not None:
        answer["outputDetails"] = {"included": included}
        if included:
            answer["output"] = outcome.output.decode()
    for key, said in (("error", outcome.error), ("cause", outcome.cause), ("traceHeader", record.trace_header)):
        if said is not None:
            answer[key] = said
    return answer


OPERATIONS: dict[str, Operation] = {"StartSyncExecution": start_sync_execution}
"""This family's operations, by name in the model."""
