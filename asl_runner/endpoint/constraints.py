"""Whether a request keeps the constraints of its shape: a quick test per shape, compiled once.

Almost every request does. For one that does not, `asl_runner.service_model.validation` finds each fault and words it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from asl_runner.service_model.validation import matches

Holds: TypeAlias = Callable[[Any], bool]


class Constraints:
    """The tests of one service's shapes, made when first asked for."""

    def __init__(self, *, open_enums: frozenset[str] = frozenset()) -> None:
        self.open_enums = open_enums
        self._made: dict[str, Holds] = {}

    def test(self, shape: Any) -> Holds:
        """Says whether a value of the right type keeps the shape's constraints."""
        known = self._made.get(shape.name)
        if known is not None:
            return known
        match shape.type_name:
            case "structure" if not getattr(shape, "is_document_type", False):
                return self._structure(shape)
            case "list" | "map" as kind:
                return self._collection(shape, kind)
            case "string":
                made = _string(shape, open_enum=shape.name in self.open_enums)
            case "integer" | "long" | "float" | "double":
                made = _bounded(shape, lambda value: value)
            case "blob":
                made = _bounded(shape, len)
            case _:
                made = _anything
        self._made[shape.name] = made
        return made

    def _structure(self, shape: Any) -> Holds:
        required = tuple(shape.required_members)
        members: dict[str, Holds] = {}

        def holds(value: Any) -> bool:
            return all(name in value for name in required) and all(
                members[name](item) for name, item in value.items() if name in members
            )

        # Known before its members are: shapes may hold themselves.
        self._made[shape.name] = holds
        tests = {name: self.test(member) for name, member in shape.members.items()}
        members.update({name: test for name, test in tests.items() if test is not _anything})
        return holds

    def _collection(self, shape: Any, kind: str) -> Holds:
        inner: list[Holds] = []
        size = _bounded(shape, len)

        def holds_list(value: Any) -> bool:
            return size(value) and (inner[0] is _anything or all(map(inner[0], value)))

        def holds_map(value: Any) -> bool:
            return size(value) and all(map(inner[1], value)) and all(map(inner[0], value.values()))

        self._made[shape.name] = holds_list if kind == "list" else holds_map
        inner.append(self.test(shape.member if kind == "list" else shape.value))
        if kind == "map":
            inner.append(self.test(shape.key))
        return self._made[shape.name]


def _anything(value: Any) -> bool:
    return True


def _bounded(shape: Any, measure: Callable[[Any], Any]) -> Holds:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is None and high is None:
        return _anything
    if low is None:
        return lambda value: bool(measure(value) <= high)
    if high is None:
        return lambda value: bool(measure(value) >= low)
    return lambda value: bool(low <= measure(value) <= high)


def _string(shape: Any, *, open_enum: bool) -> Holds:
    allowed = shape.metadata.get("enum")
    if allowed and not open_enum:
        return frozenset(allowed).__contains__
    size, pattern = _bounded(shape, len), shape.metadata.get("pattern")
    if pattern is None:
        return size
    return lambda value: size(value) and matches(pattern, value)
