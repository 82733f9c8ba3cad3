"""Wherever a process dies: the execution comes to the end it would have had, by the events it would have had."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreting import INFO, START
from random_machines import SeededAnswers, is_sound, machines, without_deadlines

from asl_runner.definition import load
from asl_runner.history.events import Event
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.execution import Execution, Outcome
from asl_runner.interpreter.ports import Clock, Ports, TaskCall
from asl_runner.interpreter.restored import Restored
from asl_runner.interpreter.resumed import resume

INPUT = {"n": 3, "items": ["a", "b", "c"]}


class Batches:
    """A journal that knows what was kept in one go."""

    def __init__(self) -> None:
        self.batches: list[list[Event]] = []

    def append(self, events: Sequence[Event]) -> None:
        self.batches.append(list(events))

    async def commit(self) -> None:
        """Memory is durable enough."""


def run(machine: dict[str, Any], kept: list[Event], *, failing: bool) -> tuple[Outcome, list[list[Event]]]:
    """Runs a machine from what was kept of its history; gives its end and the events since then."""

    async def main() -> tuple[Outcome, list[list[Event]]]:
        compiled = load(json.dumps(machine))
        restored: Restored | None = resume(compiled, kept, json.dumps(INPUT).encode())
        clock, journal = VirtualClock(kept[-1].time if kept else START), Batches()
        answers = SeededAnswers("s", clock, failing=failing)
        ports = Ports(clock=clock, journal=journal, tasks=answers, seed="seed")
        running = Execution(compiled, INPUT, INFO, ports, restored=restored)
        return await running.run(), journal.batches

    return asyncio.run(main())


def told(events: Sequence[Event]) -> dict[str, list[tuple[str, Any]]]:
    """What each scope went through; a task that was asked again counts once."""
    scopes: dict[str, list[tuple[str, Any]]] = {}
    for event in events:
        scope = scopes.setdefault(event.scope, [])
        if event.type.endswith("Scheduled") and scope and scope[-1][0].endswith(("Scheduled", "Started", "Submitted")):
            while scope[-1][0].endswith(("Scheduled", "Started", "Submitted")) and "State" not in scope[-1][0]:
                scope.pop()
        scope.append((event.type, event.details))
    return scopes


def check(machine: dict[str, Any], *, failing: bool, again: int) -> None:
    """Cuts a run wherever it can be cut, and what goes on after that once more, `again` batches later."""
    outcome, batches = run(machine, [], failing=failing)
    whole = [event for batch in batches for event in batch]
    for count in range(len(batches)):
        kept = [event for batch in batches[:count] for event in batch]
        for later in (0, again):
            if later:
                _, rest = run(machine, kept, failing=failing)
                kept += [event for batch in rest[: min(later, len(rest) - 1)] for event in batch]
            end, rest = run(machine, kept, failing=failing)
            compare(outcome, whole, end, kept + [event for batch in rest for event in batch])


def compare(outcome: Outcome, whole: list[Event], end: Outcome, events: list[Event]) -> None:
    """Asserts that a run that was cut came to the end of an undisturbed one."""
    said = (end.status, end.output, end.error, _without_ids(end.cause))
    assert said == (outcome.status, outcome.output, outcome.error, _without_ids(outcome.cause))
    if not any(event.type.endswith("Aborted") for event in whole + events):
        # Else one branch failed: what the others had come to by then may be another state now.
        assert _comparable(told(events)) == _comparable(told(whole))
    assert is_sound(events)


def _comparable(scopes: dict[str, list[tuple[str, Any]]]) -> str:
    return _without_ids(json.dumps(scopes, default=lambda data: bytes(data).decode(), sort_keys=True)) or ""


def _without_ids(text: str | None) -> str | None:
    """A text without the ids of events, which are others where a task was asked again."""
    return None if text is None else "".join(part.lstrip("0123456789") for part in text.split("event id #"))


@given(machine=machines(), failing=st.booleans(), again=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_wherever_a_process_dies_the_execution_comes_to_its_end(
    machine: dict[str, Any], failing: bool, again: int
) -> None:
    check(without_deadlines(machine), failing=failing, again=again)


class Submitting:
    """Tells each time that the job was submitted, and takes a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def call(self, call: TaskCall) -> Any:
        call.submitted({})
        await self._clock.sleep_until(self._clock.now() + 9)
        return 1


@pytest.mark.parametrize("resource", ["glue:startJobRun.sync", "sqs:sendMessage.waitForTaskToken"])
def test_a_job_is_recorded_as_submitted_once(resource: str) -> None:
    arguments = {"token.$": "$$.Task.Token"} if "Token" in resource else {}
    state = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": arguments, "End": True}
    compiled = load(json.dumps({"StartAt": "A", "States": {"A": state}}))

    async def recorded(kept: list[Event]) -> list[Event]:
        clock, journal = VirtualClock(START), Batches()
        ports = Ports(clock=clock, journal=journal, tasks=Submitting(clock), seed="seed")
        restored = resume(compiled, kept, b"{}")
        outcome = await Execution(compiled, {}, INFO, ports, restored=restored).run()
        assert outcome.output == b"1"
        return [event for batch in journal.batches for event in batch]

    whole = asyncio.run(recorded([]))
    (submitted,) = (number for number, event in enumerate(whole, start=1) if event.type == "TaskSubmitted")
    rest = asyncio.run(recorded(whole[:submitted]))
    assert [event.type for event in rest] == [event.type for event in whole[submitted:]]
