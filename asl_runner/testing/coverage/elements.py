"""What there is to cover in a machine: every state, way on, rule and condition, retrier, catcher, and size of a Map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from asl_runner.definition.json_text import Path
from asl_runner.definition.model import Choice, Map, State, StateMachine, Working
from asl_runner.definition.scopes import scopes
from asl_runner.definition.walk import all_states
from asl_runner.expressions.choice import BOOLEAN_OPERATORS

Kind: TypeAlias = Literal["state", "next", "rule", "condition", "default", "retry", "catch", "items"]

KINDS: dict[Kind, str] = {
    "state": "states",
    "next": "ways on",
    "rule": "rules",
    "condition": "conditions",
    "default": "defaults",
    "retry": "retriers",
    "catch": "catchers",
    "items": "sizes of Maps",
}
"""The kinds of elements, and what reports call several of them."""

SIZES = ("none", "one", "many")


class Element(Struct, frozen=True):
    """One thing that runs can do."""

    kind: Kind
    state: str
    detail: str = ""
    """Which one of the state's: `0`, `0=true`, `0.And[1]=false`, `none`."""

    @property
    def key(self) -> str:
        """Its name in coverage data."""
        return f"{self.kind}|{self.state}|{self.detail}"


def elements_of(machine: StateMachine) -> list[Element]:
    """Everything there is to cover, in the order of the definition."""
    written = {
        name: state for scope in scopes(msgspec.json.decode(machine.source)) for name, state in scope.states.items()
    }
    return [element for state in all_states(machine) for element in _of_state(state, written[state.name])]


def _of_state(state: State, written: dict[str, Any]) -> Iterator[Element]:
    name = state.name
    yield Element("state", name)
    if state.next is not None:
        yield Element("next", name)
    if isinstance(state, Choice):
        for index in range(len(state.choices)):
            for outcome in ("true", "false"):
                yield Element("rule", name, f"{index}={outcome}")
            for location in conditions_of(written["Choices"][index]):
                for outcome in ("true", "false"):
                    yield Element("condition", name, f"{condition_name(index, location)}={outcome}")
        if state.default is not None:
            yield Element("default", name)
    if isinstance(state, Working):
        yield from (Element("retry", name, str(index)) for index in range(len(state.retry)))
        yield from (Element("catch", name, str(index)) for index in range(len(state.catch)))
    if isinstance(state, Map):
        yield from (Element("items", name, size) for size in SIZES)


def conditions_of(rule: Any, location: Path = ()) -> list[Path]:
    """The places of the comparisons a rule combines; none for a rule that is one comparison, or JSONata."""
    found: list[Path] = []
    for operator in BOOLEAN_OPERATORS:
        if operator not in rule:
            continue
        operand = rule[operator]
        parts = [((*location, operator), operand)] if operator == "Not" else []
        if isinstance(operand, list):
            parts = [((*location, operator, index), part) for index, part in enumerate(operand)]
        for place, part in parts:
            found += conditions_of(part, place) or [place]
    return found


def condition_name(index: int, location: Path) -> str:
    """`0.And[1]`: the second part of the And of the first rule."""
    return f"{index}" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
