"""CreateAlias, GetAlias, UpdateAlias, DeleteAlias, ListAliases."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from asl_runner.endpoint.lambda_.service import Lambda, Operation, check_revision, page, refuse, revision
from asl_runner.endpoint.lambda_.versions import check_target, targets
from asl_runner.functions.arn import LATEST, FunctionArn
from asl_runner.functions.created import Created, Document


async def create_alias(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`CreateAlias`."""
    arn, name = service.arn(request["FunctionName"]), request["Name"]
    async with service.changing:
        created = service.to_change(arn)
        if name in created.aliases:
            refuse("ResourceConflictException", f"Alias already exists: {arn.unqualified}:{name}")
        alias: Document = {
            "AliasArn": f"{arn.unqualified}:{name}",
            "Name": name,
            "FunctionVersion": request["FunctionVersion"],
            "Description": request.get("Description", ""),
            "RevisionId": revision(),
        }
        return _keep(service, created, _routed(alias, request))


async def get_alias(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`GetAlias`."""
    arn = service.arn(request["FunctionName"])
    return _alias(service.find(arn), arn, request["Name"])


async def update_alias(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`UpdateAlias`: what the request names."""
    arn = service.arn(request["FunctionName"])
    async with service.changing:
        created = service.to_change(arn)
        alias = _alias(created, arn, request["Name"])
        check_revision(request, alias)
        changed = alias | {name: request[name] for name in ("FunctionVersion", "Description") if name in request}
        return _keep(service, created, _routed({**changed, "RevisionId": revision()}, request))


async def delete_alias(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`DeleteAlias`: nothing happens where there is none."""
    arn = service.arn(request["FunctionName"])
    async with service.changing:
        created = service.to_change(arn)
        kept = {name: alias for name, alias in created.aliases.items() if name != request["Name"]}
        service.created.put(replace(created, aliases=kept))
    return {}


async def list_aliases(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`ListAliases`."""
    created = service.find(service.arn(request["FunctionName"]))
    wanted = request.get("FunctionVersion")
    aliases = created.aliases if created is not None else {}
    found = [aliases[name] for name in sorted(aliases) if wanted is None or wanted in targets(aliases[name])]
    items, marker = page(found, request, "Name")
    return {"Aliases": items, "NextMarker": marker}


def _alias(created: Created | None, arn: FunctionArn, name: str) -> Document:
    if created is None or name not in created.aliases:
        refuse("ResourceNotFoundException", f"Cannot find alias arn: {arn.unqualified}:{name}")
    return created.aliases[name]


def _routed(alias: Document, request: dict[str, Any]) -> Document:
    """The alias with the request's routing; an empty one takes it away."""
    if "RoutingConfig" not in request:
        return alias
    weights = request["RoutingConfig"].get("AdditionalVersionWeights", {})
    plain = {name: value for name, value in alias.items() if name != "RoutingConfig"}
    return {**plain, "RoutingConfig": {"AdditionalVersionWeights": weights}} if weights else plain


def _keep(service: Lambda, created: Created, alias: Document) -> Document:
    for version in targets(alias):
        check_target(created, version)
    if "RoutingConfig" in alias and LATEST in targets(alias):
        refuse(
            "InvalidParameterValueException",
            "$LATEST is not supported for an alias pointing to more than 1 version",
        )
    service.created.put(replace(created, aliases={**created.aliases, alias["Name"]: alias}))
    return alias


OPERATIONS: dict[str, Operation] = {
    "CreateAlias": create_alias,
    "GetAlias": get_alias,
    "UpdateAlias": update_alias,
    "DeleteAlias": delete_alias,
    "ListAliases": list_aliases,
}
