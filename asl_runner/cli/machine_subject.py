"""A state machine as `asl-runner run` runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asl_runner.definition.model import StateMachine
from asl_runner.definition.names import machine_name
from asl_runner.expressions.environment import Json
from asl_runner.history.records import ExecutionExists

if TYPE_CHECKING:
    from asl_runner.cli.request import How
    from asl_runner.configuration import Configuration
    from asl_runner.history.events import Event
    from asl_runner.history.records import ExecutionRecord
    from asl_runner.workspace import Workspace
    from asl_runner.workspace.running import RunningExecution


class MachineSubject:
    """A state machine with its input."""

    past: Sequence[Event] = ()
    origin: Mapping[str, Any] = {}

    def __init__(self, machine: StateMachine, input: Json, file: str, name: str | None) -> None:
        self.name, self.machine, self.file = machine_name(file), machine, file
        self.beside: Mapping[str, Any] = {}
        self._input, self._execution_name = input, name

    async def start(self, workspace: Workspace, how: How) -> RunningExecution:
        """Starts it in a workspace. Raises as `Workspace.start` does."""
        try:
            return await workspace.start(
                self.machine,
                self._input,
                machine_name=self.name,
                name=self._execution_name,
                clock=how.clock,
                observers=how.observers,
                mocks=how.mocks,
                run_with=how.run_with,
            )
        except ExecutionExists as taken:
            raise ExecutionExists(f"{taken}. Choose another --name, or none for a new one.") from None

    def configured(self, configuration: Configuration, directory: Path) -> Configuration:
        """As it is."""
        return configuration

    def document(self, workspace: Workspace, record: ExecutionRecord) -> dict[str, Any] | None:
        """None: what is printed is the execution."""
        return None
