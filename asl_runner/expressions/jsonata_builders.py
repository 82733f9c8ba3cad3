"""Functions of the engine that could build more than memory holds in one call to C: they ask first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jsonata2py.errors import _RuntimeEvaluationError as EngineError
from jsonata2py.runtime import MISSING, JLambda, JRegex, core, lambdas
from jsonata2py.runtime.strings import regex_ops

from asl_runner.expressions.jsonata_guard import LARGE, SIZE_LIMIT, TOO_LARGE, TooFar, current
from asl_runner.expressions.jsonata_values import weigh

RANGE_LIMIT = 10_000_000
"""Numbers the range operator gives, in jsonata-js; `SIZE_LIMIT` allows fewer."""

Call = Callable[..., Any]


def _range(first: Any, last: Any) -> Any:
    if core.is_number(first) and core.is_number(last) and last - first >= LARGE:
        size = int(last) - int(first) + 1
        if size > RANGE_LIMIT:
            raise EngineError("D2014", _RANGE_TEXT.format(size))
        if size * 8 > SIZE_LIMIT:
            raise TooFar(TOO_LARGE)
        current.get().charge(size * 40)
    return core.range_(first, last)


_RANGE_TEXT = (
    "The size of the sequence allocated by the range operator (..) must not exceed 1e6.  Attempted to allocate {}."
)


def _long(size: int) -> None:
    """A string of `size` characters is about to be built."""
    if size > SIZE_LIMIT:
        raise TooFar(TOO_LARGE)
    if size > LARGE:
        current.get().charge(size)


def _concat(left: Any, right: Any) -> str:
    first = "" if left is MISSING else left if left.__class__ is str else _text(left)
    second = "" if right is MISSING else right if right.__class__ is str else _text(right)
    if len(first) + len(second) > LARGE:
        _long(len(first) + len(second))
    return first + second


def _text(value: Any) -> str:
    if isinstance(value, (list, dict)):
        weigh(value)
    text: str = core.to_text(value)
    return text


def _string(value: Any, prettify: Any = MISSING) -> Any:
    if isinstance(value, (list, dict)):
        weigh(value)
    return core.fn_string(value, prettify)


def _join(array: Any, separator: Any = MISSING) -> Any:
    if isinstance(array, list):
        between = len(separator) if isinstance(separator, str) else 0
        _long(sum(len(part) + between for part in array if isinstance(part, str)))
    return core.fn_join(array, separator)


def _pad(text: Any, width: Any, character: Any = MISSING) -> Any:
    if core.is_number(width):
        _long(int(min(abs(width), SIZE_LIMIT + 1)))
    return core.fn_pad(text, width, character)


def _split(text: Any, separator: Any, limit: Any = MISSING) -> Any:
    if isinstance(text, str) and len(text) > LARGE:
        current.get().charge(len(text) * 64)
    return core.fn_split(text, separator, limit)


def _replace(text: Any, pattern: Any, replacement: Any, limit: Any = MISSING) -> Any:
    if isinstance(replacement, JLambda):
        return core.fn_replace(text, pattern, _counted(replacement), limit)
    if isinstance(text, str) and isinstance(replacement, str) and len(text) * len(replacement) > SIZE_LIMIT:
        # A replacement is there once for each match, and may repeat what was matched.
        if isinstance(pattern, JRegex):
            matches = sum(1 for _ in regex_ops.iter_matches(pattern.compiled, text))
        else:
            matches = text.count(pattern) if isinstance(pattern, str) and pattern else 0
        _long(matches * len(replacement) + (1 + replacement.count("$")) * len(text))
    return core.fn_replace(text, pattern, replacement, limit)


def _counted(replacement: JLambda) -> JLambda:
    size = 0

    def replaced(match: Any) -> Any:
        nonlocal size
        given = lambdas.fn_apply(replacement, match)
        size += len(given) if isinstance(given, str) else 0
        _long(size)
        return given

    return JLambda(replaced, replacement.arity)


def _extending(call: Call) -> Call:
    """A function whose list is as long as its arguments together."""

    def extend(*arguments: Any) -> Any:
        size = 0
        for argument in arguments:
            if argument.__class__ is list:
                size += len(argument)
        if size > LARGE:
            if size * 8 > SIZE_LIMIT:
                raise TooFar(TOO_LARGE)
            current.get().charge(size * 8)
        return call(*arguments)

    return extend


BUILDERS: dict[str, Call] = {
    "range_": _range,
    "concat": _concat,
    "array": _extending(core.array),
    "array_of": _extending(core.array_of),
    "fn_append": _extending(core.fn_append),
    "fn_zip": _extending(core.fn_zip),
    "fn_reverse": _extending(core.fn_reverse),
    "fn_string": _string,
    "fn_join": _join,
    "fn_pad": _pad,
    "fn_split": _split,
    "fn_replace": _replace,
}
