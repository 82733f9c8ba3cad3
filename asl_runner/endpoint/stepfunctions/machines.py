"""State machines: create, update, describe, delete, list."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from asl_runner.definition.names import first_forbidden, map_label
from asl_runner.definition.scopes import PROCESSORS, scopes
from asl_runner.endpoint.stepfunctions.arns import parse_machine_arn
from asl_runner.endpoint.stepfunctions.definitions import check_definition
from asl_runner.endpoint.stepfunctions.errors import invalid, invalid_name, no_machine
from asl_runner.endpoint.stepfunctions.paging import cut_page, decode_token, page_size
from asl_runner.endpoint.stepfunctions.settings import DEFAULTS, check_role, checked_settings
from asl_runner.endpoint.stepfunctions.tags import checked_tags
from asl_runner.endpoint.stepfunctions.targets import changeable, existing, required
from asl_runner.endpoint.stepfunctions.variables import variable_references
from asl_runner.endpoint.stepfunctions.versions import publish
from asl_runner.history.machine_records import MachineRecord, VersionRecord
from asl_runner.history.machines import Machines
from asl_runner.service_model.errors import ServiceError

if TYPE_CHECKING:
    from asl_runner.definition import StateMachine
    from asl_runner.endpoint.stepfunctions.arns import MachineArn
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions

_LONG = 1 << 16
"""Characters of a definition that take long to check."""

_CHANGES = ("definition", "roleArn", *DEFAULTS)
"""What UpdateStateMachine can change."""


async def create_state_machine(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """CreateStateMachine. The same request again gets the same answer, whatever its role and tags."""
    name, definition = request["name"], request["definition"]
    if first_forbidden(name) is not None:
        raise invalid_name(name)
    _check_description(request)
    check_role(request["roleArn"])
    type = request.get("type", "STANDARD")
    service.keep(definition, await _compiled(definition, type))
    settings = await checked_settings(service, request, DEFAULTS)
    tags = checked_tags(request.get("tags", []))
    now = service.now()
    asked = MachineRecord(
        arn=service.arn("stateMachine", name),
        name=name,
        type=type,
        definition=definition,
        role_arn=request["roleArn"],
        settings=settings,
        created=now,
        updated=now,
        asked={key: request[key] for key in ("publish", "versionDescription") if request.get(key)},
    )

    def create(tables: Machines) -> dict[str, Any]:
        record = existing(tables, asked.arn)
        if record is None:
            tables.remove_machine(asked.arn)
            tables.put_machine(asked)
            tables.put_tags(asked.arn, tags)
            record = asked
        elif not _is_same(changeable(tables, asked.arn), asked):
            raise ServiceError("StateMachineAlreadyExists", f"State Machine Already Exists: '{asked.arn}'")
        answer: dict[str, Any] = {"stateMachineArn": record.arn, "creationDate": record.created}
        if request.get("publish"):
            answer["stateMachineVersionArn"] = publish(tables, record, request.get("versionDescription"), now).arn
        return answer

    return await service.change(create)


async def _compiled(definition: str, type: str) -> StateMachine:
    """The machine of a definition, a long one compiled in a thread."""
    if len(definition) < _LONG:
        return check_definition(definition, type)
    return await asyncio.to_thread(check_definition, definition, type)


def _is_same(record: MachineRecord, asked: MachineRecord) -> bool:
    """Source: CreateStateMachine, which says what its idempotency rests on."""
    return (
        record.definition == asked.definition
        and record.type == asked.type
        and record.settings == asked.settings
        and record.asked == asked.asked
    )


def _check_description(request: dict[str, Any]) -> None:
    if request.get("versionDescription") and not request.get("publish"):
        raise invalid("Version description can only be set when publish is true")


async def update_state_machine(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """UpdateStateMachine. A new revision begins where the definition or the role becomes another one."""
    arn = _unqualified(request["stateMachineArn"])
    if not any(key in request for key in _CHANGES):
        raise ServiceError(
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
            "specified",
        )
    _check_description(request)
    if "roleArn" in request:
        check_role(request["roleArn"])
    known = service.read(lambda tables: changeable(tables, arn))
    if "definition" in request:
        service.keep(request["definition"], await _compiled(request["definition"], known.type))
    settings = await checked_settings(service, request, {})
    now = service.now()

    def update(tables: Machines) -> dict[str, Any]:
        record = changeable(tables, arn)
        changed = replace(
            record,
            definition=request.get("definition", record.definition),
            role_arn=request.get("roleArn", record.role_arn),
            settings={**record.settings, **settings},
            updated=now,
        )
        if (changed.definition, changed.role_arn) != (record.definition, record.role_arn):
            changed = replace(changed, revision=str(uuid.uuid4()))
        tables.put_machine(changed)
        answer: dict[str, Any] = {"updateDate": now}
        if changed.revision is not None:
            answer["revisionId"] = changed.revision
        if request.get("publish"):
            answer["stateMachineVersionArn"] = publish(tables, changed, request.get("versionDescription"), now).arn
        return answer

    return await service.change(update)


async def describe_state_machine(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeStateMachine: of a state machine, a version, an alias (its first version) or a distributed Map in one."""
    arn = parse_machine_arn(request["stateMachineArn"])
    record, version = service.read(lambda tables: _found(tables, arn))
    shown: MachineRecord | VersionRecord = version or record
    definition = shown.definition if arn.label is None else _labelled(shown.definition, arn)
    answer: dict[str, Any] = {
        "stateMachineArn": arn.text if version is None else version.arn,
        "name": record.name,
        "status": record.status,
        "definition": definition,
        "roleArn": shown.role_arn,
        "type": record.type,
        "creationDate": shown.created,
        **shown.settings,
    }
    references = variable_references(definition)
    if request.get("includedData") == "METADATA_ONLY":
        answer["definition"], references = "{}", {}
    optional = {
        "label": arn.label,
        "revisionId": shown.revision,
        "description": None if version is None else version.description,
        "variableReferences": references,
    }
    return answer | {key: value for key, value in optional.items() if value}


def _found(tables: Machines, arn: MachineArn) -> tuple[MachineRecord, VersionRecord | None]:
    record = required(tables, arn.machine, arn.text)
    number = arn.version
    if arn.alias is not None:
        alias = tables.alias(arn.machine, arn.alias)
        if alias is None:
            raise no_machine(arn.text)
        number = alias.routing[0].version
    if number is None:
        return record, None
    version = tables.version(arn.machine, number)
    if version is None:
        raise no_machine(arn.text)
    return record, version


def _labelled(definition: str, arn: MachineArn) -> str:
    """What the children of a distributed Map run."""
    for scope in scopes(msgspec.json.decode(definition)):
        for name, state in scope.states.items():
            if state.get("Type") == "Map" and arn.label == map_label(name, state.get("Label"), arn.machine):
                processor = next(state[key] for key in PROCESSORS if key in state)
                return msgspec.json.encode({k: v for k, v in processor.items() if k != "ProcessorConfig"}).decode()
    raise no_machine(arn.text)


async def delete_state_machine(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """DeleteStateMachine: at once, or when its executions have ended; one that is not there is as good as deleted."""
    arn = _unqualified(request["stateMachineArn"])

    def delete(tables: Machines) -> None:
        record = tables.machine(arn)
        if record is not None and tables.has_running(arn):
            tables.put_machine(replace(record, status="DELETING"))
        else:
            tables.remove_machine(arn)

    await service.change(delete)
    return {}


def _unqualified(text: str) -> str:
    arn = parse_machine_arn(text)
    if arn.is_qualified:
        raise invalid(f"The ARN of a state machine without version, alias or label is expected. Received: {text}")
    return arn.machine


async def list_state_machines(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """ListStateMachines, in the order they were created."""
    scope = "state machines"
    after = decode_token(scope, request.get("nextToken"))
    size = page_size(request)

    found = service.read(lambda tables: tables.machines(None if after is None else (after[0], after[1]), size + 1))
    return cut_page(found, size, scope, lambda record: (record.created, record.arn), _listed, "stateMachines")


def _listed(record: MachineRecord) -> dict[str, Any]:
    return {
        "stateMachineArn": record.arn,
        "name": record.name,
        "type": record.type,
        "creationDate": record.created,
    }


OPERATIONS: dict[str, Operation] = {
    "CreateStateMachine": create_state_machine,
    "UpdateStateMachine": update_state_machine,
    "DescribeStateMachine": describe_state_machine,
    "DeleteStateMachine": delete_state_machine,
    "ListStateMachines": list_state_machines,
}
"""This family's operations, by name in the model."""
