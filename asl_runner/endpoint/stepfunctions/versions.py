"""Versions of state machines: publish, list, delete (reference section 19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from asl_runner.endpoint.stepfunctions.arns import parse_machine_arn, parse_version_arn
from asl_runner.endpoint.stepfunctions.errors import conflict, no_machine
from asl_runner.endpoint.stepfunctions.paging import cut_page, decode_token, page_size
from asl_runner.endpoint.stepfunctions.targets import changeable, existing
from asl_runner.history.machine_records import MachineRecord, VersionRecord
from asl_runner.history.machines import Machines
from asl_runner.service_model.errors import ServiceError

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions

MAX_VERSIONS = 1000
"""Versions of one state machine. Source: Step Functions quotas."""

INITIAL = "INITIAL"
"""What the revision is called that has no identifier yet."""


def publish(tables: Machines, record: MachineRecord, description: str | None, now: float) -> VersionRecord:
    """The version of the state machine's current revision, made unless there is one.

    Raises `ServiceError` ServiceQuotaExceededException.
    """
    version = tables.version_of(record.arn, record.revision)
    if version is not None:
        return version
    if len(tables.versions(record.arn, None, MAX_VERSIONS)) == MAX_VERSIONS:
        raise ServiceError(
            "ServiceQuotaExceededException", f"Maximum number of versions per state machine exceeded: {MAX_VERSIONS}"
        )
    version = VersionRecord(
        machine=record.arn,
        number=record.last_version + 1,
        definition=record.definition,
        role_arn=record.role_arn,
        settings=record.settings,
        revision=record.revision,
        description=description or None,
        created=now,
    )
    tables.put_version(version)
    tables.put_machine(replace(record, last_version=version.number))
    return version


async def publish_state_machine_version(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """PublishStateMachineVersion. A revision that has a version gets no second one."""
    arn = parse_machine_arn(request["stateMachineArn"])
    wanted = request.get("revisionId")

    def change(tables: Machines) -> VersionRecord:
        if arn.is_qualified:
            raise no_machine(arn.text)
        record = changeable(tables, arn.machine)
        current = record.revision or INITIAL
        if wanted and wanted != current:
            raise conflict(
                f"Failed to publish the State Machine version for revision {wanted}. "
                f"The current State Machine revision is {current}."
            )
        return publish(tables, record, request.get("description"), service.now())

    version = await service.change(change)
    return {"creationDate": version.created, "stateMachineVersionArn": version.arn}


async def list_state_machine_versions(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """ListStateMachineVersions, newest first; none for a state machine that is not there."""
    arn = parse_machine_arn(request["stateMachineArn"]).machine
    scope = f"versions of {arn}"
    below = decode_token(scope, request.get("nextToken"))
    size = page_size(request)

    def find(tables: Machines) -> list[VersionRecord]:
        return [] if existing(tables, arn) is None else tables.versions(arn, below, size + 1)

    return cut_page(service.read(find), size, scope, lambda version: version.number, _listed, "stateMachineVersions")


def _listed(version: VersionRecord) -> dict[str, Any]:
    return {"stateMachineVersionArn": version.arn, "creationDate": version.created}


async def delete_state_machine_version(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """DeleteStateMachineVersion; one that is not there is as good as deleted."""
    arn = parse_version_arn(request["stateMachineVersionArn"])
    number = arn.version or 0

    def delete(tables: Machines) -> None:
        referring = [
            alias.name
            for alias in tables.aliases(arn.machine)
            if any(route.version == number for route in alias.routing)
        ]
        if referring:
            raise conflict(
                "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this "
                f"version: [{', '.join(referring)}]"
            )
        tables.remove_version(arn.machine, number)

    await service.change(delete)
    return {}


OPERATIONS: dict[str, Operation] = {
    "PublishStateMachineVersion": publish_state_machine_version,
    "ListStateMachineVersions": list_state_machine_versions,
    "DeleteStateMachineVersion": delete_state_machine_version,
}
"""This family's operations, by name in the model."""
