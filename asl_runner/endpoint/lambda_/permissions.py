"""AddPermission, RemovePermission, GetPolicy: resource policies are kept and shown; here nobody is kept out."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from asl_runner.endpoint.lambda_.service import Lambda, Operation, refuse
from asl_runner.functions.created import Document


async def add_permission(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`AddPermission`."""
    arn = service.arn(request["FunctionName"], request.get("Qualifier"))
    async with service.changing:
        created = service.to_change(arn)
        service.snapshot(arn, created)
        statements = created.policy.get(arn.qualifier, {})
        identifier = request["StatementId"]
        if identifier in statements:
            refuse(
                "ResourceConflictException",
                f"The statement id ({identifier}) provided already exists. Please provide a new statement id, or "
                "remove the existing statement.",
            )
        statement = _statement(arn.arn, request)
        policy = {**created.policy, arn.qualifier: {**statements, identifier: statement}}
        service.created.put(replace(created, policy=policy))
    return {"Statement": msgspec.json.encode(statement).decode()}


async def remove_permission(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`RemovePermission`."""
    arn = service.arn(request["FunctionName"], request.get("Qualifier"))
    async with service.changing:
        created = service.to_change(arn)
        statements = created.policy.get(arn.qualifier, {})
        if request["StatementId"] not in statements:
            refuse("ResourceNotFoundException", f"Statement {request['StatementId']} is not found in resource policy.")
        kept = {name: each for name, each in statements.items() if name != request["StatementId"]}
        service.created.put(replace(created, policy={**created.policy, arn.qualifier: kept}))
    return {}


async def get_policy(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`GetPolicy`."""
    arn = service.arn(request["FunctionName"], request.get("Qualifier"))
    created = service.find(arn)
    statements = created.policy.get(arn.qualifier, {}) if created is not None else {}
    if created is None or not statements:
        refuse("ResourceNotFoundException", "The resource you requested does not exist.")
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": list(statements.values())}
    return {
        "Policy": msgspec.json.encode(policy).decode(),
        "RevisionId": service.snapshot(arn, created).document["RevisionId"],
    }


def _statement(arn: str, request: dict[str, Any]) -> Document:
    principal = request["Principal"]
    statement: Document = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": {"Service": principal} if principal.endswith(".amazonaws.com") else {"AWS": principal},
        "Action": request["Action"],
        "Resource": arn,
    }
    conditions: Document = {}
    if source := request.get("SourceArn"):
        conditions["ArnLike"] = {"AWS:SourceArn": source}
    if account := request.get("SourceAccount"):
        conditions["StringEquals"] = {"AWS:SourceAccount": account}
    return {**statement, "Condition": conditions} if conditions else statement


OPERATIONS: dict[str, Operation] = {
    "AddPermission": add_permission,
    "RemovePermission": remove_permission,
    "GetPolicy": get_policy,
}
