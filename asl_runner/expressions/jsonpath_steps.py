"""A path taken apart: its root and its steps, as the parser gives them and the compilers take them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import quoted_name
from asl_runner.expressions.jsonpath_filter import FilterExpression

Root: TypeAlias = Literal["input", "context", "variable"]


class Name(Struct, frozen=True):
    """`.name` or `['name']`: one member of an object."""

    name: str


class Index(Struct, frozen=True):
    """`[n]`: one element of an array; negative counts from the end."""

    position: int


class Names(Struct, frozen=True):
    """`['a','b']`: several members."""

    names: tuple[str, ...]


class Indices(Struct, frozen=True):
    """`[0,2]`: several elements."""

    indices: tuple[int, ...]


class Slice(Struct, frozen=True):
    """`[start:stop]`, either end open."""

    start: int | None
    stop: int | None


class Wildcard(Struct, frozen=True):
    """`.*` or `[*]`: every member or element."""


class Descend(Struct, frozen=True):
    """`..`: the node and everything below it; the next step selects."""


class Filter(Struct, frozen=True):
    """`[?(…)]`: the elements, or the object itself, for which the condition holds."""

    condition: FilterExpression


Step: TypeAlias = Name | Index | Names | Indices | Slice | Wildcard | Descend | Filter


class ParsedPath(Struct, frozen=True):
    """A path taken apart. `variable` is the name without `$` when `root` is "variable"."""

    text: str
    root: Root
    variable: str | None
    steps: tuple[Step, ...]
    operators: bool
    """A dotted name holds an unescaped `@`, `:` or `?`, which a Reference Path must not."""

    @property
    def definite(self) -> bool:
        """Whether the path selects exactly one node (Jayway's definition: a final name union counts)."""
        *inner, last = self.steps or (Name(""),)
        return isinstance(last, (Name, Index, Names)) and all(isinstance(step, (Name, Index)) for step in inner)

    @property
    def reference(self) -> bool:
        """Whether the path is a Reference Path: names and single indices only (ASL spec, Reference Paths)."""
        return not self.operators and all(isinstance(step, (Name, Index)) for step in self.steps)


def path_keys(path: ParsedPath) -> tuple[str | int, ...]:
    """A path of names and single indices as keys of dicts and lists."""
    keys: list[str | int] = []
    for step in path.steps:
        if not isinstance(step, (Name, Index)):
            raise TypeError(f"{path.text} has more than names and indices")
        keys.append(step.name if isinstance(step, Name) else step.position)
    return tuple(keys)


def failing_step(path: ParsedPath, data: Json) -> tuple[str, Json]:
    """The step of a path of names and indices that finds nothing, and the value it cannot be applied to."""
    node = data
    for key in path_keys(path):
        try:
            if isinstance(key, int) and not isinstance(node, list):
                raise TypeError(key)
            node = node[key]
        except (KeyError, IndexError, TypeError):
            return (f"[{key}]" if isinstance(key, int) else key), node
    raise ValueError(f"{path.text} leads somewhere")


def jayway_text(root: str, steps: tuple[Step, ...] | list[Step]) -> str:
    """A definite path in the notation of Jayway's messages: `$['a'][0]`."""
    parts = [root]
    for step in steps:
        if isinstance(step, Name):
            parts.append(quoted_name(step.name))
        elif isinstance(step, Index):
            parts.append(f"[{step.position}]")
        elif isinstance(step, Names):
            parts.append("[" + ",".join(f"'{name}'" for name in step.names) + "]")
        else:
            raise TypeError(f"{step!r} is not a definite step")
    return "".join(parts)
