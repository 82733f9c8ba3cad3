"""Steps that wait for each other, arranged as what a state machine can say: one after the other, side by side, or
behind a condition.

Steps are put side by side wherever nothing connects them, and one after the other where everything of the second
waits for everything of the first (the series-parallel decomposition of their order). Where neither is so, those that
wait for nothing go first: the only case in which a step may wait for one it does not depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from asl_runner.sagemaker.pipelines.graph import Compiled, Guard


class Run(Struct, frozen=True):
    """A step. A condition that is run only has its outcome recorded."""

    step: str


class Guarded(Struct, frozen=True):
    """A step that runs only after every one of these outcomes."""

    step: str
    needs: tuple[tuple[str, bool], ...]


class Decide(Struct, frozen=True):
    """A condition with what runs in each of its branches."""

    step: str
    then: Sequence[Node]
    otherwise: Sequence[Node]


class Together(Struct, frozen=True):
    """Branches that run side by side."""

    branches: Sequence[Sequence[Node]]


Node: TypeAlias = Run | Guarded | Decide | Together


class _Unit(Struct, frozen=True):
    """What is arranged as one: a step, or a condition with all that stands behind it."""

    name: str
    members: tuple[str, ...]
    needs: tuple[tuple[str, bool], ...] = ()


def arrange(steps: Mapping[str, Compiled]) -> Sequence[Node]:
    """All steps arranged; `steps` in an order in which each comes after those it waits for."""
    return _region(list(steps), frozenset(), steps)


def _region(names: Sequence[str], context: Guard, steps: Mapping[str, Compiled]) -> Sequence[Node]:
    """The steps that run when the outcomes of `context` are given."""
    opened: set[str] = set()
    while True:
        units = _units(names, context, opened, steps)
        edges = _edges(units, steps)
        stuck = _stuck(edges)
        if not stuck:
            nodes = {name: _node(unit, context, steps) for name, unit in units.items()}
            return _sequence(list(units), _closure(edges), nodes)
        # Something between a condition and its branch stands outside of both: then the branch cannot be one piece.
        opened.add(next(name for name in stuck if len(units[name].members) > 1))


def _units(names: Sequence[str], context: Guard, opened: set[str], steps: Mapping[str, Compiled]) -> dict[str, _Unit]:
    inside: dict[str, list[str]] = {}
    units: dict[str, _Unit] = {}
    for name in names:
        extra = steps[name].guard - context
        nearest = [condition for condition, _ in sorted(extra) if steps[condition].guard == context]
        if not extra:
            units[name] = _Unit(name, (name,))
            inside[name] = [name]
        elif len(nearest) == 1 and nearest[0] not in opened:
            inside[nearest[0]].append(name)
        else:
            units[name] = _Unit(name, (name,), tuple(sorted(extra)))
            inside[name] = [name]
    return {name: _Unit(name, tuple(inside[name]), unit.needs) for name, unit in units.items()}


def _edges(units: Mapping[str, _Unit], steps: Mapping[str, Compiled]) -> dict[str, set[str]]:
    """For each unit the units it waits for."""
    home = {member: unit.name for unit in units.values() for member in unit.members}
    return {
        unit.name: {home[other] for member in unit.members for other in steps[member].waits_for if other in home}
        - {unit.name}
        for unit in units.values()
    }


def _stuck(edges: Mapping[str, set[str]]) -> list[str]:
    """The units that can never start, as they wait for each other."""
    left = dict(edges)
    while ready := [name for name, others in left.items() if not others & left.keys()]:
        for name in ready:
            del left[name]
    return list(left)


def _closure(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """For each unit all it waits for, directly or not."""
    closed: dict[str, set[str]] = {}

    def all_before(name: str) -> set[str]:
        if name not in closed:
            closed[name] = set(edges[name]).union(*(all_before(other) for other in edges[name]))
        return closed[name]

    for name in edges:
        all_before(name)
    return closed


def _sequence(names: list[str], before: Mapping[str, set[str]], nodes: Mapping[str, Node]) -> Sequence[Node]:
    if len(names) == 1:
        return (nodes[names[0]],)
    apart = _components(names, lambda one, other: one in before[other] or other in before[one])
    if len(apart) > 1:
        return (Together(tuple(_sequence(branch, before, nodes) for branch in apart)),)
    series = _components(names, lambda one, other: one not in before[other] and other not in before[one])
    if len(series) == 1:
        first = [name for name in names if not before[name] & set(names)]
        series = [first, [name for name in names if name not in first]]
    series.sort(key=lambda part: len(before[part[0]] & set(names)))
    return tuple(one for part in series for one in _sequence(part, before, nodes))


def _components(names: Sequence[str], linked: Callable[[str, str], bool]) -> list[list[str]]:
    """Groups of names that hang together, in the order of their first."""
    left = list(names)
    groups = []
    while left:
        group, fresh = {left[0]}, [left[0]]
        while fresh:
            one = fresh.pop()
            near = [other for other in left if other not in group and linked(one, other)]
            group.update(near)
            fresh += near
        groups.append([name for name in names if name in group])
        left = [name for name in left if name not in group]
    return groups


def _node(unit: _Unit, context: Guard, steps: Mapping[str, Compiled]) -> Node:
    if unit.needs:
        return Guarded(unit.name, unit.needs)
    if len(unit.members) == 1:
        return Decide(unit.name, (), ()) if steps[unit.name].step.type == "Condition" else Run(unit.name)
    then, otherwise = (_branch(unit, outcome, context, steps) for outcome in (True, False))
    return Decide(unit.name, then, otherwise)


def _branch(unit: _Unit, outcome: bool, context: Guard, steps: Mapping[str, Compiled]) -> Sequence[Node]:
    taken = (unit.name, outcome)
    inner = [name for name in unit.members[1:] if taken in steps[name].guard]
    return _region(inner, context | {taken}, steps) if inner else ()
