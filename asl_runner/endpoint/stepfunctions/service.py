"""What the operations of the Step Functions API share: the workspace, its place in AWS, and compiled machines."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.workspace import Workspace

COMPILED = 256
"""Compiled machines kept, the most recently used."""


class StepFunctions:
    """The service of one workspace, for use from one event loop. Start it before the first request and close it after.

    Closing ends what the service started; the workspace stays its owner's.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.region = workspace.configuration.region
        self.account = workspace.configuration.account
        self._compiled: OrderedDict[bytes, StateMachine] = OrderedDict()

    async def start(self) -> None:
        """Makes the service ready for requests."""

    async def close(self) -> None:
        """Ends what the service started."""

    def now(self) -> float:
        """The service's time, in seconds since the epoch, with AWS's milliseconds."""
        return round(time.time(), 3)

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a resource of this account, such as `arn("stateMachine", "order")`."""
        return f"arn:aws:states:{self.region}:{self.account}:{kind}:{name}"

    def machine(self, definition: str) -> StateMachine:
        """The compiled machine of a definition, made once and kept.

        Raises `InvalidDefinition` with its diagnostics.
        """
        digest = hashlib.sha256(definition.encode()).digest()
        machine = self._compiled.get(digest)
        if machine is None:
            from asl_runner.definition import load

            machine = self._compiled[digest] = load(definition)
            if len(self._compiled) > COMPILED:
                self._compiled.popitem(last=False)
        else:
            self._compiled.move_to_end(digest)
        return machine


Operation: TypeAlias = Callable[[StepFunctions, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Answers one operation. Raises `ServiceError` with AWS's code and message when it refuses."""
