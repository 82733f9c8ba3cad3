"""What the workspace keeps of state machines, their versions and their aliases."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from asl_runner.history.records import Kind

MachineStatus = Literal["ACTIVE", "DELETING"]
"""Source: `StateMachineStatus` in botocore's `stepfunctions` model."""


class MachineRecord(Struct, frozen=True, kw_only=True):
    """A state machine as it is now. Times are seconds since the epoch."""

    arn: str
    name: str
    type: Kind
    status: MachineStatus = "ACTIVE"
    definition: str
    role_arn: str
    settings: dict[str, Any]
    """`loggingConfiguration`, `tracingConfiguration` and `encryptionConfiguration`, with AWS's keys."""
    revision: str | None = None
    """Identifies its definition and role; None until either is first changed."""
    created: float
    updated: float
    last_version: int = 0
    """The number of the version published last; numbers are never used again."""
    asked: dict[str, Any] = {}
    """What the request that created it said besides: `publish` and `versionDescription`."""


class VersionRecord(Struct, frozen=True, kw_only=True):
    """A published version, which never changes."""

    machine: str
    """The ARN of its state machine."""
    number: int
    definition: str
    role_arn: str
    settings: dict[str, Any]
    revision: str | None
    description: str | None = None
    created: float

    @property
    def arn(self) -> str:
        """The version's ARN."""
        return f"{self.machine}:{self.number}"


class Route(Struct, frozen=True):
    """The part, in percent, of an alias's executions that a version gets."""

    version: int
    weight: int


class AliasRecord(Struct, frozen=True, kw_only=True):
    """An alias: a name for one or two versions of a state machine."""

    machine: str
    name: str
    description: str | None = None
    routing: list[Route]
    created: float
    updated: float

    @property
    def arn(self) -> str:
        """The alias's ARN."""
        return f"{self.machine}:{self.name}"
