"""Pieces of JSONata text, as a translation writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from asl_runner.expressions.environment import Json

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset({"and", "or", "in", "true", "false", "null", "function"})


def expression(inner: str) -> str:
    """A string field that is evaluated: `{% … %}`."""
    return f"{{% {inner} %}}"


def text(value: str) -> str:
    """A text as a JSONata literal, in single quotes as far as that is possible."""
    quoted = json.dumps(value, ensure_ascii=False)
    return quoted if "'" in value or '"' in value or "\\" in quoted else f"'{value}'"


def literal(value: Json) -> str:
    """Any JSON value as a JSONata literal."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(key)}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return json.dumps(value)


def field(name: str) -> str:
    """A name in a path, quoted where it is not a plain word."""
    plain = _WORD.fullmatch(name) is not None and name not in _RESERVED
    return name if plain else f"`{name}`"


def path(base: str, steps: Sequence[str | int]) -> str:
    """`base` followed by members and indexes."""
    found = base
    for step in steps:
        if isinstance(step, int):
            found += f"[{step}]"
        else:
            found = f"$lookup({found}, {text(step)})" if "`" in step else f"{found}.{field(step)}"
    return found


def required(inner: str, otherwise: str) -> str:
    """A value that fails the state with the message `otherwise` where it is missing."""
    return f"($exists({inner}) ? {inner} : $error({text(otherwise)}))"


def merged(member: str, key: str, value: str) -> str:
    """The state's input with `value` (an expression) added under `key` to the object `member`."""
    inner = f"$merge([$states.input.{member}, {{{text(key)}: {value}}}])"
    return expression(f"$merge([$states.input, {{'{member}': {inner}}}])")


def recorded(step: str, value: str) -> str:
    """The state's input with the properties of a step."""
    return merged("Steps", step, value)
