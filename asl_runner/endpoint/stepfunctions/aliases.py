"""Aliases of state machine versions: create, update, describe, delete, list (reference section 19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from asl_runner.endpoint.stepfunctions.arns import MachineArn, parse_alias_arn, parse_machine_arn
from asl_runner.endpoint.stepfunctions.errors import conflict, invalid, no_resource
from asl_runner.endpoint.stepfunctions.paging import cut_page, decode_token, page_size
from asl_runner.endpoint.stepfunctions.targets import changeable, required
from asl_runner.history.machine_records import AliasRecord, Route
from asl_runner.history.machines import Machines
from asl_runner.service_model.errors import ServiceError

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions

MAX_ALIASES = 100
"""Aliases of one state machine. Source: Step Functions quotas."""


async def create_state_machine_alias(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """CreateStateMachineAlias. The same request again gets the same answer."""
    machine, routing = _routing(request["routingConfiguration"])
    now = service.now()
    asked = AliasRecord(
        machine=machine,
        name=request["name"],
        description=request.get("description") or None,
        routing=routing,
        created=now,
        updated=now,
    )

    def create(tables: Machines) -> AliasRecord:
        changeable(tables, machine)
        _check_versions(tables, machine, routing)
        known = tables.alias(machine, asked.name)
        if known is not None:
            if (known.routing, known.description) != (asked.routing, asked.description):
                raise conflict(
                    "Failed to create alias because an alias with the same name and a different routing configuration "
                    "already exists."
                )
            return known
        if len(tables.aliases(machine)) >= MAX_ALIASES:
            raise ServiceError(
                "ServiceQuotaExceededException", f"Maximum number of aliases per state machine exceeded: {MAX_ALIASES}"
            )
        tables.put_alias(asked)
        return asked

    alias = await service.change(create)
    return {"stateMachineAliasArn": alias.arn, "creationDate": alias.created}


async def update_state_machine_alias(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """UpdateStateMachineAlias."""
    text = request["stateMachineAliasArn"]
    machine, name = parse_alias_arn(text)
    if "description" not in request and "routingConfiguration" not in request:
        raise invalid("Either description or routingConfiguration must be specified")
    routing = None
    if "routingConfiguration" in request:
        routed, routing = _routing(request["routingConfiguration"])
        if routed != machine:
            raise _not_of_machine(request["routingConfiguration"])
    now = service.now()

    def update(tables: Machines) -> None:
        alias = _alias(tables, machine, name, text)
        if routing is not None:
            _check_versions(tables, machine, routing)
            alias = replace(alias, routing=routing)
        if "description" in request:
            alias = replace(alias, description=request["description"] or None)
        tables.put_alias(replace(alias, updated=now))

    await service.change(update)
    return {"updateDate": now}


async def describe_state_machine_alias(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeStateMachineAlias."""
    text = request["stateMachineAliasArn"]
    machine, name = parse_alias_arn(text)
    alias = service.read(lambda tables: _alias(tables, machine, name, text))
    answer: dict[str, Any] = {
        "stateMachineAliasArn": alias.arn,
        "name": alias.name,
        "routingConfiguration": [
            {"stateMachineVersionArn": f"{machine}:{route.version}", "weight": route.weight} for route in alias.routing
        ],
        "creationDate": alias.created,
        "updateDate": alias.updated,
    }
    if alias.description is not None:
        answer["description"] = alias.description
    return answer


async def delete_state_machine_alias(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """DeleteStateMachineAlias; one that is not there is as good as deleted (recorded)."""
    machine, name = parse_alias_arn(request["stateMachineAliasArn"])
    await service.change(lambda tables: tables.remove_alias(machine, name))
    return {}


async def list_state_machine_aliases(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """ListStateMachineAliases: of a state machine or, by a version's ARN, those that lead to the version."""
    arn = parse_machine_arn(request["stateMachineArn"])
    scope = f"aliases of {arn.text}"
    start = decode_token(scope, request.get("nextToken"))
    size = page_size(request)

    def find(tables: Machines) -> list[AliasRecord]:
        required(tables, arn.machine, arn.text)
        if arn.version is not None and tables.version(arn.machine, arn.version) is None:
            raise no_resource(arn.text)
        return [
            alias
            for alias in tables.aliases(arn.machine)
            if (start is None or (alias.created, alias.name) > (start[0], start[1])) and _leads_to(alias, arn)
        ][: size + 1]

    return cut_page(
        service.read(find), size, scope, lambda alias: (alias.created, alias.name), _listed, "stateMachineAliases"
    )


def _listed(alias: AliasRecord) -> dict[str, Any]:
    return {"stateMachineAliasArn": alias.arn, "creationDate": alias.created}


def _leads_to(alias: AliasRecord, arn: MachineArn) -> bool:
    return arn.version is None or any(route.version == arn.version for route in alias.routing)


def _alias(tables: Machines, machine: str, name: str, text: str) -> AliasRecord:
    alias = tables.alias(machine, name)
    if alias is None:
        raise no_resource(text)
    return alias


def _routing(configuration: list[dict[str, Any]]) -> tuple[str, list[Route]]:
    """The state machine and the routes of a routing configuration. Raises `ServiceError` ValidationException."""
    texts = [route["stateMachineVersionArn"] for route in configuration]
    arns = [parse_machine_arn(text) for text in texts]
    listed = f"Received: [{', '.join(texts)}]"
    if any(arn.version is None for arn in arns):
        raise invalid(f"Routing configuration must contain state machine version ARNs. {listed}")
    if len({arn.text for arn in arns}) < len(arns):
        raise invalid(f"Routing configuration must contain distinct state machine version ARNs. {listed}")
    if len({arn.machine for arn in arns}) > 1:
        raise _not_of_machine(configuration)
    weights = [route["weight"] for route in configuration]
    if sum(weights) != 100:
        raise invalid(f"Sum of routing configuration weights must equal 100. Received: {weights}")
    routes = [Route(arn.version or 0, weight) for arn, weight in zip(arns, weights, strict=True)]
    return arns[0].machine, routes


def _not_of_machine(configuration: list[dict[str, Any]]) -> ServiceError:
    texts = ", ".join(route["stateMachineVersionArn"] for route in configuration)
    return invalid(f"Routing configuration must contain versions of the same state machine. Received: [{texts}]")


def _check_versions(tables: Machines, machine: str, routing: list[Route]) -> None:
    for route in routing:
        if tables.version(machine, route.version) is None:
            raise no_resource(f"{machine}:{route.version}")


OPERATIONS: dict[str, Operation] = {
    "CreateStateMachineAlias": create_state_machine_alias,
    "UpdateStateMachineAlias": update_state_machine_alias,
    "DescribeStateMachineAlias": describe_state_machine_alias,
    "DeleteStateMachineAlias": delete_state_machine_alias,
    "ListStateMachineAliases": list_state_machine_aliases,
}
"""This family's operations, by name in the model."""
