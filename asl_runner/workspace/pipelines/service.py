"""The pipelines of a workspace: kept, started, looked at, stopped, gone on with.

An execution of a pipeline is an execution of the state machine its definition becomes, named like the pipeline; what
its steps did is read from that one's history.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from asl_runner.errors import NotFound, UsageError
from asl_runner.sagemaker.pipelines import Pipeline, read
from asl_runner.sagemaker.pipelines.step_views import properties, step_views
from asl_runner.workspace.pipelines.callbacks import Callbacks, Queues
from asl_runner.workspace.pipelines.planning import Plan, new_id, reused
from asl_runner.workspace.pipelines.records import PipelineExecution, PipelineRecord, PipelineRecords
from asl_runner.workspace.pipelines.tasks import PipelineTasks

if TYPE_CHECKING:
    from asl_runner.history.records import ExecutionRecord
    from asl_runner.interpreter.ports import Clock, Tasks
    from asl_runner.resources.mocks.tasks import Mocks
    from asl_runner.workspace.running import Around, Observer, RunningExecution
    from asl_runner.workspace.workspace import Workspace

_MACHINE_NAME_LIMIT = 80
_NOTHING: Mapping[str, Any] = {}
_STATUSES = {"RUNNING": "Executing", "SUCCEEDED": "Succeeded", "ABORTED": "Stopped"}
STEP_FAILURE = "Step failure: One or multiple steps failed."
"""Source: reference section 8.3."""


class PipelineConflict(UsageError):
    """What is asked does not go with how the pipeline or its execution stands."""


class Pipelines:
    """The pipelines of one workspace, for use from one event loop."""

    def __init__(self, workspace: Workspace) -> None:
        self.records = PipelineRecords(workspace.directory / "pipelines")
        self.callbacks = Callbacks()
        self._workspace = workspace

    def arn(self, pipeline: str, execution: str | None = None) -> str:
        """The ARN of a pipeline, or of one of its executions."""
        configuration = self._workspace.configuration
        arn = f"arn:aws:sagemaker:{configuration.region}:{configuration.account}:pipeline/{pipeline}"
        return arn if execution is None else f"{arn}/execution/{execution}"

    def keep(self, name: str, definition: str) -> PipelineRecord:
        """Makes a pipeline, or gives it a new definition."""
        now = time.time()
        known = self.records.pipeline(name)
        if known is None:
            known = PipelineRecord(name=name, definition=definition, created=now, modified=now)
        elif known.definition != definition:
            known = replace(known, definition=definition, modified=now)
        self.records.keep_pipeline(known)
        return known

    async def start(
        self,
        name: str,
        plan: Plan,
        *,
        execution: Mapping[str, Any] | None = None,
        source: PipelineExecution | None = None,
        clock: Clock | Literal["real", "virtual"] = "real",
        observers: Sequence[Observer] = (),
        mocks: Mocks | None = None,
        check: bool = True,
        run_with: Mapping[str, Any] = _NOTHING,
    ) -> tuple[PipelineExecution, RunningExecution]:
        """Starts an execution of the pipeline `name`.

        `execution` are members of its record: `id`, `display_name`, `parallelism` and so on. `source` is what a
        selective one takes the rest from, by default the newest. `check` as in `Workspace.start`, which this raises
        like; `UsageError` also for a selective execution that lacks steps.
        """
        given = {"id": new_id(), **(execution or {})}
        taken, source_arn = self._reused(name, plan, source)
        now = time.time()
        machine_name = name[:_MACHINE_NAME_LIMIT]
        configuration = self._workspace.configuration
        record = PipelineExecution(
            pipeline=name,
            definition=plan.pipeline.text,
            parameters=plan.parameters,
            execution_arn=f"arn:aws:states:{configuration.region}:{configuration.account}:execution:"
            f"{machine_name}:{given['id']}",
            created=now,
            selected=plan.only,
            source=source_arn,
            reused=tuple(taken),
            **given,
        )
        input = {"Parameters": plan.parameters, "Execution": self._variables(record), "Steps": taken}
        self.records.keep_execution(record)
        try:
            running = await self._workspace.start(
                plan.machine,
                input,
                machine_name=machine_name,
                name=record.id,
                clock=clock,
                observers=observers,
                mocks=mocks,
                run_with=run_with,
                around=lambda tasks: self._tasks(tasks, plan.pipeline, record),
                check=check,
            )
        except BaseException:
            self.records.forget_execution(record)
            raise
        known = self.records.pipeline(name)
        if known is not None:
            self.records.keep_pipeline(replace(known, last_run=now))
        return record, running

    def pipeline(self, execution: PipelineExecution) -> Pipeline:
        """The definition an execution runs."""
        return read(execution.definition, only=execution.selected)

    def find(self, arn: str) -> PipelineExecution:
        """The execution of an ARN. Raises `NotFound`."""
        head, _, id = arn.rpartition("/execution/")
        name = head.rpartition("/")[2]
        found = self.records.execution(name, id) if name and id and "/" not in id else None
        if found is None or self.arn(name, id) != arn:
            raise NotFound(f"Pipeline execution with ARN {arn} does not exist.")
        return found

    def machine_execution(self, execution: PipelineExecution) -> ExecutionRecord:
        """The execution of the state machine. Raises `NotFound`."""
        return self._workspace.find(execution.execution_arn)

    def status(self, execution: PipelineExecution) -> str:
        """`PipelineExecutionStatus`."""
        found = self.machine_execution(execution)
        stopping = execution.stop_asked or found.stop_asked is not None
        return "Stopping" if found.status == "RUNNING" and stopping else _STATUSES.get(found.status, "Failed")

    def failure_reason(self, execution: PipelineExecution) -> str | None:
        """Why it failed; None when it did not."""
        if self.status(execution) != "Failed":
            return None
        found = self.machine_execution(execution)
        failed = any(step["StepStatus"] == "Failed" for step in self.steps(execution))
        return STEP_FAILURE if failed else (found.cause or found.error)

    def steps(self, execution: PipelineExecution) -> list[dict[str, Any]]:
        """The steps that have started, newest first, as `ListPipelineExecutionSteps` shows them; times in seconds."""
        events = self._workspace.store.events(execution.execution_arn)
        stopping = self.status(execution) == "Stopping"
        views = step_views(self.pipeline(execution), events, stopping=stopping)
        for view in views:
            if view["StepName"] in execution.cache_hits:
                source = execution.cache_hits[view["StepName"]]
                view["CacheHitResult"] = {"SourcePipelineExecutionArn": source}
        return views

    def stop(self, execution: PipelineExecution) -> None:
        """Asks it to stop; returns at once. Raises `PipelineConflict` when it has ended."""
        found = self.machine_execution(execution)
        if found.status != "RUNNING":
            raise PipelineConflict(f"The execution has ended: its status is {self.status(execution)}.")
        self.records.keep_execution(replace(execution, stop_asked=True))
        running = self._workspace.running(found.arn)
        if running is not None:
            running.stop(cause="StopPipelineExecution was called.")
        else:
            self._workspace.stop(found)

    async def retry(self, execution: PipelineExecution) -> RunningExecution:
        """Goes on with one that failed or was stopped at the steps that did not succeed.

        Raises `PipelineConflict` for any other.
        """
        import msgspec

        from asl_runner.definition import load

        found = self.machine_execution(execution)
        status = self.status(execution)
        if status not in ("Failed", "Stopped"):
            raise PipelineConflict(f"Only an execution that failed or was stopped can be retried; this is {status}.")
        running = await self._workspace.redrive(
            load(found.definition),
            msgspec.json.decode(found.input),
            found,
            at=time.time(),
            around=self.again(execution),
            run_with=_NOTHING,
        )
        if running is None:
            raise PipelineConflict("The execution is under way again already.")
        return running

    def again(self, execution: PipelineExecution) -> Around:
        """What answers the tasks of an execution that goes on; from now on no stop is asked of it."""
        again = replace(execution, stop_asked=False)
        self.records.keep_execution(again)
        pipeline = self.pipeline(execution)
        return lambda tasks: self._tasks(tasks, pipeline, again)

    def of(self, record: ExecutionRecord) -> PipelineExecution | None:
        """The execution of a pipeline that an execution of a state machine is; None for any other."""
        for pipeline in self.records.pipelines():
            if pipeline.name[:_MACHINE_NAME_LIMIT] == record.machine_name:
                found = self.records.execution(pipeline.name, record.name)
                if found is not None and found.execution_arn == record.arn:
                    return found
        return None

    def delete(self, name: str) -> None:
        """Removes a pipeline and what is known of its executions. Raises `PipelineConflict` while one runs."""
        for execution in self.records.executions(name):
            with suppress(NotFound):
                if self.machine_execution(execution).status == "RUNNING":
                    raise PipelineConflict(f"The pipeline {name} has an execution that runs: {execution.id}.")
        self.records.delete(name)

    def _reused(self, name: str, plan: Plan, source: PipelineExecution | None) -> tuple[dict[str, Any], str | None]:
        """The properties of steps that are not run again, and where they are from."""
        if not plan.only:
            return {}, None
        if source is None:
            source = next(iter(self.records.executions(name)), None)
        if source is None:
            return reused(plan, {}, "any execution: there is none yet"), None
        arn = self.arn(name, source.id)
        events = self._workspace.store.events(source.execution_arn)
        return reused(plan, properties(self.pipeline(source), events), arn), arn

    def _variables(self, execution: PipelineExecution) -> dict[str, str]:
        from asl_runner.interpreter.context import iso_time

        return {
            "PipelineName": execution.pipeline,
            "PipelineArn": self.arn(execution.pipeline),
            "PipelineExecutionId": execution.id,
            "PipelineExecutionArn": self.arn(execution.pipeline, execution.id),
            "StartDateTime": iso_time(execution.created),
        }

    def _tasks(self, tasks: Tasks, pipeline: Pipeline, execution: PipelineExecution) -> Tasks:
        known = self.records.pipeline(execution.pipeline)
        return PipelineTasks(
            tasks,
            pipeline,
            self.records,
            name=execution.pipeline,
            arn=self.arn(execution.pipeline, execution.id),
            parallelism=execution.parallelism or (None if known is None else known.parallelism),
            now=time.time,
            hit=lambda step, source: self._hit(execution, step, source),
            callbacks=self.callbacks,
            queues=Queues(lambda: self._workspace.local.clients.client("sqs")),
        )

    def _hit(self, execution: PipelineExecution, step: str, source: str) -> None:
        kept = self.records.execution(execution.pipeline, execution.id)
        if kept is not None:
            self.records.keep_execution(replace(kept, cache_hits={**kept.cache_hits, step: source}))


def selected_names(config: Mapping[str, Any] | None) -> Collection[str]:
    """The steps a `SelectiveExecutionConfig` selects."""
    return tuple(one["StepName"] for one in (config or {}).get("SelectedSteps", ()))
