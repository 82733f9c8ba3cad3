"""Tags of state machines and activities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_runner.endpoint.stepfunctions.arns import parse_arn
from asl_runner.endpoint.stepfunctions.errors import no_resource
from asl_runner.endpoint.stepfunctions.targets import existing
from asl_runner.history.machines import Machines
from asl_runner.service_model.errors import ServiceError

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions

MAX_TAGS = 50
"""Tags of one resource. Source: Step Functions quotas."""


def checked_tags(tags: list[dict[str, str]], arn: str = "") -> dict[str, str]:
    """Keys to values. Raises `ServiceError` TooManyTags."""
    found = {tag.get("key", ""): tag.get("value", "") for tag in tags}
    _check_count(len(found), arn)
    return found


def _check_count(count: int, arn: str) -> None:
    if count > MAX_TAGS:
        error = ServiceError("TooManyTags", f"Maximum number of tags exceeded: {MAX_TAGS}")
        error.response["resourceName"] = arn
        raise error


async def tag_resource(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """TagResource. Keys that are there get the new value."""
    arn = request["resourceArn"]
    tags = checked_tags(request["tags"], arn)

    def change(tables: Machines) -> None:
        _require(tables, arn)
        _check_count(len(tables.tags(arn).keys() | tags.keys()), arn)
        tables.put_tags(arn, tags)

    await service.change(change)
    return {}


async def untag_resource(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """UntagResource."""
    arn = request["resourceArn"]

    def change(tables: Machines) -> None:
        _require(tables, arn)
        tables.remove_tags(arn, request["tagKeys"])

    await service.change(change)
    return {}


async def list_tags_for_resource(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    arn = request["resourceArn"]

    def find(tables: Machines) -> dict[str, str]:
        _require(tables, arn)
        return tables.tags(arn)

    return {"tags": [{"key": key, "value": value} for key, value in service.read(find).items()]}


def _require(tables: Machines, text: str) -> None:
    """Raises `ServiceError` InvalidArn, or ResourceNotFound for a resource that is not there."""
    arn = parse_arn(text, "stateMachine", "activity")
    found = tables.has_activity(text) if arn.kind == "activity" else existing(tables, text) is not None
    if not found:
        raise no_resource(text)


OPERATIONS: dict[str, Operation] = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
"""This family's operations, by name in the model."""
