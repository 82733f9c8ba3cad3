"""Executions as the workspace keeps them: found by their ARN, described before they start, and started."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from asl_runner.endpoint.stepfunctions.arns import parse_arn
from asl_runner.errors import AslRunnerError, NotFound
from asl_runner.history.identifiers import random_hex
from asl_runner.history.records import ExecutionRecord
from asl_runner.service_model.errors import ServiceError
from asl_runner.workspace.resuming import interrupted, run_with

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.endpoint.stepfunctions.service import StepFunctions
    from asl_runner.endpoint.stepfunctions.targets import Target
    from asl_runner.expressions.environment import Json
    from asl_runner.resources.mocks.tasks import Mocks
    from asl_runner.workspace.running import RunningExecution

_log = logging.getLogger(__name__)

_TOGETHER = 256

GONE = "The process that ran the execution ended."
"""The cause of the end of an execution whose process is gone."""


async def kept_execution(service: StepFunctions, arn: str, *, children: bool = False) -> ExecutionRecord:
    """The Standard execution with this ARN; one whose process is gone goes on, if it can here.

    With `children` also an Express one that a map run started. Raises `ServiceError` InvalidArn or
    ExecutionDoesNotExist.
    """
    express = children and "/" in arn and parse_arn(arn, "execution", "express").kind == "express"
    if not express:
        parse_arn(arn, "execution")
    store = service.workspace.writable
    try:
        record = store.execution(arn)
        if record.status == "RUNNING" and service.workspace.running(arn) is None and store.is_orphaned(record):
            await _try_to_go_on(service, record)
            record = store.execution(arn)
    except NotFound:
        raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'") from None
    return record


async def go_on_with_all(service: StepFunctions) -> None:
    """Has every execution whose process is gone go on that can do so here; of the others it is said why they do not."""
    found = await asyncio.to_thread(lambda: list(interrupted(service.workspace.writable)))
    # Together, as those that are taken over at the same time are so in one transaction.
    for first in range(0, len(found), _TOGETHER):
        some = found[first : first + _TOGETHER]
        await asyncio.gather(*(_try_to_go_on(service, record) for record in some))
        for record in some:
            if run_with(record) and record.type != "EXPRESS":
                _log.warning("%s was run with options: asl-runner resume %s goes on with it.", record.name, record.name)


async def _try_to_go_on(service: StepFunctions, record: ExecutionRecord) -> None:
    """`_go_on`; what keeps an execution from it is logged, and keeps nobody from looking at it, stopping it, or others.

    It can be tried again: what could not be read is still nobody's.
    """
    try:
        await _go_on(service, record)
    except AslRunnerError as problem:
        _log.warning("%s does not go on: %s", record.name, problem)
    except Exception:  # noqa: BLE001 - told where it can be seen to; whoever asks gets the execution as it is
        _log.exception("A defect in asl_runner keeps %s from going on", record.name)


async def _go_on(service: StepFunctions, record: ExecutionRecord) -> None:
    """Has an execution whose process is gone go on, unless that was run with what this process does not know.

    One of a map run does with its parent; an Express one, of which nothing is kept for sure, has ended.
    """
    if record.map_run_arn is not None:
        return
    if record.type == "EXPRESS":
        await asyncio.to_thread(service.workspace.writable.abort_orphan, record, None, GONE)
    elif not run_with(record):
        machine = service.machine(record.definition)
        await service.workspace.resume(machine, msgspec.json.decode(record.input), record)


def execution_record(
    service: StepFunctions, target: Target, arn: str, name: str, input: bytes, trace_header: str | None
) -> ExecutionRecord:
    """What is kept of an execution that is about to start."""
    settings = {**target.settings, "updateDate": target.updated}
    if target.revision is not None:
        settings["revisionId"] = target.revision
    return ExecutionRecord(
        arn=arn,
        name=name,
        machine_arn=target.arn,
        machine_name=target.name,
        definition=target.definition,
        input=input,
        start=service.now(),
        role_arn=target.role_arn,
        seed=random_hex(),
        type=target.type,
        version_arn=target.version_arn,
        alias_arn=target.alias_arn,
        trace_header=trace_header,
        settings=msgspec.json.encode(settings).decode(),
    )


async def launch(
    service: StepFunctions, machine: StateMachine, input: Json, record: ExecutionRecord, mocks: Mocks | None = None
) -> RunningExecution:
    """Starts the execution once it is kept, an Express one at once; `mocks` answer its Tasks.

    Raises `ExecutionExists`.
    """
    if mocks is not None:
        # Whoever takes it up after this process has died must not ask the world instead.
        settings = {**msgspec.json.decode(record.settings or "{}"), "run": {"answered": "by a mock case"}}
        record = msgspec.structs.replace(record, settings=msgspec.json.encode(settings).decode())
    return await service.workspace.launch(machine, input, record, taken=record.type != "EXPRESS", mocks=mocks)
