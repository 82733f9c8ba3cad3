"""Executions of pipelines: start, describe, list, steps, parameters, definition, stop, retry, update."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from asl_runner.endpoint.pipelines.lookup import execution_of, pipeline_of, refused
from asl_runner.sagemaker.listing import page
from asl_runner.sagemaker.pipelines import read
from asl_runner.service_model.errors import validation_error
from asl_runner.workspace.pipelines.planning import plan
from asl_runner.workspace.pipelines.records import PipelineExecution
from asl_runner.workspace.pipelines.service import selected_names

if TYPE_CHECKING:
    from asl_runner.workspace import Workspace


async def start_pipeline_execution(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """StartPipelineExecution. The same request again, by its token, gives the same execution."""
    known = pipeline_of(workspace, request["PipelineName"])
    token = request["ClientRequestToken"]
    pipelines = workspace.pipelines
    for earlier in pipelines.records.executions(known.name):
        if earlier.token == token:
            return {"PipelineExecutionArn": pipelines.arn(known.name, earlier.id)}
    given = {one["Name"]: one["Value"] for one in request.get("PipelineParameters", ())}
    selection = request.get("SelectiveExecutionConfig")
    only = selected_names(selection)
    source = (selection or {}).get("SourcePipelineExecutionArn")
    parallelism = request.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps")
    members = {
        "display_name": request.get("PipelineExecutionDisplayName"),
        "description": request.get("PipelineExecutionDescription"),
        "parallelism": parallelism,
        "token": token,
    }
    with refused():
        execution, _ = await pipelines.start(
            known.name,
            plan(read(known.definition, name="The definition", only=only), given, only),
            execution=members,
            source=None if source is None else pipelines.find(source),
            check=False,
        )
    return {"PipelineExecutionArn": pipelines.arn(known.name, execution.id)}


async def describe_pipeline_execution(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """DescribePipelineExecution."""
    execution = execution_of(workspace, request["PipelineExecutionArn"])
    return await asyncio.to_thread(_described, workspace, execution)


def _described(workspace: Workspace, execution: PipelineExecution) -> dict[str, Any]:
    pipelines = workspace.pipelines
    with refused():
        machine = pipelines.machine_execution(execution)
        status, reason = pipelines.status(execution), pipelines.failure_reason(execution)
    selection = None
    if execution.selected:
        steps = [{"StepName": name} for name in execution.selected]
        selection = {"SelectedSteps": steps, "SourcePipelineExecutionArn": execution.source}
    parallelism = execution.parallelism
    return {
        "PipelineArn": pipelines.arn(execution.pipeline),
        "PipelineExecutionArn": pipelines.arn(execution.pipeline, execution.id),
        "PipelineExecutionDisplayName": execution.display_name or f"execution-{int(execution.created * 1000)}",
        "PipelineExecutionStatus": status,
        "PipelineExecutionDescription": execution.description,
        "FailureReason": None if reason is None else reason[:1300],
        "CreationTime": execution.created,
        "LastModifiedTime": machine.stop or execution.created,
        "CreatedBy": {},
        "LastModifiedBy": {},
        "ParallelismConfiguration": None if parallelism is None else {"MaxParallelExecutionSteps": parallelism},
        "SelectiveExecutionConfig": selection,
    }


async def list_pipeline_executions(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """ListPipelineExecutions."""
    known = pipeline_of(workspace, request["PipelineName"])
    return await asyncio.to_thread(_listed, workspace, known.name, request)


def _listed(workspace: Workspace, name: str, request: dict[str, Any]) -> dict[str, Any]:
    found = [
        one
        for one in workspace.pipelines.records.executions(name)
        if request.get("CreatedAfter", one.created) <= one.created <= request.get("CreatedBefore", one.created)
    ]
    by_arn = request.get("SortBy", "CreationTime") == "PipelineExecutionArn"
    descending = request.get("SortOrder", "Descending") == "Descending"
    found.sort(key=lambda one: (one.id if by_arn else "", one.created, one.id), reverse=descending)
    items, token = page(found, request)
    summaries = []
    for one in items:
        described = _described(workspace, one)
        summaries.append(
            {
                **described,
                "StartTime": described["CreationTime"],
                "PipelineExecutionFailureReason": described["FailureReason"],
            }
        )
    return {"PipelineExecutionSummaries": summaries, "NextToken": token}


async def list_pipeline_execution_steps(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """ListPipelineExecutionSteps: by default the newest first."""
    execution = execution_of(workspace, request.get("PipelineExecutionArn", ""))
    with refused():
        steps = await asyncio.to_thread(workspace.pipelines.steps, execution)
    if request.get("SortOrder", "Descending") == "Ascending":
        steps.reverse()
    items, token = page(steps, request)
    return {"PipelineExecutionSteps": items, "NextToken": token}


async def list_pipeline_parameters(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """ListPipelineParametersForExecution: every parameter, those with defaults included."""
    execution = execution_of(workspace, request["PipelineExecutionArn"])
    items, token = page(list(execution.parameters.items()), request)
    return {"PipelineParameters": [{"Name": name, "Value": _text(value)} for name, value in items], "NextToken": token}


async def describe_definition(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """DescribePipelineDefinitionForExecution: as it was when the execution started."""
    execution = execution_of(workspace, request["PipelineExecutionArn"])
    return {"PipelineDefinition": execution.definition, "CreationTime": execution.created}


async def stop_pipeline_execution(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """StopPipelineExecution: asks, and answers at once."""
    execution = execution_of(workspace, request["PipelineExecutionArn"])
    with refused():
        workspace.pipelines.stop(execution)
    return {"PipelineExecutionArn": request["PipelineExecutionArn"]}


async def retry_pipeline_execution(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """RetryPipelineExecution: goes on at the steps that did not succeed."""
    execution = execution_of(workspace, request["PipelineExecutionArn"])
    parallelism = request.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps")
    with refused():
        await workspace.pipelines.retry(replace(execution, parallelism=parallelism or execution.parallelism))
    return {"PipelineExecutionArn": request["PipelineExecutionArn"]}


async def update_pipeline_execution(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """UpdatePipelineExecution: its description and display name."""
    if "ParallelismConfiguration" in request:
        raise validation_error("The parallelism of an execution is set when it starts; it cannot be changed here.")
    execution = execution_of(workspace, request["PipelineExecutionArn"])
    changed = replace(
        execution,
        description=request.get("PipelineExecutionDescription", execution.description),
        display_name=request.get("PipelineExecutionDisplayName", execution.display_name),
    )
    workspace.pipelines.records.keep_execution(changed)
    return {"PipelineExecutionArn": request["PipelineExecutionArn"]}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


OPERATIONS = {
    "StartPipelineExecution": start_pipeline_execution,
    "DescribePipelineExecution": describe_pipeline_execution,
    "ListPipelineExecutions": list_pipeline_executions,
    "ListPipelineExecutionSteps": list_pipeline_execution_steps,
    "ListPipelineParametersForExecution": list_pipeline_parameters,
    "DescribePipelineDefinitionForExecution": describe_definition,
    "StopPipelineExecution": stop_pipeline_execution,
    "RetryPipelineExecution": retry_pipeline_execution,
    "UpdatePipelineExecution": update_pipeline_execution,
}
"""This family's operations, by name in the model."""
