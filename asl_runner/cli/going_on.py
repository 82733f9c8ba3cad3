"""What `redrive` and `resume` have in common: an execution that was begun before, and goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asl_runner.cli.subject import Subject, read_subject
from asl_runner.errors import UsageError

if TYPE_CHECKING:
    from asl_runner.cli.request import Running
    from asl_runner.configuration import Configuration
    from asl_runner.definition.model import StateMachine
    from asl_runner.history.events import Event
    from asl_runner.history.records import ExecutionRecord
    from asl_runner.workspace import Workspace
    from asl_runner.workspace.pipelines.records import PipelineExecution


def of_template(request: Running, known: Mapping[str, Any]) -> Subject:
    """The state machine of the template it was run from, for its functions; `known` is how it was run."""
    if not Path(known["template"]).exists():
        raise UsageError(f"The template it was run from is gone: {known['template']}.")
    return read_subject(request.reading(known["template"], known["parameters"], known["machine"]))


class GoingOn:
    """An execution that goes on; how is said by who derives from this."""

    def __init__(
        self, workspace: Workspace, record: ExecutionRecord, machine: StateMachine, given: Subject | None
    ) -> None:
        """`given` is what has the functions: a new definition, or the template it was run from."""
        self.name, self.machine = record.machine_name, machine
        self.past: Sequence[Event] = list(workspace.store.events(record.arn))
        self.file = "" if given is None else given.file
        self.origin: Mapping[str, Any] = {} if given is None else given.origin
        self.beside: Mapping[str, Any] = {} if given is None else given.beside
        self._record, self._given = record, given
        self._pipeline: PipelineExecution | None = None
        if (workspace.directory / "pipelines").is_dir():
            self._pipeline = workspace.pipelines.of(record)

    def configured(self, configuration: Configuration, directory: Path) -> Configuration:
        """With the functions of the template, if they are of one."""
        return configuration if self._given is None else self._given.configured(configuration, directory)

    def document(self, workspace: Workspace, record: ExecutionRecord) -> dict[str, Any] | None:
        """The pipeline's execution, if it is of one."""
        if self._pipeline is None:
            return None
        from asl_runner.cli.pipelines import pipeline_document

        return pipeline_document(workspace.pipelines, self._pipeline)
