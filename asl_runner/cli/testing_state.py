"""What `asl-runner test-state` does: a request of TestState, answered in this process, for a person to read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from asl_runner.cli.documents import to_json
from asl_runner.cli.entry import EXIT_NOT_SUCCEEDED
from asl_runner.cli.inputs import read_definition, read_input
from asl_runner.cli.options import open_workspace
from asl_runner.cli.table import heading, paint
from asl_runner.definition import check_read, read_document
from asl_runner.definition.diagnostics import InvalidDefinition
from asl_runner.definition.walk import all_states
from asl_runner.errors import UsageError, near
from asl_runner.expressions.json_text import compact
from asl_runner.service_model.errors import ServiceError
from asl_runner.workspace import Workspace

STAGES = (
    "input",
    "afterInputPath",
    "afterParameters",
    "afterArguments",
    "afterItemsPath",
    "afterItemsPointer",
    "afterItemSelector",
    "afterItemBatcher",
    "result",
    "afterResultSelector",
    "afterResultPath",
    "variables",
)
"""The stages that hold data, in the order the data go through them."""

_STYLES = {"SUCCEEDED": "green", "CAUGHT_ERROR": "yellow", "RETRIABLE": "yellow", "FAILED": "red"}


def test_state(
    file: str, state: str, given: Mapping[str, Any], workspace: str | None, config: str | None, *, as_json: bool
) -> int:
    """Visits the state and prints the answer; gives the exit code. Raises `UsageError` and `InvalidDefinition`."""
    definition = _definition(file, state)
    with open_workspace(workspace, config) as opened:
        role = opened.configuration.role_arn
    request = {"definition": definition, "stateName": state, "roleArn": role, **_request(given)}
    answer = asyncio.run(_answer(open_workspace(workspace, config), request))
    click.echo(to_json(answer) if as_json else "\n".join(_told(answer)))
    return EXIT_NOT_SUCCEEDED if answer["status"] == "FAILED" else 0


def _definition(file: str, state: str) -> str:
    document = read_document(read_definition(file), name="<stdin>" if file == "-" else None)
    machine, diagnostics = check_read(document, warnings=False)
    if machine is None:
        raise InvalidDefinition(diagnostics, document.name)
    names = [one.name for one in all_states(machine)]
    if state not in names:
        raise UsageError(f"{document.name} has no state {state!r}: {near(state, names)}")
    return document.json_text


def _request(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as members of TestState's request."""
    request: dict[str, Any] = {
        "input": compact(read_input(given["input_"])),
        "inspectionLevel": str(given["inspection"]).upper(),
    }
    for name in ("variables", "context"):
        if given[name] is not None:
            request[name] = compact(read_input(given[name]))
    if given["mock"] is not None and given["mock_error"] is not None:
        raise UsageError("--mock and --mock-error are two outcomes; give one.")
    if given["mock_cause"] is not None and given["mock_error"] is None:
        raise UsageError("--mock-cause belongs to --mock-error.")
    if given["mock"] is not None:
        result = compact(read_input(given["mock"]))
        request["mock"] = {"result": result, "fieldValidationMode": str(given["validate"]).upper()}
    elif given["mock_error"] is not None:
        output = {"error": given["mock_error"], "cause": given["mock_cause"]}
        request["mock"] = {"errorOutput": {key: value for key, value in output.items() if value is not None}}
    if given["retries"] is not None:
        request["stateConfiguration"] = {"retrierRetryCount": given["retries"]}
    return request


async def _answer(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    from asl_runner.endpoint.stepfunctions.service import StepFunctions
    from asl_runner.endpoint.stepfunctions.test_state import run_test

    async with workspace:
        try:
            return await run_test(StepFunctions(workspace), request)
        except ServiceError as refused:
            raise UsageError(refused.message) from None


def _told(answer: Mapping[str, Any]) -> Iterator[str]:
    """The answer for a person: each stage's data, with a word where a stage changed nothing."""
    inspection = answer.get("inspectionData", {})
    before = None
    for stage in STAGES:
        if stage not in inspection:
            continue
        same = " (unchanged)" if inspection[stage] == before else ""
        yield f"{heading(stage)}{same}"
        if not same:
            yield from _indented(inspection[stage])
        before = inspection[stage]
    for name in ("maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage"):
        if name in inspection:
            yield f"{heading(name)}  {inspection[name]}"
    for name in ("request", "response", "errorDetails"):
        if name in inspection:
            yield heading(name)
            yield from (f"  {key}: {value}" for key, value in inspection[name].items())
    if "output" in answer:
        yield heading("output")
        yield from _indented(answer["output"])
    yield f"{paint(answer['status'], _STYLES[answer['status']])}" + _way_on(answer)
    for name in ("error", "cause"):
        if name in answer:
            yield f"  {name}: {answer[name]}"


def _way_on(answer: Mapping[str, Any]) -> str:
    return f", on to {answer['nextState']!r}" if "nextState" in answer else ""


def _indented(text: str) -> Iterator[str]:
    for line in json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines():
        yield f"  {line}"
