"""The arrows of one scope: which state leads where, and under which condition, in a few words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from asl_runner.definition.scopes import RawScope, is_terminal, list_of

Kind: TypeAlias = Literal["next", "choice", "default", "catch"]

START = ""
"""The name of the point a scope begins at; no state can have it."""

END = "\0end"
"""The name of the point its ends lead to."""

LONGEST_LABEL = 32
"""Characters of a condition that an arrow shows; its tooltip has all."""


class Arrow(Struct, frozen=True):
    """From one state of a scope to another."""

    source: str
    target: str
    kind: Kind
    label: str = ""


def arrows(scope: RawScope) -> list[Arrow]:
    """The arrows of a scope, in the order of the document; of several alike only one, with all their labels."""
    found: list[Arrow] = []
    if scope.start_at is not None:
        found.append(Arrow(START, scope.start_at, "next"))
    for name, state in scope.states.items():
        found += _of_state(name, state)
    merged: dict[tuple[str, str, bool], Arrow] = {}
    for arrow in found:
        if arrow.target not in scope.states and arrow.target != END:
            continue
        key = (arrow.source, arrow.target, arrow.kind == "catch")
        before = merged.get(key)
        label = arrow.label if before is None else " or ".join(filter(None, (before.label, arrow.label)))
        merged[key] = Arrow(arrow.source, arrow.target, arrow.kind if before is None else before.kind, label)
    return list(merged.values())


def _of_state(name: str, state: dict[str, Any]) -> list[Arrow]:
    found = []
    if state.get("Type") not in ("Succeed", "Fail"):
        for rule in list_of(state, "Choices"):
            if isinstance(rule, dict) and isinstance(rule.get("Next"), str):
                found.append(Arrow(name, rule["Next"], "choice", condition(rule)))
        if isinstance(state.get("Default"), str):
            found.append(Arrow(name, state["Default"], "default", "otherwise"))
        if isinstance(state.get("Next"), str):
            found.append(Arrow(name, state["Next"], "next"))
    if is_terminal(state):
        found.append(Arrow(name, END, "next"))
    for catcher in list_of(state, "Catch"):
        if isinstance(catcher, dict) and isinstance(catcher.get("Next"), str):
            errors = [error for error in list_of(catcher, "ErrorEquals") if isinstance(error, str)]
            found.append(Arrow(name, catcher["Next"], "catch", ", ".join(errors)))
    return found


_SIGNS = {
    "Equals": "=",
    "LessThan": "<",
    "GreaterThan": ">",
    "LessThanEquals": "≤",
    "GreaterThanEquals": "≥",
    "Matches": "matches",
}
_KINDS = ("String", "Numeric", "Timestamp", "Boolean")


def condition(rule: Mapping[str, Any]) -> str:
    """A rule of a Choice in a few words: `$.total > 100 and not $.paid = true`."""
    expression = rule.get("Condition")
    if isinstance(expression, str):
        return expression.removeprefix("{%").removesuffix("%}").strip()
    for word in ("And", "Or"):
        if word in rule:
            return f" {word.lower()} ".join(
                condition(one) for one in list_of(dict(rule), word) if isinstance(one, dict)
            )
    if isinstance(rule.get("Not"), dict):
        return f"not ({condition(rule['Not'])})"
    variable = rule.get("Variable", "")
    for operator, value in rule.items():
        if operator.startswith("Is"):
            return f"{variable} {'is' if value is True else 'is not'} {operator[2:].lower()}"
        for kind in _KINDS:
            if operator.startswith(kind):
                base = operator.removeprefix(kind).removesuffix("Path")
                shown = value if operator.endswith("Path") else json.dumps(value, ensure_ascii=False)
                return f"{variable} {_SIGNS.get(base, base)} {shown}"
    return str(variable)
