"""One execution from its start to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import NoneType
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from asl_runner.definition import model
from asl_runner.definition.model import StateMachine
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.context import execution_context
from asl_runner.interpreter.driver import WAITING, advance, drive
from asl_runner.interpreter.errors import RUNTIME, Failure, HistoryLimit
from asl_runner.interpreter.frame import Frame, Performer, Run
from asl_runner.interpreter.limits import AWS_LIMITS, Limits
from asl_runner.interpreter.log import HistoryLog
from asl_runner.interpreter.ports import ExecutionInfo, Ports
from asl_runner.interpreter.restored import Restored
from asl_runner.interpreter.states import map_, parallel, task, wait

Status: TypeAlias = Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]

PERFORMERS: Mapping[type[model.State], Performer] = {
    model.Task: task.perform,
    model.Wait: wait.perform,
    model.Parallel: parallel.perform,
    model.Map: map_.perform,
}
"""The states that ask the world, and what performs a visit of each."""


class Outcome(Struct, frozen=True, kw_only=True):
    """How an execution ended. `output` is compact JSON text, set when it succeeded."""

    status: Status
    stop_time: float
    output: bytes | None = None
    error: str | None = None
    cause: str | None = None


class Execution:
    """Runs a machine on an input. To be used once, from one event loop."""

    def __init__(
        self,
        machine: StateMachine,
        input: Json,
        info: ExecutionInfo,
        ports: Ports,
        *,
        limits: Limits = AWS_LIMITS,
        input_text: bytes | None = None,
        restored: Restored | None = None,
    ) -> None:
        """`input_text` is how the history shows the input, by default compact JSON.

        With `restored` it goes on from where its history leaves it: redriven, see `restore`, or, where a process died
        in the middle of it, see `resume`.
        """
        self._machine = machine
        self._input = input
        self._ports = ports
        self._log = HistoryLog(ports.clock, ports.journal, limits.history_events)
        if restored is not None:
            self._log.last = restored.last
        self._run = Run(info, ports, limits, self._log, execution_context(info, input), PERFORMERS)
        self._frame = Frame(self._run, machine, "", input, 0, {})
        self._frame.text = input_text
        self._restored = restored
        self._task: asyncio.Task[None] | None = None
        self._end: tuple[Status, str | None, str | None] | None = None
        """Set when the execution is ended from outside its states: stopped, or out of time."""

    async def run(self) -> Outcome:
        """Runs to the end, which is durable when this returns. Cancelled, it stops everything and records no end.

        Raises `WorkspaceError` when the journal cannot be written, and whatever is a defect of ours.
        """
        clock = self._ports.clock
        clock.hold()
        bounds = (self._machine.timeout_seconds, self._run.limits.duration_seconds)
        seconds = min((bound for bound in bounds if bound is not None), default=None)
        timer = None
        try:
            if seconds is not None:
                timer = clock.call_at(self._begun() + seconds, lambda: self._end_with("TIMED_OUT", None, None))
            return await self._run_states()
        finally:
            self._log.flush()
            if timer is not None:
                timer.cancel()
            clock.release()

    def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """Ends the execution with status ABORTED; nothing happens if it has ended."""
        self._end_with("ABORTED", error, cause)

    async def _run_states(self) -> Outcome:
        frame = self._frame
        if self._restored is None:
            self._record_start(frame)
        elif self._restored.after is None:
            details = {"redriveCount": self._run.info.redrive_count}
            self._run.redriven = self._log.record("ExecutionRedriven", details, self._log.last, "")
            frame.restore(self._restored)
        else:
            self._run.redriven = self._restored.after.redriven
            frame.restore(self._restored)
        try:
            # Many executions never ask the world: they need no task of their own.
            if self._end is None and advance(frame) is WAITING:
                self._task = asyncio.create_task(drive(frame))
                await self._task
        except asyncio.CancelledError:
            if self._end is None:
                raise
        except Failure as failure:
            return await self._ended("FAILED", frame.previous, failure.error, failure.cause)
        except HistoryLimit:
            limit = self._run.limits.history_events
            full = f"The execution reached the maximum number of history events ({limit})."
            return await self._ended("FAILED", self._log.last, RUNTIME, full)
        finally:
            await self._settle()
        if self._end is not None:
            status, error, cause = self._end
            # Recorded: nothing since the entry of the state, and the end follows what that entry followed.
            untouched = frame.current is not None and frame.previous == frame.entered
            previous = frame.entered_previous if untouched else frame.previous
            return await self._ended(status, previous, error, cause)
        return await self._ended("SUCCEEDED", frame.previous, None, None)

    def _begun(self) -> float:
        """When it started or was redriven last."""
        if self._restored is None or self._restored.after is None:
            return self._ports.clock.now()
        return self._run.info.redrive_time or self._run.info.start_time

    def _record_start(self, frame: Frame) -> None:
        if frame.text is None:
            frame.text = self._run.payloads.encode(self._input)
        info = self._run.info
        details: dict[str, Any] = {"input": frame.text, "roleArn": info.role_arn}
        if info.alias_arn is not None:
            details["stateMachineAliasArn"] = info.alias_arn
        if info.version_arn is not None:
            details["stateMachineVersionArn"] = info.version_arn
        self._log.record_start(details, info.start_time)

    async def _settle(self) -> None:
        """Ends what still runs. A defect that comes up in it is raised."""
        task = self._task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and not isinstance(problem := task.exception(), _EXPECTED):
                raise problem

    async def _ended(self, status: Status, previous: int, error: str | None, cause: str | None) -> Outcome:
        self._end = (status, error, cause)
        details: dict[str, Any] = {}
        output = None
        if status == "SUCCEEDED":
            frame = self._frame
            text = details["output"] = frame.text if frame.text is not None else self._run.payloads.encode(frame.data)
            output = bytes(text)
        if error is not None:
            details["error"] = error
        if cause is not None:
            details["cause"] = cause
        stop_time = self._ports.clock.now()
        self._log.record_end(_END_EVENTS[status], details, previous, stop_time)
        await self._log.commit()
        return Outcome(status=status, stop_time=stop_time, output=output, error=error, cause=cause)

    def _end_with(self, status: Status, error: str | None, cause: str | None) -> None:
        if self._end is None:
            self._end = (status, error, cause)
            if self._task is not None:
                self._task.cancel()


_EXPECTED = (Failure, HistoryLimit, NoneType)

_END_EVENTS: dict[Status, str] = {
    "SUCCEEDED": "ExecutionSucceeded",
    "FAILED": "ExecutionFailed",
    "TIMED_OUT": "ExecutionTimedOut",
    "ABORTED": "ExecutionAborted",
}
