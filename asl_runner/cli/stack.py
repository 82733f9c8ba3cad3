"""What a template deploys beside the state machine that is run: made by CloudFormation on the run's own endpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asl_runner.workspace import Workspace

_LOOK_SECONDS = 0.05
_LOOKS = 1200


async def create_stack(workspace: Workspace, name: str, resources: Mapping[str, Any]) -> list[str]:
    """Creates the resources, CloudFormation's by logical id, on the endpoint that serves the workspace.

    Gives one text for each that could not be had; the others are there all the same.
    """
    clients = workspace.local.clients
    return await clients.run(lambda: _create(clients.client("cloudformation"), stack_name(name), resources))


def stack_name(name: str) -> str:
    """A name that CloudFormation takes: letters, digits and hyphens, the first a letter."""
    return "run-" + re.sub(r"[^A-Za-z0-9]+", "-", name)[:120].strip("-")


def _create(client: Any, name: str, resources: Mapping[str, Any]) -> list[str]:
    lacks: list[str] = []
    left = dict(resources)
    while left:
        # A stack stops at the first resource that fails: what it did not come to is another stack's.
        stack = f"{name}-{len(lacks)}" if lacks else name
        if _has_been_created(client, stack, left):
            break
        events = client.describe_stack_events(StackName=stack)["StackEvents"]
        ended = {event["LogicalResourceId"]: event for event in reversed(events) if _tells_an_end(event)}
        failed = {id: event for id, event in ended.items() if event["ResourceStatus"] == "CREATE_FAILED"}
        lacks += [f"{id} ({one['ResourceType']}): {one.get('ResourceStatusReason', '')}" for id, one in failed.items()]
        left = {id: _without(one, ended) for id, one in left.items() if id not in ended} if failed else {}
    return lacks


def _has_been_created(client: Any, stack: str, resources: Mapping[str, Any]) -> bool:
    from botocore.exceptions import WaiterError

    body = json.dumps({"Resources": resources})
    client.create_stack(StackName=stack, TemplateBody=body, OnFailure="DO_NOTHING")
    patience = {"Delay": _LOOK_SECONDS, "MaxAttempts": _LOOKS}
    try:
        client.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=patience)
    except WaiterError:
        return False
    return True


def _tells_an_end(event: Mapping[str, Any]) -> bool:
    ends = event["ResourceStatus"] in ("CREATE_COMPLETE", "CREATE_FAILED")
    return ends and event["ResourceType"] != "AWS::CloudFormation::Stack"


def _without(resource: Mapping[str, Any], ended: Mapping[str, Any]) -> dict[str, Any]:
    return {**resource, "DependsOn": [other for other in resource.get("DependsOn", ()) if other not in ended]}
