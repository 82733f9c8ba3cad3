"""Task: asks the world, within its timeout and heartbeat, and records what AWS records of it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from asl_runner.definition.model import Task
from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.history.events import Event, Payload
from asl_runner.interpreter import errors, integration
from asl_runner.interpreter.dataflow import narrowed_input, states_variable
from asl_runner.interpreter.deadlines import Deadlines
from asl_runner.interpreter.errors import Failure, HistoryLimit, cut, data_limit_failure
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.payload import text
from asl_runner.interpreter.ports import GoingOn, TaskCall, TaskFailed, TaskLost
from asl_runner.interpreter.quantities import seconds
from asl_runner.interpreter.restored import Attempt
from asl_runner.interpreter.resumed import failure_of
from asl_runner.interpreter.retry import find_retrier
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
    frame.token = base64.b64encode(frame.random_for("/token").randbytes(_TOKEN_BYTES)).decode()
    frame.forget_context()


async def _work(frame: Frame, state: Task, effective: Json) -> Json:
    known = frame.attempt
    if known is not None and known.end is not None:
        return _known_result(frame, known)
    if state.resource.kind == "activity" and (reason := frame.run.ports.missing(state.resource)) is not None:
        raise ExpressionError(reason)
    history = TaskHistory(frame, state.resource)
    asked = None if known is None else known.call
    request = _evaluated(frame, state, effective) if asked is None else _recorded(asked)
    if known is not None and asked is not None and (known.submitted is not None or history.events is _ACTIVITY):
        frame.previous = known.last
        try:
            return await _answered(frame, history, _call(frame, state, request, asked.id, _going_on(known)), known)
        except TaskLost as lost:
            if (failure := _retried(frame, state, lost)) is not None:
                history.failed(failure)
                raise failure from lost
    elif known is not None:
        frame.previous = known.last
    history.scheduled(request)
    again = None if known is None or asked is None else GoingOn(scheduled=asked.time)
    return await _answered(frame, history, _call(frame, state, request, frame.previous, again), None)


def _retried(frame: Frame, state: Task, lost: TaskLost) -> Failure | None:
    """The failure that a retrier takes for what was lost; None where none does."""
    if lost.failure is None:
        return None
    failure = Failure(lost.failure.error, lost.failure.cause, task=True)
    chosen = find_retrier(state, failure)
    return None if chosen is None or frame.retry_count >= state.retry[chosen].max_attempts else failure


def _known_result(frame: Frame, known: Attempt) -> Json:
    """How an attempt ended, as its history says. Raises its `Failure`."""
    end = known.end
    assert end is not None
    frame.previous = known.last
    if not end.type.endswith("Succeeded"):
        raise failure_of(known)
    return msgspec.json.decode(bytes((end.details or {})["output"]))


async def _answered(frame: Frame, history: TaskHistory, call: TaskCall, known: Attempt | None) -> Json:
    """The task's answer, recorded; of one that is `known` the rest. Raises its `Failure`, and `TaskLost`."""
    deadlines = Deadlines(frame.run.ports.clock, call.timeout, call.heartbeat, history.timed_out)
    begun = None if known is None else known.begun
    if call.submitted_before is None:
        call.submitted = history.submitted
    call.beat = deadlines.beat
    is_begun = begun is not None or history.events.started_at_once
    if begun is None and is_begun:
        history.started()
    elif begun is None:
        call.started = _first_start(history, deadlines)
    await frame.run.log.commit()
    try:
        if is_begun:
            deadlines.start(begun)
        result = await _answer(frame, call, deadlines)
        output = frame.run.payloads.encode(result)
        if frame.run.limits.exceeded_by(output):
            raise data_limit_failure(_limit_name(call.resource), catchable=True)
    except Failure as failure:
        history.failed(failure)
        raise
    history.succeeded(output)
    return result


class _Request(Struct, frozen=True):
    """What goes out."""

    input: Json
    text: Payload
    timeout: int | None
    heartbeat: int | None
    credentials: Json


def _evaluated(frame: Frame, state: Task, effective: Json) -> _Request:
    """What the state asks. The paths of its numbers read the input before Parameters (recorded)."""
    input = frame.run.payloads.encode(effective)
    if frame.run.limits.exceeded_by(input):
        raise data_limit_failure(state.name, catchable=False)
    request = integration.request(state.resource, effective, frame.run.info)
    if request is not effective:
        input = frame.run.payloads.encode(request)
    data: Json = None
    if state.timeout is not None or state.heartbeat is not None or state.credentials is not None:
        data = states_variable(frame) if state.query_language == "JSONata" else narrowed_input(state, frame)
    timeout = None if state.timeout is None else seconds(state.timeout, data, frame)
    heartbeat = None if state.heartbeat is None else seconds(state.heartbeat, data, frame)
    credentials = None if state.credentials is None else _credentials(state.credentials(data, frame))
    return _Request(request, input, timeout, heartbeat, credentials)


def _recorded(asked: Event) -> _Request:
    """What was asked before, as it was: a name drawn from the time must not be another one now."""
    details = asked.details or {}
    text = bytes(details["parameters"] if "parameters" in details else details["input"])
    role = details.get("taskCredentials")
    return _Request(
        msgspec.json.decode(text),
        text,
        details.get("timeoutInSeconds"),
        details.get("heartbeatInSeconds"),
        None if role is None else {"RoleArn": role["roleArn"]},
    )


def _going_on(known: Attempt) -> GoingOn:
    submitted = None if known.submitted is None else msgspec.json.decode(known.submitted)
    assert known.call is not None
    return GoingOn(submitted=submitted, is_started=known.begun is not None, scheduled=known.call.time)


def _call(frame: Frame, state: Task, request: _Request, event_id: int, going_on: GoingOn | None) -> TaskCall:
    info = frame.run.info
    return TaskCall(
        resource=state.resource,
        input=request.input,
        state=state.name,
        execution=info,
        scope=frame.path,
        attempt=frame.retry_count,
        event_id=event_id,
        timeout=request.timeout,
        heartbeat=request.heartbeat,
        credentials=request.credentials,
        token=frame.token,
        log_name=_log_name(state.name, event_id),
        key=f"{info.arn}/{info.redrive_count or 0}{frame.path}#{frame.ordinal}.{frame.retry_count}",
        going_on=going_on,
    )


def _credentials(given: dict[str, Json]) -> Json:
    if not isinstance(given.get("RoleArn"), str):
        raise ExpressionError(f"The RoleArn parameter does not reference a string value: {text(given.get('RoleArn'))}")
    return given


def _first_start(history: TaskHistory, deadlines: Deadlines) -> Callable[[str | None], None]:
    """The time of an activity runs from when a worker takes it."""

    def started(worker: str | None) -> None:
        if deadlines.running:
            history.started(worker)
            history.show()
            deadlines.start()

    return started


def _limit_name(resource: Resource) -> str:
    return resource.service or resource.arn


async def _answer(frame: Frame, call: TaskCall, deadlines: Deadlines) -> Json:
    """The task's answer. Raises `Failure` for what the task reports and for a deadline that passes."""
    try:
        async with deadlines:
            return await frame.run.ports.tasks.call(call)
    except TaskFailed as failed:
        limits = frame.run.limits
        raise Failure(
            cut(failed.error, limits.error_characters),
            cut(failed.cause, limits.cause_characters),
            task=True,
            catchable=failed.error != errors.RUNTIME,
            retry_after=failed.retry_after,
        ) from failed


def _log_name(state: str, event_id: int) -> str:
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in state)[:80]
    return f"{event_id:05d}-{safe}"


class TaskHistory:
    """Records the events of one attempt of one task."""

    def __init__(self, frame: Frame, resource: Resource) -> None:
        self.events = _LAMBDA if resource.kind == "lambda" else _ACTIVITY if resource.kind == "activity" else _SERVICE
        self._frame = frame
        self._resource = resource
        self._out_of_time = False
        self._common: dict[str, Any] = (
            {"resourceType": resource.service, "resource": resource.history_resource} if self.events is _SERVICE else {}
        )

    def scheduled(self, request: _Request) -> None:
        """The request as it goes out."""
        details = dict(self._common)
        if self.events is _SERVICE:
            details["region"] = self._frame.run.info.region
        else:
            details["resource"] = self._resource.arn
        details[self.events.input] = request.text
        if request.timeout is not None:
            details["timeoutInSeconds"] = request.timeout
        if request.heartbeat is not None:
            details["heartbeatInSeconds"] = request.heartbeat
        if isinstance(request.credentials, dict):
            details["taskCredentials"] = {"roleArn": request.credentials.get("RoleArn")}
        self._record("Scheduled", details)

    def started(self, worker: str | None = None) -> None:
        """Work has begun; for an activity, by `worker`."""
        details = dict(self._common)
        if worker is not None:
            details["workerName"] = worker
        self._record("Started", details)

    def submitted(self, output: Json) -> None:
        """The call of a `.sync` or callback task was answered; the wait begins."""
        self._record("Submitted", {**self._common, "output": self._frame.run.payloads.encode(output)})
        self.show()

    def show(self) -> None:
        """Lets what was recorded so far be seen."""
        self._frame.run.log.flush()

    def succeeded(self, output: Payload) -> None:
        """The result, as JSON text."""
        self._record("Succeeded", {**self._common, "output": output})

    def timed_out(self) -> None:
        """A deadline passed. Recorded at that moment, not when the work has been cut off: of iterations that began
        together all run out of time before the first of them ends the others (recorded)."""
        try:
            self._record("TimedOut", {**self._common, "error": errors.TIMEOUT})
        except HistoryLimit:
            return  # It comes up again where the failure is recorded.
        self._out_of_time = True

    def failed(self, failure: Failure) -> None:
        """The error, unless it is that a deadline passed, which is recorded already."""
        if self._out_of_time:
            return
        details = {**self._common}
        if failure.error is not None:
            details["error"] = failure.error
        if failure.cause is not None:
            details["cause"] = failure.cause
        self._record("Failed", details)

    def _record(self, step: str, details: dict[str, Any]) -> None:
        frame = self._frame
        frame.previous = frame.run.log.record(
            f"{self.events.prefix}{step}", details or None, frame.previous, frame.path
        )
