"""Executions: start, stop, describe, list, and the state machine one runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from asl_runner.endpoint.stepfunctions.arns import parse_machine_arn
from asl_runner.endpoint.stepfunctions.errors import invalid
from asl_runner.endpoint.stepfunctions.express import start_express
from asl_runner.endpoint.stepfunctions.kept import execution_record, kept_execution, launch
from asl_runner.endpoint.stepfunctions.map_runs import require_map_run
from asl_runner.endpoint.stepfunctions.mock_cases import mocks_of_case, split_case
from asl_runner.endpoint.stepfunctions.paging import cut_page, decode_token, page_size
from asl_runner.endpoint.stepfunctions.requests import NOT_SUPPORTED, checked_input, checked_name
from asl_runner.endpoint.stepfunctions.targets import required
from asl_runner.endpoint.stepfunctions.variables import variable_references
from asl_runner.history import interchange
from asl_runner.history.identifiers import random_uuid
from asl_runner.history.records import ExecutionExists, ExecutionRecord
from asl_runner.service_model.errors import ServiceError
from asl_runner.workspace.redrivable import redrive_status

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions

_STOPPING = 1.0
"""Seconds that StopExecution waits for the end; the answer comes then in any case."""


async def start_execution(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """StartExecution. The answer is given when the execution is kept, of an Express one at once."""
    named, case = split_case(service, request["stateMachineArn"])
    target = service.target(named)
    name = checked_name(request)
    text, value = checked_input(request)
    if target.type == "EXPRESS":
        record = (await start_express(service, target, name, text, value, request.get("traceHeader"), case)).record
        return {"executionArn": record.arn, "startDate": record.start}
    machine = service.machine(target.definition)
    name = name or random_uuid()
    arn = service.arn("execution", f"{target.name}:{name}")
    record = execution_record(service, target, arn, name, text, request.get("traceHeader"))
    try:
        # The answer goes out before the first state runs: whoever starts many at once waits the less.
        await launch(service, machine, value, record, mocks_of_case(service, target.name, machine, case))
    except ExecutionExists:
        record = await _same(service, record)
    return {"executionArn": record.arn, "startDate": record.start}


async def _same(service: StepFunctions, asked: ExecutionRecord) -> ExecutionRecord:
    """The running execution that was started with the same name and input. Raises ExecutionAlreadyExists."""
    kept = await kept_execution(service, asked.arn)
    if kept.status != "RUNNING" or kept.input != asked.input:
        raise ServiceError("ExecutionAlreadyExists", f"Execution Already Exists: '{asked.arn}'")
    return kept


async def stop_execution(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """StopExecution. One that has ended stays as it is."""
    record = await kept_execution(service, request["executionArn"])
    if record.stop is not None:
        return {"stopDate": record.stop}
    error, cause = request.get("error"), request.get("cause")
    asked = service.now()
    await asyncio.to_thread(service.workspace.stop, record, error, cause)
    running = service.workspace.running(record.arn)
    if running is None:
        return {"stopDate": asked}
    running.stop(error, cause)
    await asyncio.wait([asyncio.ensure_future(running.settle())], timeout=_STOPPING)
    ended = running.outcome
    return {"stopDate": asked if ended is None else ended.stop_time}


async def describe_execution(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeExecution; of Express ones those that a map run started."""
    record = await kept_execution(service, request["executionArn"], children=True)
    answer = interchange.describe(record)
    answer.update(redrive_status(service.workspace.writable, record, service.now(), service.workspace.limits))
    for key, value in (
        ("stateMachineVersionArn", record.version_arn),
        ("stateMachineAliasArn", record.alias_arn),
        ("mapRunArn", record.map_run_arn),
        ("traceHeader", record.trace_header),
    ):
        if value is not None:
            answer[key] = value
    if request.get("includedData") == "METADATA_ONLY":
        for key in ("input", "output"):
            if answer.pop(key, None) is not None:
                answer[f"{key}Details"] = {"included": False}
    return answer


async def list_executions(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """ListExecutions: of a state machine, version or alias, or the children of a Map Run; newest first."""
    machine, map_run = request.get("stateMachineArn"), request.get("mapRunArn")
    if (machine is None) == (map_run is None):
        raise invalid("Must provide a value for either stateMachineArn or mapRunArn")
    status, redriven = request.get("statusFilter"), request.get("redriveFilter")
    if machine is not None:
        if redriven is not None:
            raise invalid("redriveFilter can only be used with mapRunArn")
        if status == "PENDING_REDRIVE":
            raise invalid("PENDING_REDRIVE can only be used with mapRunArn")
        filters = _of_machine(service, machine)
    else:
        require_map_run(service, str(map_run))
        filters = {"map_run_arn": map_run}
    if status is not None:
        filters["status"] = status
    scope = f"executions {sorted(filters.items())} {redriven}"
    after = decode_token(scope, request.get("nextToken"))
    size = page_size(request)
    found = await asyncio.to_thread(
        service.workspace.writable.page,
        filters,
        redriven=None if redriven is None else redriven == "REDRIVEN",
        after=after,
        limit=size + 1,
    )
    return cut_page(found, size, scope, lambda record: record.arn, _list_item, "executions")


def _of_machine(service: StepFunctions, text: str) -> dict[str, Any]:
    arn = parse_machine_arn(text)
    machine = service.read(lambda tables: required(tables, arn.machine, text))
    if machine.type == "EXPRESS":
        raise ServiceError("StateMachineTypeNotSupported", NOT_SUPPORTED)
    filters: dict[str, Any] = {"machine_arn": arn.machine}
    if arn.version is not None:
        filters["version_arn"] = text
    elif arn.alias is not None:
        filters["alias_arn"] = text
    return filters


def _list_item(record: ExecutionRecord) -> dict[str, Any]:
    answer = interchange.list_item(record)
    for key, value in (
        ("stateMachineVersionArn", record.version_arn),
        ("stateMachineAliasArn", record.alias_arn),
        ("mapRunArn", record.map_run_arn),
        ("itemCount", record.item_count),
    ):
        if value is not None:
            answer[key] = value
    return answer


async def describe_state_machine_for_execution(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeStateMachineForExecution: the definition an execution runs, whatever became of its state machine."""
    record = await kept_execution(service, request["executionArn"], children=True)
    settings: dict[str, Any] = msgspec.json.decode(record.settings or "{}")
    settings.pop("run", None)
    answer: dict[str, Any] = {
        "stateMachineArn": record.machine_arn,
        "name": record.machine_name,
        "definition": record.definition,
        "roleArn": record.role_arn,
        "updateDate": settings.pop("updateDate", record.start),
        **settings,
    }
    if record.map_run_arn is not None:
        answer["mapRunArn"] = record.map_run_arn
        answer["label"] = record.machine_arn.rpartition("/")[2]
    if request.get("includedData") == "METADATA_ONLY":
        answer["definition"] = "{}"
    elif references := variable_references(record.definition):
        answer["variableReferences"] = references
    return answer


OPERATIONS: dict[str, Operation] = {
    "StartExecution": start_execution,
    "StopExecution": stop_execution,
    "DescribeExecution": describe_execution,
    "ListExecutions": list_executions,
    "DescribeStateMachineForExecution": describe_state_machine_for_execution,
}
"""This family's operations, by name in the model."""
