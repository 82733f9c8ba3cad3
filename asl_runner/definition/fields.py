"""The Amazon States Language as a table: which object has which fields, and what each may hold.

Everything that reads a definition's structure reads this table: the validator, the parser and the published JSON
Schema. Sources: ASL specification; reference sections 1 to 13; ranges and field sets as the service's
ValidateStateMachineDefinition accepts them.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, TypeAlias

from msgspec import Struct

Language: TypeAlias = Literal["JSONPath", "JSONata"]

LARGEST = 99_999_999
"""The largest number of seconds or attempts."""


class Kind(Struct, frozen=True):
    """What a field may hold. Each subclass is one kind; its attributes are the limits."""


class Anything(Kind, frozen=True):
    """Any JSON value, kept as it is."""


class String(Kind, frozen=True):
    pass


class Boolean(Kind, frozen=True):
    pass


class Integer(Kind, frozen=True):
    minimum: int | None = None
    maximum: int | None = None


class Number(Kind, frozen=True):
    minimum: float | None = None
    maximum: float | None = None


class Choice(Kind, frozen=True):
    """One of some strings."""

    values: tuple[str, ...]


class Timestamp(Kind, frozen=True):
    """RFC 3339 with capital `T` and `Z` or an offset."""


class ResourceArn(Kind, frozen=True):
    """What a Task calls."""


class ReaderArn(Kind, frozen=True):
    """What an ItemReader or ResultWriter calls: only some S3 actions."""

    actions: tuple[str, ...]


class JsonPath(Kind, frozen=True):
    """A path to read. `null` gives `{}` where it is allowed."""

    nullable: bool = False


class ReferencePath(Kind, frozen=True):
    """A path to one node. `context` allows `$$`."""

    context: bool = False


class ResultPath(Kind, frozen=True):
    """Where to put a result in the input: a reference path or `null`."""


class PathOrIntrinsic(Kind, frozen=True):
    """A path, or an intrinsic function call."""


class Template(Kind, frozen=True):
    """JSONPath: a payload template. JSONata: any value with expressions in it, an object if `object_only`."""

    object_only: bool = False


class Variables(Kind, frozen=True):
    """`Assign`: a template whose keys are variable names."""


class Target(Kind, frozen=True):
    """The name of a state in the same `States`."""


class ErrorNames(Kind, frozen=True):
    """A non-empty array of error names."""


class Items(Kind, frozen=True):
    """JSONata `Items`: an array, an object, or an expression."""


class Condition(Kind, frozen=True):
    """A JSONata expression or a boolean."""


class ListOf(Kind, frozen=True):
    element: Kind
    nonempty: bool = False


class ObjectOf(Kind, frozen=True):
    shape: str


class StateMap(Kind, frozen=True):
    """`States`: state names to states."""


class Field(Struct, frozen=True, kw_only=True):
    """One field. `language` is set where it exists in one query language only.

    `expression` is the type a JSONata expression in its place must give; empty where none is allowed.
    """

    name: str
    kind: Kind
    required: bool = False
    language: Language | None = None
    expression: Literal["", "string", "number", "boolean"] = ""
    about: str = ""


class Shape(Struct, frozen=True, kw_only=True):
    """One kind of object: its fields, and which of them exclude each other.

    `at_most_one`: groups of which one may be there. `exactly_one`: groups of which one must be there. A group counts
    only in the query languages that have all its fields.
    """

    name: str
    fields: tuple[Field, ...]
    at_most_one: tuple[tuple[str, ...], ...] = ()
    exactly_one: tuple[tuple[str, ...], ...] = ()


@cache
def fields_of(shape: Shape, language: Language) -> dict[str, Field]:
    """The fields a shape has in a query language, by name."""
    return {field.name: field for field in shape.fields if field.language in (None, language)}


@cache
def required_of(shape: Shape, language: Language) -> tuple[str, ...]:
    """The names of the required fields, in the order the service lists them."""
    return tuple(field.name for field in shape.fields if field.required and field.language in (None, language))


@cache
def groups_of(shape: Shape, language: Language) -> tuple[tuple[tuple[str, ...], bool], ...]:
    """The exclusive groups that count in a query language, each with whether one of it is required."""
    known = fields_of(shape, language)
    groups: list[tuple[tuple[str, ...], bool]] = []
    for group, needed in [*((g, False) for g in shape.at_most_one), *((g, True) for g in shape.exactly_one)]:
        present = tuple(name for name in group if name in known)
        if len(present) > 1 or (needed and present):
            groups.append((present, needed))
    return tuple(groups)
