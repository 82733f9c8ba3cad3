"""A copy of a machine that tells how its choice rules, and each comparison in them, come out.

The interpreter runs the copy as it runs the original, and one that nobody watches pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from asl_runner.definition.model import Choice, ChoiceRule, Map, Parallel, Scope, State, StateMachine
from asl_runner.definition.scopes import scopes
from asl_runner.expressions.choice import Condition, compile_rule
from asl_runner.expressions.environment import Environment, Json
from asl_runner.expressions.locations import Location
from asl_runner.testing.coverage.elements import Element, Kind, condition_name

Tell: TypeAlias = Callable[[str], object]
"""Is told the key of an element that a run has just done."""

S = TypeVar("S", bound=Scope)


def watched(machine: StateMachine, tell: Tell) -> StateMachine:
    """The copy."""
    written = {
        name: state for scope in scopes(msgspec.json.decode(machine.source)) for name, state in scope.states.items()
    }
    return _scope(machine, written, tell)


def _scope(scope: S, written: dict[str, dict[str, Any]], tell: Tell) -> S:
    return replace(scope, states={name: _state(state, written, tell) for name, state in scope.states.items()})


def _state(state: State, written: dict[str, dict[str, Any]], tell: Tell) -> State:
    if isinstance(state, Map):
        return replace(state, item_processor=_scope(state.item_processor, written, tell))
    if isinstance(state, Parallel):
        return replace(state, branches=tuple(_scope(branch, written, tell) for branch in state.branches))
    if isinstance(state, Choice):
        rules = written[state.name]["Choices"]
        choices = [_rule(state, index, rules[index], tell) for index in range(len(state.choices))]
        if state.default is not None:
            choices[-1] = replace(choices[-1], condition=_telling_default(choices[-1].condition, state.name, tell))
        return replace(state, choices=tuple(choices))
    return state


def _rule(state: Choice, index: int, written: dict[str, Any], tell: Tell) -> ChoiceRule:
    rule = state.choices[index]
    condition = rule.condition
    if state.query_language == "JSONPath":

        def watch(location: Location, test: Condition) -> Condition:
            if not location:
                return test
            return _telling(test, "condition", state.name, condition_name(index, location), tell)

        condition = compile_rule(written, watch)
    return replace(rule, condition=_telling(condition, "rule", state.name, str(index), tell))


def _telling_default(last: Condition, state: str, tell: Tell) -> Condition:
    """Where the last rule is not true, Default leads on."""
    key = Element("default", state).key

    def told(data: Json, env: Environment) -> bool:
        outcome = last(data, env)
        if not outcome:
            tell(key)
        return outcome

    return told


def _telling(condition: Condition, kind: Kind, state: str, name: str, tell: Tell) -> Condition:
    keys = {outcome: Element(kind, state, f"{name}={str(outcome).lower()}").key for outcome in (True, False)}

    def told(data: Json, env: Environment) -> bool:
        outcome = condition(data, env)
        tell(keys[bool(outcome)])
        return outcome

    return told
