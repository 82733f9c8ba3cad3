"""Histories for tests: made up, and made by running a machine in virtual time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from asl_runner.definition import load
from asl_runner.history.events import Event
from asl_runner.history.journal import MemoryJournal
from asl_runner.history.records import ExecutionRecord
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.execution import Execution
from asl_runner.interpreter.ports import ExecutionInfo, Ports, TaskCall, TaskFailed

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:orders"
START = 1_700_000_000.0


def execution(name: str, *, start: float = 1000.0, machine: str = MACHINE) -> ExecutionRecord:
    """A running execution, not yet created."""
    return ExecutionRecord(
        arn=f"{machine.replace(':stateMachine:', ':execution:')}:{name}",
        name=name,
        machine_arn=machine,
        machine_name=machine.rpartition(":")[2],
        definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
        input=b'{"n":1}',
        start=start,
        role_arn="arn:aws:iam::000000000000:role/local",
        seed="s",
    )


def entered(count: int, *, first: int = 1, payload: bytes = b"{}") -> list[Event]:
    """So many events with consecutive ids."""
    return [
        Event(n, n - 1, 1000.0 + n, "PassStateEntered", {"name": f"S{n}", "input": payload})
        for n in range(first, first + count)
    ]


class FailingTasks:
    """Answers a task with its input; one whose input is `{"fail": n}` fails its first n attempts."""

    def __init__(self) -> None:
        self._failed: dict[tuple[str, str], int] = {}

    async def call(self, call: TaskCall) -> Any:
        call.started(None)
        await asyncio.sleep(0)
        times = call.input.get("fail", 0) if isinstance(call.input, dict) else 0
        failed = self._failed.get((call.scope, call.state), 0)
        if failed < times:
            self._failed[call.scope, call.state] = failed + 1
            raise TaskFailed("Boom", f"attempt {failed + 1}")
        return call.input


def run(definition: dict[str, Any], input: Any) -> list[Event]:
    """The history of a machine run on an input."""
    journal = MemoryJournal()
    record = execution("run")
    info = ExecutionInfo(
        arn=record.arn,
        name=record.name,
        state_machine_arn=record.machine_arn,
        state_machine_name=record.machine_name,
        role_arn=record.role_arn,
        region="us-east-1",
        start_time=START,
    )

    async def play() -> None:
        ports = Ports(clock=VirtualClock(START), journal=journal, tasks=FailingTasks(), seed="s")
        await Execution(load(json.dumps(definition)), input, info, ports).run()

    asyncio.run(play())
    return journal.events


TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
RETRY = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]


def one(name: str, **state: Any) -> dict[str, Any]:
    """A machine, branch or processor of one state."""
    return {"StartAt": name, "States": {name: {**state, "End": True}}}


def nested() -> dict[str, Any]:
    """A Parallel, retried once and caught, of a Map of retried tasks, a Wait, and a Map one item at a time."""
    tasks = {
        "StartAt": "Prepare",
        "States": {"Prepare": {"Type": "Pass", "Next": "Work"}, "Work": {**TASK, "Retry": RETRY, "End": True}},
    }
    branches = [
        one("a/b", Type="Map", ItemProcessor=tasks),
        one("Rest", Type="Wait", Seconds=5),
        one("Slowly", Type="Map", MaxConcurrency=1, ItemProcessor=one("Pass", Type="Pass")),
    ]
    both = {
        "Type": "Parallel",
        "Branches": branches,
        "Retry": RETRY,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}],
        "Next": "After",
    }
    return {"StartAt": "Both", "States": {"Both": both, "After": {"Type": "Pass", "End": True}}}
