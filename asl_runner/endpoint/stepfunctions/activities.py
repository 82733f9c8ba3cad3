"""Activities: create, describe, delete, list, and the long poll of their workers."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from asl_runner.definition.names import first_forbidden
from asl_runner.endpoint.stepfunctions.arns import parse_arn
from asl_runner.endpoint.stepfunctions.errors import invalid_name
from asl_runner.endpoint.stepfunctions.paging import cut_page, decode_token, page_size
from asl_runner.endpoint.stepfunctions.settings import OWNED_KEY, checked_encryption
from asl_runner.endpoint.stepfunctions.tags import checked_tags
from asl_runner.history import activities
from asl_runner.history.activities import ActivityRecord
from asl_runner.history.machines import Machines
from asl_runner.service_model.errors import ServiceError

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions


async def create_activity(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """CreateActivity. The same name again gets the same answer, unless it is to be encrypted in another way."""
    name = request["name"]
    if first_forbidden(name) is not None:
        raise invalid_name(name)
    tags = checked_tags(request.get("tags", []))
    asked = ActivityRecord(
        arn=service.arn("activity", name),
        name=name,
        encryption=checked_encryption(request.get("encryptionConfiguration", {"type": OWNED_KEY})),
        created=service.now(),
    )

    def create(connection: sqlite3.Connection) -> ActivityRecord:
        kept = activities.by_arn(connection, asked.arn)
        if kept is None:
            activities.add(connection, asked)
            Machines(connection).put_tags(asked.arn, tags)
            return asked
        if kept.encryption != asked.encryption:
            raise ServiceError("ActivityAlreadyExists", f"Activity Already Exists: '{asked.arn}'")
        return kept

    kept = await service.workspace.writable.change(create)
    return {"activityArn": kept.arn, "creationDate": kept.created}


async def describe_activity(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeActivity."""
    record = _required(service, request["activityArn"])
    return {**_list_item(record), "encryptionConfiguration": record.encryption}


async def delete_activity(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """DeleteActivity. One that is not there is deleted, too (recorded). Its workers are told at once."""
    arn = parse_arn(request["activityArn"], "activity").text
    await service.workspace.writable.change(lambda connection: activities.remove(connection, arn))
    service.workspace.local.activities.deleted(arn)
    return {}


async def list_activities(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """ListActivities, in the order they were created."""
    after = decode_token("activities", request.get("nextToken"))
    size = page_size(request)
    found = service.workspace.writable.read(lambda connection: activities.listed(connection, after, size + 1))
    return cut_page(found, size, "activities", lambda record: (record.created, record.arn), _list_item, "activities")


async def get_activity_task(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """GetActivityTask: waits up to a minute for a task. The answer without a task is an empty token (documented)."""
    arn = _required(service, request["activityArn"]).arn
    task = await service.workspace.local.activities.next_task(
        arn, request.get("workerName"), exists=lambda: _find(service, arn) is not None
    )
    if task is not None:
        return {"taskToken": task.token, "input": task.input}
    _required(service, arn)
    return {}


def _find(service: StepFunctions, arn: str) -> ActivityRecord | None:
    return service.workspace.writable.read(lambda connection: activities.by_arn(connection, arn))


def _required(service: StepFunctions, text: str) -> ActivityRecord:
    """Raises `ServiceError` InvalidArn or ActivityDoesNotExist."""
    record = _find(service, parse_arn(text, "activity").text)
    if record is None:
        raise ServiceError("ActivityDoesNotExist", f"Activity Does Not Exist: '{text}'")
    return record


def _list_item(record: ActivityRecord) -> dict[str, Any]:
    return {"activityArn": record.arn, "name": record.name, "creationDate": record.created}


OPERATIONS: dict[str, Operation] = {
    "CreateActivity": create_activity,
    "DescribeActivity": describe_activity,
    "DeleteActivity": delete_activity,
    "ListActivities": list_activities,
    "GetActivityTask": get_activity_task,
}
"""This family's operations, by name in the model."""
