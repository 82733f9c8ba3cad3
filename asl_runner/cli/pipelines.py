"""A SageMaker pipeline as `asl-runner run` runs it: kept under its file's name, shown as the API shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from asl_runner.cli.options import assignments
from asl_runner.definition.names import machine_name
from asl_runner.history.records import ExecutionExists
from asl_runner.sagemaker.pipelines import read
from asl_runner.workspace.pipelines.planning import checked_id, pipeline_name, plan

if TYPE_CHECKING:
    from pathlib import Path

    from asl_runner.cli.request import How
    from asl_runner.configuration import Configuration
    from asl_runner.definition import Document
    from asl_runner.history.events import Event
    from asl_runner.history.records import ExecutionRecord
    from asl_runner.workspace import Workspace
    from asl_runner.workspace.pipelines.records import PipelineExecution
    from asl_runner.workspace.pipelines.service import Pipelines
    from asl_runner.workspace.running import RunningExecution

_TIMES = ("StartTime", "EndTime")


class PipelineSubject:
    """A pipeline with its parameters."""

    past: Sequence[Event] = ()
    origin: Mapping[str, Any] = {}

    def __init__(
        self, document: Document, file: str, id: str | None, parameters: Sequence[str], steps: Sequence[str]
    ) -> None:
        """`parameters` are texts `NAME=VALUE`; `steps` those of a selective execution."""
        pipeline = read(document, only=steps)
        given = assignments(parameters, "-p", [parameter.name for parameter in pipeline.parameters])
        self.name, self.file = pipeline_name(machine_name(file)), file
        self._plan = plan(pipeline, given, steps)
        self.machine = self._plan.machine
        self.beside: Mapping[str, Any] = {}
        self._id = None if id is None else checked_id(id)
        self._execution: PipelineExecution | None = None

    async def start(self, workspace: Workspace, how: How) -> RunningExecution:
        """Starts it in a workspace. Raises as `Pipelines.start` does."""
        pipelines = workspace.pipelines
        if self._id is not None and pipelines.records.execution(self.name, self._id) is not None:
            raise ExecutionExists(
                f"The pipeline {self.name} has an execution {self._id} already. Choose another --name."
            )
        pipelines.keep(self.name, self._plan.pipeline.text)
        self._execution, running = await pipelines.start(
            self.name,
            self._plan,
            execution=None if self._id is None else {"id": self._id},
            clock=how.clock,
            observers=how.observers,
            mocks=how.mocks,
            run_with=how.run_with,
        )
        return running

    def configured(self, configuration: Configuration, directory: Path) -> Configuration:
        """As it is."""
        return configuration

    def document(self, workspace: Workspace, record: ExecutionRecord) -> dict[str, Any] | None:
        """The execution and its steps as the API of SageMaker shows them."""
        return None if self._execution is None else pipeline_document(workspace.pipelines, self._execution)


def pipeline_document(pipelines: Pipelines, execution: PipelineExecution) -> dict[str, Any]:
    """An execution of a pipeline as it is now, and its steps, as the API of SageMaker shows them."""
    execution = pipelines.find(pipelines.arn(execution.pipeline, execution.id))
    reason = pipelines.failure_reason(execution)
    return {
        "PipelineExecutionArn": pipelines.arn(execution.pipeline, execution.id),
        "PipelineExecutionStatus": pipelines.status(execution),
        **({"FailureReason": reason} if reason else {}),
        "PipelineExecutionSteps": [_dated(step) for step in pipelines.steps(execution)],
    }


def _dated(step: dict[str, Any]) -> dict[str, Any]:
    times = {name: datetime.fromtimestamp(step[name], UTC) for name in _TIMES if step.get(name) is not None}
    return {**step, **times}
