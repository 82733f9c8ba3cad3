"""AddTags, DeleteTags and ListTags for the ARN of a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from asl_runner.endpoint.pipelines.lookup import pipeline_of
from asl_runner.service_model.errors import ServiceError, validation_error

if TYPE_CHECKING:
    from asl_runner.workspace import Workspace

Tags = dict[str, str]


def is_pipeline(arn: str) -> bool:
    """Whether an ARN names a pipeline."""
    return arn.rpartition(":")[2].startswith("pipeline/")


def tagged(workspace: Workspace, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Answers one of the three operations, whose models have no error for a resource that is not there."""
    try:
        known = pipeline_of(workspace, request["ResourceArn"])
    except ServiceError as missing:
        raise validation_error(missing.message) from missing
    tags = _CHANGES[operation](known.tags, request)
    if tags != known.tags:
        workspace.pipelines.records.keep_pipeline(replace(known, tags=tags))
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if operation != "DeleteTags" else {}


_CHANGES: dict[str, Callable[[Tags, dict[str, Any]], Tags]] = {
    "ListTags": lambda tags, request: tags,
    "AddTags": lambda tags, request: {**tags, **{tag["Key"]: tag["Value"] for tag in request["Tags"]}},
    "DeleteTags": lambda tags, request: {key: tags[key] for key in tags if key not in request["TagKeys"]},
}
