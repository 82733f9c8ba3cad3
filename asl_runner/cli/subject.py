"""What `asl-runner run` and `redrive` run: a state machine, or a SageMaker pipeline as the state machine it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from asl_runner.cli.inputs import read_input, read_untemplated
from asl_runner.cli.machine_subject import MachineSubject
from asl_runner.definition import InvalidDefinition, check_read
from asl_runner.definition.model import StateMachine
from asl_runner.definition.pipelines import is_pipeline
from asl_runner.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from asl_runner.cli.request import How, Request
    from asl_runner.configuration import Configuration
    from asl_runner.history.events import Event
    from asl_runner.history.records import ExecutionRecord
    from asl_runner.workspace import Workspace
    from asl_runner.workspace.running import RunningExecution


class Subject(Protocol):
    """Something to run, once."""

    name: str
    machine: StateMachine
    file: str
    """Where its definition was read; "" where that is kept with the execution."""
    origin: Mapping[str, Any]
    """What whoever resumes it must know to have the functions of the template it is from; empty if it is from none."""
    beside: Mapping[str, Any]
    """What has to be there before it starts, as CloudFormation resources by logical id."""
    past: Sequence[Event]
    """What has happened in the execution before."""

    async def start(self, workspace: Workspace, how: How) -> RunningExecution:
        """Starts it in a workspace. Raises as `Workspace.start` does."""

    def configured(self, configuration: Configuration, directory: Path) -> Configuration:
        """The configuration to run it with; `directory` is the workspace's."""

    def document(self, workspace: Workspace, record: ExecutionRecord) -> dict[str, Any] | None:
        """What is printed of it at its end; None for the execution's output."""


def read_subject(request: Request) -> Subject:
    """What the command's arguments name. Raises `UsageError`, `InvalidDefinition`."""
    document = read_untemplated(request.file)
    if document is None:
        from asl_runner.cli.templates import template_subject

        return template_subject(request)
    if is_pipeline(document.value):
        if request.input is not None:
            raise UsageError("A pipeline takes parameters, not an input: write -p NAME=VALUE for each.")
        from asl_runner.cli.pipelines import PipelineSubject

        return PipelineSubject(document, request.file, request.name, request.parameters, request.steps)
    if request.parameters or request.steps or request.machine:
        raise UsageError(
            f"-p, --machine and --step are for templates and SageMaker pipelines; {request.file} is neither."
        )
    machine, diagnostics = check_read(document, warnings=False)
    if machine is None:
        raise InvalidDefinition(diagnostics, document.name)
    return MachineSubject(machine, read_input(request.input), request.file, request.name)
