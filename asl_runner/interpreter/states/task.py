"""Task: asks the world, within its timeout and heartbeat, and records what AWS records of it."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from msgspec import Struct

from asl_runner.definition.model import Task
from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import Json
from asl_runner.history.events import Payload
from asl_runner.interpreter import errors
from asl_runner.interpreter.errors import Failure, data_limit_failure
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.ports import Clock, TaskCall, TaskFailed, Timer
from asl_runner.interpreter.quantities import seconds
from asl_runner.interpreter.states import working

_TOKEN_BYTES = 120


class _Events(Struct, frozen=True):
    """The event types of one kind of task."""

    prefix: str
    input: str
    """The details field that holds what was asked."""
    started_at_once: bool
    """Whether the start is recorded with the scheduling; an activity starts when a worker takes it."""


_LAMBDA = _Events("LambdaFunction", "input", True)
_ACTIVITY = _Events("Activity", "input", False)
_SERVICE = _Events("Task", "parameters", True)


async def perform(frame: Frame, state: Task) -> None:
    """One visit. Raises `Failure`."""
    await working.perform(frame, state, _work, prepare=_new_token if _needs_token(state.resource) else None)


def _needs_token(resource: Resource) -> bool:
    return resource.kind == "activity" or resource.pattern == "waitForTaskToken"


def _new_token(frame: Frame) -> None:
    frame.token = base64.b64encode(frame.random.randbytes(_TOKEN_BYTES)).decode()
    frame.forget_context()


async def _work(frame: Frame, state: Task, effective: Json) -> Json:
    history = TaskHistory(frame, state.resource)
    timeout = None if state.timeout is None else seconds(state.timeout, effective, frame)
    heartbeat = None if state.heartbeat is None else seconds(state.heartbeat, effective, frame)
    credentials = None if state.credentials is None else state.credentials(effective, frame)
    history.scheduled(effective, timeout, heartbeat, credentials)
    call = TaskCall(
        resource=state.resource,
        input=effective,
        state=state.name,
        execution=frame.run.info,
        scope=frame.path,
        attempt=frame.retry_count,
        event_id=frame.previous,
        timeout=timeout,
        heartbeat=heartbeat,
        credentials=credentials,
        token=frame.token,
        log_name=_log_name(state.name, frame.previous),
    )
    call.submitted = history.submitted
    if history.events.started_at_once:
        history.started()
    else:
        call.started = history.started
    await frame.run.log.commit()
    try:
        result = await _answer(frame, call)
        output = frame.run.payloads.encode(result)
        limit = frame.run.limits.payload_bytes
        if limit is not None and len(output) > limit:
            raise data_limit_failure(state.resource.service or state.resource.arn, catchable=True)
    except Failure as failure:
        history.failed(failure)
        raise
    history.succeeded(output)
    return result


async def _answer(frame: Frame, call: TaskCall) -> Json:
    """The task's answer. Raises `Failure` for what the task reports and for a deadline that passes."""
    deadlines = Deadlines(frame.run.ports.clock, call)
    try:
        return await frame.run.ports.tasks.call(call)
    except TaskFailed as failed:
        limits = frame.run.limits
        raise Failure(
            _cut(failed.error, limits.error_characters),
            _cut(failed.cause, limits.cause_characters),
            task=True,
            catchable=failed.error != errors.RUNTIME,
        ) from failed
    except asyncio.CancelledError:
        passed = deadlines.passed
        if passed is None:
            raise
        task = asyncio.current_task()
        assert task is not None
        if task.uncancel() > 0:
            raise
        raise Failure(errors.TIMEOUT, None, task=True, heartbeat=passed == "heartbeat") from None
    finally:
        deadlines.cancel()


def _cut(text: str | None, characters: int) -> str | None:
    """At most so many characters, of which every one can be written as UTF-8."""
    return None if text is None else text[:characters].encode("utf-8", "replace").decode("utf-8")


def _log_name(state: str, event_id: int) -> str:
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in state)[:80]
    return f"{event_id:05d}-{safe}"


class Deadlines:
    """Cancels the current task when its timeout passes, or when heartbeats stay away for too long."""

    def __init__(self, clock: Clock, call: TaskCall) -> None:
        self.passed: str | None = None
        self._clock = clock
        self._task = asyncio.current_task()
        self._interval = call.heartbeat
        self._timeout: Timer | None = None
        self._heartbeat: Timer | None = None
        now = clock.now() if call.timeout is not None or call.heartbeat is not None else 0.0
        if call.timeout is not None:
            self._timeout = clock.call_at(now + call.timeout, lambda: self._pass("timeout"))
        if call.heartbeat is not None:
            self._heartbeat = clock.call_at(now + call.heartbeat, lambda: self._pass("heartbeat"))
            call.beat = self.beat

    def beat(self) -> None:
        """A heartbeat arrived: its deadline moves on."""
        if self._heartbeat is not None and self._interval is not None and self.passed is None:
            self._heartbeat.cancel()
            self._heartbeat = self._clock.call_at(self._clock.now() + self._interval, lambda: self._pass("heartbeat"))

    def cancel(self) -> None:
        """The work ended: no deadline matters any more."""
        for timer in (self._timeout, self._heartbeat):
            if timer is not None:
                timer.cancel()

    def _pass(self, which: str) -> None:
        if self.passed is None and self._task is not None:
            self.passed = which
            self._task.cancel()


class TaskHistory:
    """Records the events of one attempt of one task."""

    def __init__(self, frame: Frame, resource: Resource) -> None:
        self.events = _LAMBDA if resource.kind == "lambda" else _ACTIVITY if resource.kind == "activity" else _SERVICE
        self._frame = frame
        self._resource = resource
        self._common: dict[str, Any] = (
            {"resourceType": resource.service, "resource": resource.history_resource} if self.events is _SERVICE else {}
        )

    def scheduled(self, effective: Json, timeout: int | None, heartbeat: int | None, credentials: Json) -> None:
        """The request as it goes out."""
        details = dict(self._common)
        if self.events is _SERVICE:
            details["region"] = self._frame.run.info.region
        else:
            details["resource"] = self._resource.arn
        details[self.events.input] = self._frame.run.payloads.encode(effective)
        if timeout is not None:
            details["timeoutInSeconds"] = timeout
        if heartbeat is not None:
            details["heartbeatInSeconds"] = heartbeat
        if credentials is not None:
            details["taskCredentials"] = {"roleArn": credentials.get("RoleArn")}
        self._record("Scheduled", details)

    def started(self, worker: str | None = None) -> None:
        """Work has begun; for an activity, by `worker`."""
        details = dict(self._common)
        if worker is not None:
            details["workerName"] = worker
        self._record("Started", details)

    def submitted(self, output: Json) -> None:
        """The call of a `.sync` or callback task was answered."""
        self._record("Submitted", {**self._common, "output": self._frame.run.payloads.encode(output)})

    def succeeded(self, output: Payload) -> None:
        """The result, as JSON text."""
        self._record("Succeeded", {**self._common, "output": output})

    def failed(self, failure: Failure) -> None:
        """The error, or the timeout."""
        details = {**self._common}
        if failure.error is not None:
            details["error"] = failure.error
        if failure.cause is not None:
            details["cause"] = failure.cause
        self._record("TimedOut" if failure.error == errors.TIMEOUT else "Failed", details)

    def _record(self, step: str, details: dict[str, Any]) -> None:
        frame = self._frame
        frame.previous = frame.run.log.record(
            f"{self.events.prefix}{step}", details or None, frame.previous, frame.path
        )
