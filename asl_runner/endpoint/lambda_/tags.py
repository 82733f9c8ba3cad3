"""TagResource, UntagResource, ListTags."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from asl_runner.endpoint.lambda_.service import Lambda, Operation


async def tag_resource(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`TagResource`."""
    async with service.changing:
        created = service.to_change(service.arn(request["Resource"]))
        service.created.put(replace(created, tags={**created.tags, **request["Tags"]}))
    return {}


async def untag_resource(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`UntagResource`."""
    async with service.changing:
        created = service.to_change(service.arn(request["Resource"]))
        kept = {key: value for key, value in created.tags.items() if key not in request["TagKeys"]}
        service.created.put(replace(created, tags=kept))
    return {}


async def list_tags(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`ListTags`."""
    created = service.find(service.arn(request["Resource"]))
    return {"Tags": created.tags if created is not None else {}}


OPERATIONS: dict[str, Operation] = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTags": list_tags,
}
