"""What comes out of an evaluation, as JSON: looked at once, no larger than a value may be, without functions.

A value may hold the same part many times, so that its text is far longer than its memory is large; parts are counted
as often as they are there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from asl_runner.expressions.environment import Json
from asl_runner.expressions.jsonata_guard import SIZE_LIMIT, TOO_LARGE, TooFar

_TRUSTED_OFTEN: Final = 64
"""Parts of the state's data that are taken as they are; more of them are counted."""

_WIDE: Final = 64
"""Members up to which the parts of the state's data are known one by one."""


class Unsupported(Exception):
    """The result is no JSON value: a function or a regular expression."""


class _Scale:
    """Weighs one value; `loose` says whether it holds what JSON does not."""

    def __init__(self, trusted: frozenset[int]) -> None:
        self.loose = False
        self._known: dict[int, int] = {}
        self._trusted = trusted
        self._skipped = 0

    def weigh(self, node: Any) -> int:
        size = self._known.get(id(node))
        if size is not None:
            return size
        size = 2
        if isinstance(node, dict):
            size += sum(map(len, node))
            members = node.values()
        else:
            members = node
        for member in members:
            kind = member.__class__
            if kind is str:
                size += len(member)
            elif kind is int or kind is bool or member is None:
                size += 8
            elif kind is float:
                size += 8
                if member - member != 0.0:
                    self.loose = True
            else:
                size += self._part(member)
        if size > SIZE_LIMIT:
            raise TooFar(TOO_LARGE)
        self._known[id(node)] = size
        return size

    def _part(self, member: Any) -> int:
        if not isinstance(member, (dict, list)):
            self.loose = True
            return 8
        if id(member) in self._trusted and self._skipped < _TRUSTED_OFTEN:
            self._skipped += 1
            return 8
        return self.weigh(member)


def weigh(value: dict[str, Any] | list[Any]) -> int:
    """The bytes a container holds as `SIZE_LIMIT` counts them; raises `TooFar` where they are too many."""
    return _Scale(frozenset()).weigh(value)


def as_json(result: Any, data: Iterator[Json]) -> Json:
    """A result as JSON holds it; parts that are part of `data`, which is JSON, are not looked into.

    Raises `Unsupported`, and `TooFar` for more than a value may hold.
    """
    if not isinstance(result, (dict, list)):
        return _scalar(result)
    scale = _Scale(frozenset(_parts(data)))
    scale.weigh(result)
    return _rebuilt(result) if scale.loose else result


def _parts(data: Iterator[Json]) -> Iterator[int]:
    for value in data:
        if not isinstance(value, (dict, list)):
            continue
        yield id(value)
        if len(value) <= _WIDE:
            for member in value.values() if isinstance(value, dict) else value:
                yield id(member)


def _rebuilt(value: Any) -> Json:
    if isinstance(value, dict):
        return {key: _rebuilt(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_rebuilt(member) for member in value]
    return _scalar(value)


def _scalar(value: Any) -> Json:
    if value.__class__ is float and not math.isfinite(value):
        # As the service writes it: the name it has in JavaScript.
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if value is not None and not isinstance(value, (str, int, float)):
        raise Unsupported
    return value
