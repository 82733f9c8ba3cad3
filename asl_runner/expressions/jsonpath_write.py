"""ResultPath: a copy of the raw input with a result put at a Reference Path; nothing given is ever changed."""

from __future__ import annotations

from typing import NoReturn

from asl_runner.expressions.environment import ExpressionError, Json, Writer
from asl_runner.expressions.json_text import compact
from asl_runner.expressions.jsonpath_steps import ParsedPath, path_keys


class ReferencePathConflict(ExpressionError):
    """A result cannot be put where ResultPath says, because the input is not made so."""

    error = "States.ReferencePathConflict"


def compile_writer(path: ParsedPath) -> Writer:
    """A function of (raw input, result) that gives the combined value.

    Missing objects along the path are created; an array element must exist already (reference: asl, section 3).
    The function raises `ReferencePathConflict` when the path leads through something that cannot hold it.
    """
    keys = path_keys(path)
    if not keys:
        return _replace
    if len(keys) == 1 and isinstance(keys[0], str):
        return _member_writer(path.text, keys[0])
    return _deep_writer(path.text, keys)


def _replace(data: Json, result: Json) -> Json:
    return result


def _member_writer(text: str, name: str) -> Writer:
    def write(data: Json, result: Json) -> Json:
        if not isinstance(data, dict):
            _fail(text, data)
        return {**data, name: result}

    return write


def _deep_writer(text: str, keys: tuple[str | int, ...]) -> Writer:
    last = len(keys) - 1

    def put(node: Json, position: int, result: Json, data: Json) -> Json:
        key = keys[position]
        if isinstance(key, str):
            if not isinstance(node, dict):
                _fail(text, data)
            child = result if position == last else put(node.get(key, {}), position + 1, result, data)
            return {**node, key: child}
        if not isinstance(node, list) or not -len(node) <= key < len(node):
            _fail(text, data)
        copy = list(node)
        copy[key] = result if position == last else put(node[key], position + 1, result, data)
        return copy

    def write(data: Json, result: Json) -> Json:
        return put(data, 0, result, data)

    return write


def _fail(text: str, data: Json) -> NoReturn:
    raise ReferencePathConflict(f"Unable to apply ReferencePath {text} to input {compact(data)}")
