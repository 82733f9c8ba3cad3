"""What holds for every redrive: an execution that was cut off, however often, comes to the end it would have had."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from interpreting import INFO, START, execution
from msgspec import structs
from random_machines import SeededAnswers, machines

from asl_runner.definition import load
from asl_runner.definition.model import StateMachine
from asl_runner.definition.scopes import scopes
from asl_runner.history.events import Event
from asl_runner.history.journal import MemoryJournal
from asl_runner.interpreter.carried import CannotGoOn, carry
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.execution import Execution, Outcome
from asl_runner.interpreter.ports import Ports
from asl_runner.interpreter.restored import Restored, restore

INPUT = {"n": 3, "items": ["a", "b", "c"]}


def play(machine: dict[str, Any], stop_after: float | None) -> tuple[Outcome, list[Event]]:
    async def main() -> tuple[Outcome, list[Event]]:
        clock = VirtualClock(START)
        running, journal = execution(machine, INPUT, SeededAnswers("s", clock, failing=False), clock=clock)
        if stop_after is not None:
            clock.call_at(START + stop_after, running.stop)
        return await running.run(), list(journal.events)

    return asyncio.run(main())


def go_on(
    machine: dict[str, Any], events: list[Event], count: int, stop_after: float | None
) -> tuple[Outcome, list[Event]]:
    compiled = load(json.dumps(machine))
    restored = restore(compiled, events)
    commented = json.dumps(with_comments(machine))
    for before in (compiled.source, commented):
        assert carry(compiled, events, json.dumps(INPUT).encode(), before).restored == restored
    return go_on_from(compiled, events, count, stop_after, restored)


def go_on_from(
    compiled: StateMachine, events: list[Event], count: int, stop_after: float | None, restored: Restored
) -> tuple[Outcome, list[Event]]:
    async def main() -> tuple[Outcome, list[Event]]:
        start = START + 1000 * count
        clock, journal = VirtualClock(start), MemoryJournal()
        info = structs.replace(INFO, redrive_count=count, redrive_time=start)
        answers = SeededAnswers("s", clock, failing=False)
        ports = Ports(clock=clock, journal=journal, tasks=answers, seed=f"seed/{count}")
        running = Execution(compiled, INPUT, info, ports, restored=restored)
        if stop_after is not None:
            clock.call_at(start + stop_after, running.stop)
        return await running.run(), events + journal.events

    return asyncio.run(main())


def with_comments(value: Any) -> Any:
    """The machine with every state another one that does the same."""
    if isinstance(value, dict):
        told = {"Comment": "changed"} if "Type" in value else {}
        return {key: with_comments(member) for key, member in value.items()} | told
    return [with_comments(item) for item in value] if isinstance(value, list) else value


def plain(output: bytes | None) -> Any:
    """The output without what is drawn at random."""
    return None if output is None else _without_random(json.loads(output))


def _without_random(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: None if name in ("u", "r") else _without_random(member) for name, member in value.items()}
    return [_without_random(item) for item in value] if isinstance(value, list) else value


def done(events: list[Event]) -> Counter[tuple[str, str]]:
    """How often each scope recorded each event of something that succeeded."""
    kinds = ("Succeeded", "StateEntered", "StateExited", "Started")
    once = [event for event in events if event.type.endswith(kinds) and not event.type.startswith(("Lambda", "Task"))]
    tasks = [event for event in events if event.type in ("LambdaFunctionSucceeded", "TaskSucceeded")]
    return Counter((event.scope, event.type) for event in once + tasks)


@settings(max_examples=100, deadline=None)
@given(machines(), st.lists(st.floats(0, 12), min_size=1, max_size=3))
def test_what_is_cut_off_and_redriven_ends_as_if_it_had_not_been(machine: dict[str, Any], stops: list[float]) -> None:
    whole, all_events = play(machine, None)
    assume(whole.status == "SUCCEEDED")
    assume(not any(event.type.endswith(("Failed", "TimedOut")) for event in all_events))
    outcome, events = play(machine, stops[0])
    for count, stop_after in enumerate([*stops[1:], None], 1):
        if outcome.status == "SUCCEEDED":
            break
        assert outcome.status == "ABORTED"
        outcome, events = go_on(machine, events, count, stop_after)
    assert outcome.status == "SUCCEEDED"
    assert plain(outcome.output) == plain(whole.output)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert done(events) == done(all_events)


@settings(max_examples=100, deadline=None)
@given(machines(), machines(), st.floats(0, 12))
def test_under_any_other_definition_it_comes_to_an_end_or_is_refused(
    machine: dict[str, Any], other: dict[str, Any], stop_after: float
) -> None:
    outcome, events = play(machine, stop_after)
    assume(outcome.status != "SUCCEEDED")
    compiled = load(json.dumps(other))
    with suppress(CannotGoOn):
        found = carry(compiled, events, json.dumps(INPUT).encode(), json.dumps(machine))
        assert {step.state for step in found.steps if step.does in ("RUNS AGAIN", "BEGINS")} <= names(other)
        outcome, since = go_on_from(compiled, events, 1, None, found.restored)
        assert outcome.status in ("SUCCEEDED", "FAILED")
        assert [event.id for event in since] == list(range(1, len(since) + 1))
        assert all(event.previous < event.id for event in since)
    anew = carry(compiled, events, json.dumps(INPUT).encode(), json.dumps(machine), or_anew=True)
    assert go_on_from(compiled, events, 1, None, anew.restored)[0].status in ("SUCCEEDED", "FAILED")


def names(machine: dict[str, Any]) -> set[str]:
    return {name for scope in scopes(machine) for name in scope.states}
