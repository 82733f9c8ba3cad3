"""A process that dies in a redrive under another definition: the execution comes to the end that would have had."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from interpreting import INFO, START, Answers, run
from msgspec import structs
from test_carried import BEFORE, INPUT, PASS, branch, breaks_later, carried, each, machine, parallel
from test_redrives import BROKEN, task
from test_resume_properties import Batches

from asl_runner.definition import load
from asl_runner.history.events import Event
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.execution import Execution, Outcome
from asl_runner.interpreter.new_inputs import give_input
from asl_runner.interpreter.ports import Ports, TaskCall
from asl_runner.interpreter.restored import Restored
from asl_runner.interpreter.resumed_redrive import resume_redriven

Machine = dict[str, Any]


async def by_name(call: TaskCall) -> Any:
    """Takes as many turns as its state's name is long."""
    for _ in call.state:
        await asyncio.sleep(0)
    return [call.state, call.input]


class ByName(Answers):
    """Every task gives its state's name and its input."""

    async def call(self, call: TaskCall) -> Any:
        self.calls.append(call)
        return await by_name(call)


def go_on(after: Machine, restored: Restored, time: float) -> tuple[Outcome, list[list[Event]], ByName]:
    async def main() -> tuple[Outcome, list[list[Event]], ByName]:
        journal, tasks = Batches(), ByName()
        ports = Ports(clock=VirtualClock(time), journal=journal, tasks=tasks, seed="seed")
        info = structs.replace(INFO, redrive_count=1)
        running = Execution(load(json.dumps(after)), INPUT, info, ports, restored=restored)
        return await running.run(), journal.batches, tasks

    return asyncio.run(main())


INNER: Machine = {"Type": "Parallel", "Branches": [branch("Xx"), branch("Y")]}

CASES: dict[str, tuple[Machine, dict[str, list[Any]], Machine]] = {
    "a chain": (BEFORE, {"Work": [BROKEN]}, machine(("First", task()), ("Renamed", task()), ("Last", PASS))),
    "other fields": (BEFORE, {"Work": [BROKEN]}, machine(("First", PASS), ("Work", task(InputPath="$.items")))),
    "another type": (BEFORE, {"Work": [BROKEN]}, machine(("First", task()), ("Work", PASS), ("Then", task()))),
    "branches": (
        parallel(branch("A"), branch("B1", "B2"), branch("C"), branch("D")),
        {"B2": [breaks_later]},
        parallel(branch("A", "A2"), branch("B1", "Bx"), branch("Other")),
    ),
    "more branches": (
        parallel(branch("A"), branch("B")),
        {"B": [breaks_later]},
        parallel(branch("A"), branch("B"), branch("Cccc", "D")),
    ),
    "other children": (parallel(branch("A"), branch("B")), {"B": [BROKEN]}, parallel(branch("Z"), InputPath="$.items")),
    "iterations": (each("P", "Q"), {"Q": ["q0", BROKEN]}, each("P", "R")),
    "iterations at once": (each("P", "Q", MaxConcurrency=3), {"Q": [BROKEN]}, each("P", "R", MaxConcurrency=3)),
    "more in iterations": (each("P"), {"P": ["p0", "p1", BROKEN]}, each("P", "Q")),
    "retried": (
        each("P", "Q"),
        {"Q": ["q0", BROKEN]},
        each("P", "R", Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]),
    ),
    "nested": (
        parallel(machine(("Old", PASS), ("In", INNER)), branch("Bad")),
        {"Bad": [breaks_later]},
        parallel(machine(("New", task()), ("In", INNER)), branch("Bad", "Better")),
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("given", [False, True])
def test_wherever_the_process_dies(case: str, given: bool) -> None:
    before, answers, after = CASES[case]
    failed = run(before, INPUT, Answers(answers))
    assert failed.status == "FAILED"

    def stood() -> Restored:
        found = carried(before, failed, after)
        if given:
            give_input(found, open_state(found.restored), json.dumps({"items": [7, 8]}).encode())
        return found.restored

    outcome, batches, tasks = go_on(after, stood(), START + 1000)
    assert outcome.status == "SUCCEEDED", outcome
    for count in range(1, len(batches)):
        kept = failed.events + [event for batch in batches[:count] for event in batch]
        restored = resume_redriven(load(json.dumps(after)), kept, json.dumps(INPUT).encode(), stood())
        again, rest, others = go_on(after, restored, kept[-1].time)
        assert (again.status, again.output) == (outcome.status, outcome.output), count
        events = kept + [event for batch in rest for event in batch]
        assert [event.id for event in events] == list(range(1, len(events) + 1))
        assert [event.type for event in events].count("ExecutionRedriven") == 1
        done = {(e.scope, e.type) for e in kept[len(failed.events) :] if e.type == "LambdaFunctionSucceeded"}
        assert len(others.calls) <= len(tasks.calls) - len(done)


def open_state(place: Restored) -> str:
    """The innermost state that goes on, of the first branch or iteration that does."""
    children = [child for child in (place.children or {}).values() if child.todo is not None]
    return open_state(children[0]) if children else place.todo or ""
