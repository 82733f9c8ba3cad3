"""What the operations of the Step Functions API share: the workspace, its place in AWS, and compiled machines."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from asl_runner.endpoint.stepfunctions.client import OwnClient
from asl_runner.endpoint.stepfunctions.kept import go_on_with_all
from asl_runner.endpoint.stepfunctions.logs import Deliveries, log_of
from asl_runner.endpoint.stepfunctions.redrive import ClientTokens
from asl_runner.endpoint.stepfunctions.targets import Target, resolve
from asl_runner.history.machines import Machines

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.workspace import Workspace

T = TypeVar("T")

FRESH = 0.25
"""Seconds for which what an ARN stands for is not looked up again; what this process changes is seen at once."""

COMPILED = 256
"""Compiled machines kept, the most recently used."""

DEFINITION = "definition.json"
"""What definitions in requests are called; by its ending they are read as JSON and never as YAML."""


class StepFunctions:
    """The service of one workspace, for use from one event loop. Start it before the first request and close it after.

    Closing ends what the service started; the workspace stays its owner's.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.region = workspace.configuration.region
        self.account = workspace.configuration.account
        self.deliveries = Deliveries(self)
        """Of logs."""
        self.redrives = ClientTokens()
        self._compiled: OrderedDict[str, StateMachine] = OrderedDict()
        self._targets: dict[str, tuple[float, Target]] = {}

    async def start(self) -> None:
        """Makes the service ready for requests."""
        self.workspace.local.stepfunctions = OwnClient(self)
        self.workspace.log_of = lambda record: log_of(self, record)

    async def go_on(self) -> None:
        """Has the executions go on whose process is gone."""
        await go_on_with_all(self)

    async def close(self) -> None:
        """Ends what the service started."""
        self.workspace.local.stepfunctions = None
        self.workspace.log_of = lambda record: None
        await asyncio.to_thread(self.deliveries.close)

    def now(self) -> float:
        """The service's time, in seconds since the epoch, with AWS's milliseconds."""
        return round(time.time(), 3)

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a resource of this account, such as `arn("stateMachine", "order")`."""
        return f"arn:aws:states:{self.region}:{self.account}:{kind}:{name}"

    def read(self, work: Callable[[Machines], T]) -> T:
        """What `work` finds in the tables of state machines."""
        return self.workspace.writable.read(lambda connection: work(Machines(connection)))

    async def change(self, work: Callable[[Machines], T]) -> T:
        """Runs `work` inside a transaction; returns once that is committed.

        An exception of `work` undoes its changes and is raised here.
        """
        try:
            return await self.workspace.writable.change(lambda connection: work(Machines(connection)))
        finally:
            self._targets.clear()

    def target(self, arn: str) -> Target:
        """What an execution started by this ARN, of a state machine, version or alias, is to run.

        Raises `ServiceError` InvalidArn, StateMachineDoesNotExist or StateMachineDeleting.
        """
        known = self._targets.get(arn)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        target = self.read(lambda tables: resolve(tables, arn))
        if target.version_arn is None:
            if len(self._targets) >= COMPILED:
                self._targets.clear()
            self._targets[arn] = time.monotonic() + FRESH, target
        return target

    def machine(self, definition: str) -> StateMachine:
        """The compiled machine of a definition, made once and kept.

        Raises `InvalidDefinition` with its diagnostics.
        """
        machine = self._compiled.get(definition)
        if machine is None:
            from asl_runner.definition import load

            machine = load(definition, name=DEFINITION)
            self.keep(definition, machine)
        else:
            self._compiled.move_to_end(definition)
        return machine

    def keep(self, definition: str, machine: StateMachine) -> None:
        """Remembers a definition's compiled machine: it will be asked for soon."""
        self._compiled[definition] = machine
        if len(self._compiled) > COMPILED:
            self._compiled.popitem(last=False)


Operation: TypeAlias = Callable[[StepFunctions, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Answers one operation. Raises `ServiceError` with AWS's code and message when it refuses."""
