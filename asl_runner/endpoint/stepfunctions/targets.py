"""What the ARN of a state machine, version or alias stands for."""

from __future__ import annotations

import random
from typing import Any

from msgspec import Struct

from asl_runner.endpoint.stepfunctions.arns import MachineArn, parse_machine_arn
from asl_runner.endpoint.stepfunctions.errors import machine_deleting, no_machine
from asl_runner.history.machine_records import MachineRecord, Route, VersionRecord
from asl_runner.history.machines import Machines
from asl_runner.history.records import Kind


class Target(Struct, frozen=True, kw_only=True):
    """A definition with all that an execution of it needs."""

    arn: str
    """The state machine's own ARN."""
    name: str
    type: Kind
    definition: str
    role_arn: str
    settings: dict[str, Any]
    """`loggingConfiguration`, `tracingConfiguration` and `encryptionConfiguration`, with AWS's keys."""
    revision: str | None
    created: float
    updated: float
    version_arn: str | None = None
    alias_arn: str | None = None


def existing(tables: Machines, arn: str) -> MachineRecord | None:
    """The state machine with this ARN, without version or alias; None too when its deletion has come to its end.

    A state machine is deleted when its last execution has ended; nothing needs to happen then, it is only gone.
    """
    record = tables.machine(arn)
    if record is not None and record.status == "DELETING" and not tables.has_running(arn):
        return None
    return record


def required(tables: Machines, arn: str, named: str | None = None) -> MachineRecord:
    """The same. Raises `ServiceError` StateMachineDoesNotExist, with `named` for the ARN the request had."""
    record = existing(tables, arn)
    if record is None:
        raise no_machine(named or arn)
    return record


def changeable(tables: Machines, arn: str, named: str | None = None) -> MachineRecord:
    """The same. Raises `ServiceError` StateMachineDeleting as well."""
    record = required(tables, arn, named)
    if record.status == "DELETING":
        raise machine_deleting(record.arn)
    return record


def resolve(tables: Machines, text: str) -> Target:
    """What executions started by this ARN run; of an alias a version drawn by its weights.

    Raises `ServiceError` InvalidArn, StateMachineDoesNotExist or StateMachineDeleting.
    """
    arn = parse_machine_arn(text)
    record = changeable(tables, arn.machine, text)
    if not arn.is_qualified:
        return _of_machine(record)
    return _of_version(record, *_chosen(tables, arn))


def _chosen(tables: Machines, arn: MachineArn) -> tuple[VersionRecord, str | None]:
    """The version meant, and the ARN of the alias that led to it."""
    number, alias_arn = arn.version, None
    if arn.alias is not None:
        alias = tables.alias(arn.machine, arn.alias)
        if alias is not None:
            number, alias_arn = draw(alias.routing), alias.arn
    version = None if number is None else tables.version(arn.machine, number)
    if version is None:
        raise no_machine(arn.text)
    return version, alias_arn


def draw(routing: list[Route]) -> int:
    """The number of one of an alias's versions, at random by their weights."""
    return random.choices([route.version for route in routing], [route.weight for route in routing])[0]


def _of_machine(record: MachineRecord) -> Target:
    return Target(
        arn=record.arn,
        name=record.name,
        type=record.type,
        definition=record.definition,
        role_arn=record.role_arn,
        settings=record.settings,
        revision=record.revision,
        created=record.created,
        updated=record.updated,
    )


def _of_version(record: MachineRecord, version: VersionRecord, alias_arn: str | None) -> Target:
    return Target(
        arn=record.arn,
        name=record.name,
        type=record.type,
        definition=version.definition,
        role_arn=version.role_arn,
        settings=version.settings,
        revision=version.revision,
        created=version.created,
        updated=version.created,
        version_arn=version.arn,
        alias_arn=alias_arn,
    )
