"""What a redrive needs to know before it begins: where the execution goes on, and under which definition."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from asl_runner.definition import model
from asl_runner.errors import NotFound
from asl_runner.history import map_runs
from asl_runner.history.events import Event
from asl_runner.history.former import former_definitions, given_inputs
from asl_runner.history.records import ExecutionRecord
from asl_runner.interpreter.carried import Step, carry
from asl_runner.interpreter.new_inputs import give_input, give_input_at
from asl_runner.interpreter.restored import Restored, inner_scope, open_places, restore
from asl_runner.interpreter.resumed_redrive import resume_redriven

if TYPE_CHECKING:
    from asl_runner.history.store import Store


class Redrive(Struct, frozen=True, kw_only=True):
    """A redrive about to begin."""

    restored: Restored
    definition: str | None
    """The text of the definition from now on; None where it stays."""
    inputs: Mapping[str, bytes] = {}
    """What states it goes on in are entered with, by their scope."""
    steps: Sequence[Step] = ()
    """What becomes of each state visited, if that was asked for."""

    def record(self, ended: ExecutionRecord, at: float) -> ExecutionRecord:
        """The execution once it is under way again."""
        return structs.replace(
            ended,
            status="RUNNING",
            definition=self.definition or ended.definition,
            stop=None,
            output=None,
            error=None,
            cause=None,
            redrive_count=ended.redrive_count + 1,
            redrive_time=at,
        )


def prepare(store: Store, record: ExecutionRecord, machine: model.StateMachine) -> Redrive:
    """How an execution that has ended goes on with a machine; from its start, where that has no place for it."""
    changed = _is_other(record.definition, machine.source)
    events = list(store.events(record.arn))
    if changed:
        restored = carry(machine, events, record.input, record.definition, or_anew=True).restored
    else:
        restored = restore(machine, events, record.input)
    _forget_unknown(store, restored)
    return Redrive(restored=restored, definition=machine.source if changed else None)


def plan(
    store: Store, record: ExecutionRecord, machine: model.StateMachine, inputs: Sequence[tuple[str, bytes]] = ()
) -> Redrive:
    """The same with what it means for each state; `inputs` are new ones for states it goes on in, by name or place.

    Raises `CannotGoOn` where the machine has no place for the execution, `UsageError` for an input of another state.
    """
    carried = carry(machine, list(store.events(record.arn)), record.input, record.definition)
    unknown = {(place.path, place.todo) for place in _forget_unknown(store, carried.restored)}
    carried.steps = [
        structs.replace(step, does="RUNS AGAIN", note="nothing is known here of its children: all of them run")
        if (step.scope, step.state) in unknown and step.does == "GOES ON"
        else step
        for step in carried.steps
    ]
    given = {scope: text for state, text in inputs for scope in give_input(carried, state, text)}
    changed = _is_other(record.definition, machine.source)
    return Redrive(
        restored=carried.restored,
        definition=machine.source if changed else None,
        inputs=given,
        steps=carried.steps,
    )


def standing(
    store: Store, record: ExecutionRecord, machine: model.StateMachine, events: Sequence[Event]
) -> Restored | None:
    """Where an execution that was redriven stands, whose process died; None where what a redrive changed is no matter.

    `record` and `events` are as they are kept.
    """
    redrives = [event.id for event in events if event.type == "ExecutionRedriven"]
    has_begun = len(redrives) == record.redrive_count
    former = dict(store.read(lambda tables: former_definitions(tables, record.arn))).get(record.redrive_count)
    inputs = store.read(lambda tables: given_inputs(tables, record.arn))
    if has_begun and former is None and not inputs:
        return None
    before = events[: redrives[-1] - 1] if has_begun else events
    stood = carry(machine, before, record.input, former or record.definition, or_anew=True).restored
    _forget_unknown(store, stood)
    for scope, text in inputs.items():
        give_input_at(stood, scope, text)
    return resume_redriven(machine, events, record.input, stood) if has_begun else stood


def _is_other(before: str, after: str) -> bool:
    return before != after and json.loads(before) != json.loads(after)


def _forget_unknown(store: Store, restored: Restored) -> list[Restored]:
    """Has distributed Maps begin anew whose map run is not here, as of an execution imported from AWS; gives those."""
    running = [place for place in open_places(restored) if place.map_run is not None]
    found = [place for place in running if not _is_here(store, place.map_run or "")]
    for place in found:
        place.started, place.map_run, place.children = 0, None, None
    return found


def _is_here(store: Store, map_run: str) -> bool:
    try:
        store.read(lambda tables: map_runs.by_arn(tables, map_run))
    except NotFound:
        return False
    return True


def to_run(machine: model.StateMachine, restored: Restored) -> set[str]:
    """The names of the states that may run when an execution goes on."""
    return set(_to_run(machine, restored))


def _to_run(scope: model.Scope, place: Restored) -> Iterator[str]:
    if place.todo is None:
        return
    known = place.children or {}
    first = scope.states[place.todo]
    reached = _reached(scope, place.todo)
    comes_back = any(place.todo in _nexts(scope.states[name]) for name in reached)
    for name in reached:
        yield name
        if name == place.todo and isinstance(first, model.Parallel) and known and not comes_back:
            for index, branch in enumerate(first.branches):
                yield from _to_run(branch, known[index]) if index in known else _all(branch)
        else:
            for inner in _inner(scope.states[name]):
                yield from _all(inner)


def _all(scope: model.Scope) -> Iterator[str]:
    """The states of a scope that can be reached, and those inside them."""
    for name in _reached(scope, scope.start_at):
        yield name
        for inner in _inner(scope.states[name]):
            yield from _all(inner)


def _reached(scope: model.Scope, start: str) -> list[str]:
    """A state of a scope and those that can follow it."""
    found = [start]
    for name in found:
        found += [next for next in dict.fromkeys(_nexts(scope.states[name])) if next not in found]
    return found


def _inner(state: model.State) -> Sequence[model.Scope]:
    if isinstance(state, model.Parallel):
        return state.branches
    return (inner_scope(state, 0),) if isinstance(state, model.Map) else ()


def _nexts(state: model.State) -> Iterator[str]:
    if isinstance(state, model.Choice):
        yield from (rule.next for rule in state.choices)
        if state.default is not None:
            yield state.default
    if state.next is not None:
        yield state.next
    if isinstance(state, model.Working):
        yield from (catcher.next for catcher in state.catch)
