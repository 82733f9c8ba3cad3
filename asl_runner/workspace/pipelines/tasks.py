"""What a pipeline adds to the tasks of its machine: results of earlier executions, a bound on steps at once, queues."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.ports import TaskCall, Tasks
from asl_runner.sagemaker.pipelines.caching import is_cached, key, lifetime
from asl_runner.sagemaker.pipelines.document import Pipeline, Step
from asl_runner.workspace.pipelines.callbacks import Callbacks, Queues
from asl_runner.workspace.pipelines.records import CachedResult, PipelineRecords


class PipelineTasks:
    """The `Tasks` port of one execution of a pipeline, over the port that does the work."""

    def __init__(
        self,
        tasks: Tasks,
        pipeline: Pipeline,
        records: PipelineRecords,
        *,
        name: str,
        arn: str,
        parallelism: int | None,
        now: Callable[[], float],
        hit: Callable[[str, str], None],
        callbacks: Callbacks,
        queues: Queues,
    ) -> None:
        """`name` is the pipeline's, `arn` the execution's. `hit` is told of a step whose result is an earlier
        execution's, with its ARN. `callbacks` knows the Callback steps that wait, `queues` where their messages go."""
        self._tasks = tasks
        self._steps = {step.name: step for step in pipeline.steps}
        self._records = records
        self._name, self._arn = name, arn
        self._now, self._hit = now, hit
        self._callbacks, self._queues = callbacks, queues
        self._slots = asyncio.Semaphore(parallelism) if parallelism else None

    async def call(self, call: TaskCall) -> Json:
        """The task's result. Raises `TaskFailed`."""
        step = self._steps.get(call.state)
        if step is None:
            return await self._tasks.call(call)
        async with self._slot():
            return await (self._cached(step, call) if is_cached(step) else self._step(step, call))

    async def _step(self, step: Step, call: TaskCall) -> Json:
        if step.type != "Callback" or call.token is None or not isinstance(call.input, dict):
            return await self._tasks.call(call)
        with self._callbacks.open(step, self._arn, call.token):
            await asyncio.to_thread(self._queues.open, str(call.input.get("QueueUrl")))
            try:
                return await self._tasks.call(call)
            except asyncio.CancelledError:
                await asyncio.to_thread(self._queues.tell_stopping, call.input)
                raise

    async def _cached(self, step: Step, call: TaskCall) -> Json:
        wanted = key(step, call.input)
        known = await asyncio.to_thread(self._records.cached, self._name, wanted)
        limit = lifetime(step)
        if known is not None and (limit is None or self._now() - known.at <= limit):
            self._hit(step.name, known.execution)
            return known.result
        result = await self._step(step, call)
        fresh = CachedResult(at=self._now(), execution=self._arn, result=result)
        await asyncio.to_thread(self._records.keep_cached, self._name, wanted, fresh)
        return result

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._slots is None:
            yield
            return
        async with self._slots:
            yield
