"""What holds for every execution: it is determined by its seed, and its history is well formed."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreting import START, execution
from random_machines import SeededAnswers, machines

from asl_runner.history.events import TERMINAL, Event
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.execution import Outcome

INPUT = {"n": 3, "items": ["a", "b", "c"]}


def play(
    machine: dict[str, Any], seed: str, stop_after: float | None = None, *, failing: bool = True
) -> tuple[Outcome, list[Event]]:
    async def main() -> tuple[Outcome, list[Event]]:
        clock = VirtualClock(START)
        answers = SeededAnswers(seed, clock, failing=failing)
        running, journal = execution(machine, INPUT, answers, clock=clock, seed=seed)
        if stop_after is not None:
            clock.call_at(START + stop_after, lambda: running.stop("Stopped", "enough"))
        outcome = await running.run()
        assert clock._holds == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return outcome, list(journal.events)

    return asyncio.run(main())


@settings(max_examples=150, deadline=None)
@given(machines(), st.sampled_from("abcd"))
def test_the_same_seed_gives_the_same_history_to_the_byte(machine: dict[str, Any], seed: str) -> None:
    first, second = play(machine, seed), play(machine, seed)
    assert msgspec.msgpack.encode(_plain(first)) == msgspec.msgpack.encode(_plain(second))


def _plain(played: tuple[Outcome, list[Event]]) -> Any:
    outcome, events = played
    return outcome, [msgspec.to_builtins(event, enc_hook=bytes) for event in events]


@settings(max_examples=150, deadline=None)
@given(machines(), st.sampled_from("abcd"), st.none() | st.floats(0, 30))
def test_every_history_is_well_formed(machine: dict[str, Any], seed: str, stop_after: float | None) -> None:
    outcome, events = play(machine, seed, stop_after)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert all(event.previous < event.id for event in events)
    assert [event.id for event in events if event.previous == 0 and event.id > 2 and event is not events[-1]] == []
    ends = [event for event in events if event.type in TERMINAL]
    assert ends == [events[-1]]
    assert TERMINAL[ends[0].type] == outcome.status
    assert sorted(event.time for event in events) == [event.time for event in events]
    _check_states(events, outcome)


def _check_states(events: list[Event], outcome: Outcome) -> None:
    """Every state entered is left, fails, or is aborted, in its own scope; at the end only what failed is open."""
    open_states: dict[str, Event] = {}
    for event in events:
        if event.type.endswith("StateEntered"):
            assert event.scope not in open_states
            open_states[event.scope] = event
        elif event.type.endswith("StateExited"):
            entered = open_states.pop(event.scope)
            assert (entered.details or {})["name"] == (event.details or {})["name"]
            assert entered.type.removesuffix("Entered") == event.type.removesuffix("Exited")
        elif event.type.endswith("StateAborted"):
            assert open_states.pop(event.scope).type.removesuffix("Entered") == event.type.removesuffix("Aborted")
        elif event.type in ("ParallelStateStarted", "MapStateStarted", "ParallelStateFailed", "MapStateFailed"):
            below = [scope for scope in open_states if scope.startswith(f"{event.scope}/")]
            for scope in below:
                assert open_states.pop(scope).type in ("FailStateEntered", *_FAIL_INSIDE)
    if outcome.status == "SUCCEEDED":
        assert open_states == {}


_FAIL_INSIDE = ("ParallelStateEntered", "MapStateEntered", "PassStateEntered", "ChoiceStateEntered")


@settings(max_examples=150, deadline=None)
@given(machines(), st.sampled_from("abcd"))
def test_concurrency_of_maps_changes_no_result(machine: dict[str, Any], seed: str) -> None:
    """Unless something fails: which failure comes first, and so what is caught, does depend on it."""
    played = []
    for concurrency in (1, 8):
        changed = copy.deepcopy(machine)
        _set_concurrency(changed, concurrency)
        played.append(play(changed, seed, failing=False))
    (first, events), (second, _) = played
    if first.status == "SUCCEEDED" and not any(event.type in _FAILURES for event in events):
        assert (second.status, second.output) == ("SUCCEEDED", first.output)


_FAILURES = {"FailStateEntered", "TaskTimedOut", "LambdaFunctionTimedOut"}


def _set_concurrency(scope: dict[str, Any], concurrency: int) -> None:
    for state in scope["States"].values():
        if state["Type"] == "Map":
            state["MaxConcurrency"] = concurrency
            _set_concurrency(state["ItemProcessor"], concurrency)
        for branch in state.get("Branches", []):
            _set_concurrency(branch, concurrency)
