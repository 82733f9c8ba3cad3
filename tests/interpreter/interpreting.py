"""Runs a definition on the interpreter with answers given by the test, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from asl_runner.definition import load
from asl_runner.definition.resource import Resource
from asl_runner.history.events import Event
from asl_runner.history.journal import MemoryJournal
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.execution import Execution, Outcome
from asl_runner.interpreter.limits import AWS_LIMITS, Limits
from asl_runner.interpreter.ports import Clock, ExecutionInfo, Ports, TaskCall, TaskFailed, Tasks

START = 1_700_000_000.0
LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:echo"
INVOKE = "arn:aws:states:::lambda:invoke"

INFO = ExecutionInfo(
    arn="arn:aws:states:us-east-1:123456789012:execution:m:e",
    name="e",
    state_machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:m",
    state_machine_name="m",
    role_arn="arn:aws:iam::123456789012:role/r",
    region="us-east-1",
    start_time=START,
)

Answer = Callable[[TaskCall], Awaitable[Any]]


class Answers:
    """A `Tasks` port: answers in order, per state; an exception is raised, a callable called, else the input given."""

    def __init__(self, by_state: dict[str, list[Any]] | None = None) -> None:
        self._by_state = {state: list(answers) for state, answers in (by_state or {}).items()}
        self.calls: list[TaskCall] = []

    async def call(self, call: TaskCall) -> Any:
        self.calls.append(call)
        answers = self._by_state.get(call.state)
        if not answers:
            return call.input
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return await answer(call) if callable(answer) else answer


class Ran:
    """An execution that has ended."""

    def __init__(self, outcome: Outcome, events: list[Event], tasks: Answers) -> None:
        self.outcome = outcome
        self.events = events
        self.tasks = tasks

    @property
    def status(self) -> str:
        return self.outcome.status

    @property
    def output(self) -> Any:
        assert self.outcome.output is not None, self.outcome
        return json.loads(self.outcome.output)

    @property
    def failure(self) -> tuple[str | None, str | None]:
        assert self.status == "FAILED", self.outcome
        return self.outcome.error, self.outcome.cause

    @property
    def seconds(self) -> float:
        """Virtual seconds from start to end."""
        return self.outcome.stop_time - START

    def sequence(self) -> list[tuple[str, int]]:
        """Type and previous id of every event."""
        return [(event.type, event.previous) for event in self.events]

    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def details(self, type: str) -> list[dict[str, Any]]:
        return [event.details or {} for event in self.events if event.type == type]


def execution(
    definition: dict[str, Any],
    input: Any = None,
    tasks: Tasks | None = None,
    *,
    clock: Clock | None = None,
    limits: Limits = AWS_LIMITS,
    seed: str = "seed",
    missing: Callable[[Resource], str | None] = lambda resource: None,
) -> tuple[Execution, MemoryJournal]:
    """An execution ready to run; `missing` says of an activity why it cannot be asked."""
    journal = MemoryJournal()
    answers = tasks or Answers()
    ports = Ports(clock=clock or VirtualClock(START), journal=journal, tasks=answers, seed=seed, missing=missing)
    machine = load(json.dumps(definition))
    return Execution(machine, {} if input is None else input, INFO, ports, limits=limits), journal


def run(definition: dict[str, Any], input: Any = None, tasks: Answers | None = None, **options: Any) -> Ran:
    """Runs a definition to its end."""
    answers = tasks or Answers()
    running, journal = execution(definition, input, answers, **options)
    outcome = asyncio.run(running.run())
    return Ran(outcome, list(journal.events), answers)


def one(state: dict[str, Any]) -> dict[str, Any]:
    """A machine of one state, named S."""
    terminal = {} if state["Type"] in ("Succeed", "Fail", "Choice") or "Next" in state else {"End": True}
    return {"StartAt": "S", "States": {"S": {**state, **terminal}}}


def chain(**states: dict[str, Any]) -> dict[str, Any]:
    """A machine of several states, one after the other."""
    names = list(states)
    linked = {}
    for name, following in zip(names, [*names[1:], None], strict=True):
        state = states[name]
        linked[name] = {**state, "End": True} if following is None else {**state, "Next": following}
    return {"StartAt": names[0], "States": linked}


def failing(error: str, cause: str | None = "because") -> TaskFailed:
    return TaskFailed(error, cause)


def prefixed(message: str, state: str = "S", event: int = 2) -> str:
    """AWS's cause for a field of a state that failed."""
    return f"An error occurred while executing the state '{state}' (entered at the event id #{event}). {message}"
