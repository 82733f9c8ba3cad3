"""The 18 intrinsic functions of the States Language as plain Python functions, and the table of them.

Each function takes JSON values and gives one; it raises `ArgumentProblem` for values it cannot take. Limits and
behaviour: ASL spec, Intrinsic Functions; recorded corrections: reference expressions, section C.
"""

from __future__ import annotations

import base64
import binascii
import math
import uuid
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact, java_text, type_name

MAX_TEXT = 10_000
"""Most characters Hash and the Base64 functions take."""
MAX_RANGE = 1_000
"""Most items ArrayRange gives."""


class ArgumentProblem(ValueError):
    """A function cannot take these arguments; the text says which and why."""


class Function(Struct, frozen=True):
    """One row of the table. `most` None means any number; `random` functions take the random source first."""

    call: Callable[..., Json]
    least: int
    most: int | None
    random: bool = False


def round_half_up(value: Json, what: str) -> int:
    """A number as an integer, halves upwards as Java's `Math.round` does: 2.5 is 3, -2.5 is -2."""
    if type(value) is int:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return math.floor(value + 0.5)
    raise ArgumentProblem(f"{what} must be a number but was {_shown(value)}")


def equal(left: Json, right: Json) -> bool:
    """Deep equality of JSON values: as Python's, but true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(equal(member, right[key]) for key, member in left.items())
        )
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def format_parts(parts: list[str], values: list[Json]) -> str:
    """Format's template, cut at each `{}`, with the values in the gaps."""
    if len(parts) != len(values) + 1:
        raise ArgumentProblem(
            f"The template has {len(parts) - 1} occurrences of {{}} but {len(values)} values were given"
        )
    shown = [value if type(value) is str else java_text(value) for value in values]
    return parts[0] + "".join([text + part for text, part in zip(shown, parts[1:], strict=True)])


def _format(template: Json, *values: Json) -> str:
    return format_parts(_text(template, "The template").split("{}"), list(values))


def _string_to_json(text: Json) -> Json:
    text = _text(text, "The argument")
    if not text.strip():
        return None
    return parse_json(text)


def parse_json(text: str) -> Json:
    """The value of a JSON text."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as problem:
        raise ArgumentProblem(f"The string is not valid JSON: {problem}") from None


def _array(*items: Json) -> list[Json]:
    return list(items)


def _array_partition(array: Json, size: Json) -> list[list[Json]]:
    items = _list(array)
    step = round_half_up(size, "The chunk size")
    if step < 1:
        raise ArgumentProblem(f"The chunk size must be a positive integer but was {step}")
    return [items[start : start + step] for start in range(0, len(items), step)]


def _array_contains(array: Json, wanted: Json) -> bool:
    return any(equal(item, wanted) for item in _list(array))


def _array_range(first: Json, last: Json, step: Json) -> list[int]:
    start = round_half_up(first, "The first value")
    end = round_half_up(last, "The last value")
    stride = round_half_up(step, "The step")
    return bounded_range(start, end, stride, MAX_RANGE)


def bounded_range(start: int, end: int, stride: int, most: int) -> list[int]:
    """The numbers from `start` to `end`, both included; fails rather than give more than `most`."""
    if stride == 0:
        raise ArgumentProblem("The step must not be 0")
    count = max((end - start) // stride + 1, 0)
    if count > most:
        raise ArgumentProblem(f"The range would have {count} items; at most {most} are possible")
    return [start + position * stride for position in range(count)]


def _array_get_item(array: Json, index: Json) -> Json:
    items = _list(array)
    position = round_half_up(index, "The index")
    if not 0 <= position < len(items):
        raise ArgumentProblem(f"The index {position} is out of bounds for an array of length {len(items)}")
    return items[position]


def _array_length(array: Json) -> int:
    return len(_list(array))


def _array_unique(array: Json) -> list[Json]:
    import json

    unique: dict[str, Json] = {}
    for item in _list(array):
        unique.setdefault(json.dumps(item, sort_keys=True), item)
    return list(unique.values())


def _base64_encode(text: Json) -> str:
    return base64.b64encode(_short_text(text).encode("utf-8", "surrogatepass")).decode("ascii")


def _base64_decode(text: Json) -> str:
    try:
        return base64.b64decode(_short_text(text), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as problem:
        raise ArgumentProblem(f"The string is not valid Base64: {problem}") from None


_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def hash_text(data: Json, algorithm: Json) -> str:
    """The hexadecimal hash of a string, or of the JSON text of another value; also JSONata's `$hash`."""
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise ArgumentProblem(f"The algorithm must be one of {', '.join(_ALGORITHMS)} but was {_shown(algorithm)}")
    text = data if isinstance(data, str) else compact(data)
    import hashlib  # Loads all of OpenSSL.

    digest = hashlib.new(_ALGORITHMS[algorithm], usedforsecurity=False)
    digest.update(_short_text(text).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _json_merge(left: Json, right: Json, deep: Json) -> dict[str, Json]:
    if not isinstance(left, dict) or not isinstance(right, dict):
        wrong = left if not isinstance(left, dict) else right
        raise ArgumentProblem(f"The first two arguments must be objects but one was {_shown(wrong)}")
    if deep is not False:
        raise ArgumentProblem(f"The third argument must be false, as only shallow merging exists, but was {deep!r}")
    return {**left, **right}


def _math_add(left: Json, right: Json) -> int:
    first = round_half_up(left, "The first value")
    second = round_half_up(right, "The second value")
    if not (-0x80000000 <= first <= 0x7FFFFFFF and -0x80000000 <= second <= 0x7FFFFFFF):
        raise ArgumentProblem("The values must be between -2147483648 and 2147483647")
    return first + second


def _math_random(source: Random, start: Json, end: Json, *seed: Json) -> int:
    low = round_half_up(start, "The start")
    high = round_half_up(end, "The end")
    if low >= high:
        raise ArgumentProblem(f"The start must be less than the end but they were {low} and {high}")
    if seed:
        source = Random(round_half_up(seed[0], "The seed"))
    return source.randrange(low, high)


def _string_split(text: Json, delimiters: Json) -> list[str]:
    """Splits at every single character of `delimiters` and drops empty parts (recorded)."""
    marks = _text(delimiters, "The delimiter")
    subject = _text(text, "The string")
    if not marks:
        return [subject] if subject else []
    first = marks[0]
    for mark in marks[1:]:
        subject = subject.replace(mark, first)
    return [part for part in subject.split(first) if part]


def random_uuid(source: Random) -> str:
    """A version 4 UUID of the given random source; also JSONata's `$uuid`."""
    return str(uuid.UUID(int=source.getrandbits(128), version=4))


FUNCTIONS: dict[str, Function] = {
    "States.Format": Function(_format, 1, None),
    "States.StringToJson": Function(_string_to_json, 1, 1),
    "States.JsonToString": Function(compact, 1, 1),
    "States.Array": Function(_array, 0, None),
    "States.ArrayPartition": Function(_array_partition, 2, 2),
    "States.ArrayContains": Function(_array_contains, 2, 2),
    "States.ArrayRange": Function(_array_range, 3, 3),
    "States.ArrayGetItem": Function(_array_get_item, 2, 2),
    "States.ArrayLength": Function(_array_length, 1, 1),
    "States.ArrayUnique": Function(_array_unique, 1, 1),
    "States.Base64Encode": Function(_base64_encode, 1, 1),
    "States.Base64Decode": Function(_base64_decode, 1, 1),
    "States.Hash": Function(hash_text, 2, 2),
    "States.JsonMerge": Function(_json_merge, 3, 3),
    "States.MathRandom": Function(_math_random, 2, 3, random=True),
    "States.MathAdd": Function(_math_add, 2, 2),
    "States.StringSplit": Function(_string_split, 2, 2),
    "States.UUID": Function(random_uuid, 0, 0, random=True),
}


def _list(value: Json) -> list[Any]:
    if not isinstance(value, list):
        raise ArgumentProblem(f"The first argument must be an array but was {_shown(value)}")
    return value


def _text(value: Json, what: str) -> str:
    if not isinstance(value, str):
        raise ArgumentProblem(f"{what} must be a string but was {_shown(value)}")
    return value


def _short_text(value: Json) -> str:
    text = _text(value, "The first argument")
    if len(text) > MAX_TEXT:
        raise ArgumentProblem(f"The string has {len(text)} characters; at most {MAX_TEXT} are possible")
    return text


def _shown(value: Json) -> str:
    text = compact(value)
    return f"{type_name(value)} {text if len(text) <= 100 else text[:97] + '...'}"
