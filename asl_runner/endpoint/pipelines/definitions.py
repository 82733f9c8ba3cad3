"""CreatePipeline, UpdatePipeline, DescribePipeline, ListPipelines, DeletePipeline."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from asl_runner.endpoint.pipelines.lookup import pipeline_of, refused
from asl_runner.errors import NotFound
from asl_runner.sagemaker.listing import page
from asl_runner.sagemaker.pipelines import read
from asl_runner.sagemaker.pipelines.document import NO_STEP
from asl_runner.service_model.errors import validation_error
from asl_runner.workspace.pipelines.records import PipelineRecord

if TYPE_CHECKING:
    from asl_runner.workspace import Workspace


async def create_pipeline(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """CreatePipeline. The same request again, by its token, gives the same answer."""
    name, now = request["PipelineName"], time.time()
    known = workspace.pipelines.records.pipeline(name)
    arn = workspace.pipelines.arn(name)
    if known is not None:
        if known.token == request["ClientRequestToken"]:
            return {"PipelineArn": arn}
        text = "Pipeline names must be unique within an AWS account and region. Pipeline with name"
        raise validation_error(f"{text} ({name}) already exists.")
    definition = await _definition(workspace, request)
    if definition is None:
        raise validation_error("Either PipelineDefinition or PipelineDefinitionS3Location is required.")
    record = PipelineRecord(
        name=name,
        definition=definition,
        created=now,
        modified=now,
        tags={tag["Key"]: tag["Value"] for tag in request.get("Tags", ())},
        token=request["ClientRequestToken"],
        **_fields(request),
    )
    workspace.pipelines.records.keep_pipeline(record)
    return {"PipelineArn": arn}


async def update_pipeline(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """UpdatePipeline: what the request leaves out stays as it is."""
    known = pipeline_of(workspace, request["PipelineName"])
    definition = await _definition(workspace, request)
    changed = replace(known, modified=time.time(), definition=definition or known.definition, **_fields(request))
    workspace.pipelines.records.keep_pipeline(changed)
    return {"PipelineArn": workspace.pipelines.arn(known.name)}


async def describe_pipeline(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """DescribePipeline."""
    known = pipeline_of(workspace, request["PipelineName"])
    parallelism = known.parallelism
    return {
        **_summary(workspace, known),
        "PipelineDefinition": known.definition,
        "PipelineStatus": "Active",
        "LastRunTime": known.last_run,
        "CreatedBy": {},
        "LastModifiedBy": {},
        "ParallelismConfiguration": None if parallelism is None else {"MaxParallelExecutionSteps": parallelism},
    }


async def list_pipelines(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """ListPipelines."""
    found = [
        one
        for one in workspace.pipelines.records.pipelines()
        if one.name.startswith(request.get("PipelineNamePrefix", ""))
        and request.get("CreatedAfter", one.created) <= one.created <= request.get("CreatedBefore", one.created)
    ]
    by_name = request.get("SortBy", "CreationTime") == "Name"
    descending = request.get("SortOrder", "Descending") == "Descending"
    found.sort(key=lambda one: (one.name if by_name else "", one.created, one.name), reverse=descending)
    items, token = page(found, request)
    summaries = [{**_summary(workspace, one), "LastExecutionTime": one.last_run} for one in items]
    return {"PipelineSummaries": summaries, "NextToken": token}


async def delete_pipeline(workspace: Workspace, request: dict[str, Any]) -> dict[str, Any]:
    """DeletePipeline, with its executions."""
    known = pipeline_of(workspace, request["PipelineName"])
    with refused():
        workspace.pipelines.delete(known.name)
    return {"PipelineArn": workspace.pipelines.arn(known.name)}


async def _definition(workspace: Workspace, request: dict[str, Any]) -> str | None:
    """The text of the definition, once it can be read; None where the request has none."""
    place, text = request.get("PipelineDefinitionS3Location"), request.get("PipelineDefinition")
    if place is not None and text is not None:
        raise validation_error("Only one of PipelineDefinition and PipelineDefinitionS3Location can be given.")
    if place is not None:
        text = await asyncio.to_thread(_stored, workspace, place["Bucket"], place["ObjectKey"])
    if text is not None:
        with refused():
            read(text, name="The definition", only=NO_STEP)
    return text


def _stored(workspace: Workspace, bucket: str, key: str) -> str:
    try:
        return workspace.local.buckets.path(bucket, key).read_text(encoding="utf-8")
    except (NotFound, UnicodeDecodeError) as error:
        raise validation_error(f"Cannot read the pipeline definition s3://{bucket}/{key}: {error}") from error


def _fields(request: dict[str, Any]) -> dict[str, Any]:
    members = {
        "role_arn": request.get("RoleArn"),
        "display_name": request.get("PipelineDisplayName"),
        "description": request.get("PipelineDescription"),
        "parallelism": request.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps"),
    }
    return {name: value for name, value in members.items() if value is not None}


def _summary(workspace: Workspace, known: PipelineRecord) -> dict[str, Any]:
    return {
        "PipelineArn": workspace.pipelines.arn(known.name),
        "PipelineName": known.name,
        "PipelineDisplayName": known.display_name or known.name,
        "PipelineDescription": known.description,
        "RoleArn": known.role_arn or workspace.configuration.role_arn,
        "CreationTime": known.created,
        "LastModifiedTime": known.modified,
    }


OPERATIONS = {
    "CreatePipeline": create_pipeline,
    "UpdatePipeline": update_pipeline,
    "DescribePipeline": describe_pipeline,
    "ListPipelines": list_pipelines,
    "DeletePipeline": delete_pipeline,
}
"""This family's operations, by name in the model."""
