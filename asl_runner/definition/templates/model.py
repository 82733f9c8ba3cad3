"""What a template deploys, as far as running its state machines needs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct


class Names(Struct, frozen=True):
    """Where a template is thought to be deployed: what its ARNs and pseudo parameters say."""

    region: str = "us-east-1"
    account: str = "123456789012"
    stack: str = "local"


class DeployedFunction(Struct, frozen=True, kw_only=True):
    """A Lambda function: its name, and where its code is."""

    name: str
    path: Path | None = None
    """The folder of its code."""
    source: str | None = None
    """Its code, where that stands in the template itself."""
    handler: str = ""
    runtime: str = ""
    environment: dict[str, str] = {}
    timeout: float | None = None
    memory: int | None = None


class DeployedMachine(Struct, frozen=True, kw_only=True):
    """A state machine."""

    name: str
    definition: Any
    """The document, its placeholders filled in."""
    type: str = "STANDARD"
    functions: tuple[DeployedFunction, ...] = ()
    """The functions of the whole template."""
    beside: Mapping[str, Any] = {}
    """What else the template deploys that this machine can have, as CloudFormation resources by logical id."""
