"""ARNs of Step Functions: their parts, and AWS's refusals of wrong ones (reference section 16)."""

from __future__ import annotations

from msgspec import Struct

from asl_runner.endpoint.stepfunctions.errors import invalid_arn


class Arn(Struct, frozen=True):
    """`arn:PARTITION:states:REGION:ACCOUNT:KIND:REST`; `rest` is split at its colons."""

    text: str
    region: str
    account: str
    kind: str
    rest: tuple[str, ...]


class MachineArn(Struct, frozen=True):
    """What the ARN of a state machine names: it, one of its versions or aliases, or a distributed Map inside it."""

    text: str
    machine: str
    """The ARN without version, alias and label."""
    name: str
    version: int | None = None
    alias: str | None = None
    label: str | None = None

    @property
    def is_qualified(self) -> bool:
        """Whether it names something of a state machine rather than the state machine."""
        return self.machine != self.text


def parse_arn(text: str, *kinds: str) -> Arn:
    """The parts of an ARN of one of `kinds`, such as `execution`. Raises `ServiceError` InvalidArn."""
    parts = text.split(":")
    if len(parts) < 7 or parts[0] != "arn" or not parts[1].startswith("aws") or parts[2] != "states":
        raise invalid_arn(f"Invalid ARN prefix: {text}")
    if parts[5] not in kinds:
        raise invalid_arn(f"Resource type not valid in this context: {parts[5]}")
    if not all(parts[6:]):
        raise invalid_arn(f"Invalid ARN: {text}")
    return Arn(text, parts[3], parts[4], parts[5], tuple(parts[6:]))


def parse_machine_arn(text: str) -> MachineArn:
    """The parts of a state machine's ARN. Raises `ServiceError` InvalidArn."""
    arn = parse_arn(text, "stateMachine")
    if len(arn.rest) > 2:
        raise invalid_arn(f"Invalid ARN: {text}")
    named, qualifier = arn.rest[0], arn.rest[1] if len(arn.rest) == 2 else None
    name, _, label = named.partition("/")
    machine = ":".join([*text.split(":")[:6], name])
    if qualifier is not None and qualifier.isascii() and qualifier.isdigit():
        return MachineArn(text, machine, name, version=int(qualifier))
    return MachineArn(text, machine, name, alias=qualifier, label=label or None)


def parse_version_arn(text: str) -> MachineArn:
    """The parts of the ARN of a state machine version. Raises `ServiceError` InvalidArn for any other."""
    arn = parse_machine_arn(text)
    if arn.version is None:
        raise invalid_arn(f"Invalid state machine version ARN: {text}")
    return arn


def parse_alias_arn(text: str) -> tuple[str, str]:
    """The ARN of the state machine and the name of the alias. Raises `ServiceError` InvalidArn for any other."""
    arn = parse_machine_arn(text)
    if arn.alias is None:
        raise invalid_arn(f"Invalid state machine alias ARN: {text}")
    return arn.machine, arn.alias
