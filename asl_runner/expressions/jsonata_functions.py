"""The functions Step Functions adds to JSONata: `$partition $range $hash $random $uuid $parse` (developer guide).

Each raises `ArgumentProblem` for values it cannot take. What they do with odd arguments was measured at the service:
a fraction is cut off towards zero; a chunk size or a step of 0, an empty array, a step in the wrong direction and a
missing argument give undefined.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from asl_runner.expressions.environment import Environment, Json
from asl_runner.expressions.intrinsic_functions import ArgumentProblem, hash_text, parse_json, random_uuid
from asl_runner.expressions.json_text import type_name
from asl_runner.expressions.jsonata_guard import TOO_LARGE, TooFar
from asl_runner.expressions.jsonata_values import weigh

RANGE_LIMIT = 360_145
"""Longest list `$range` makes (measured at the service)."""


class NothingFound(Exception):
    """The function gives undefined."""


class Function(NamedTuple):
    """One row of the table: what is called with the environment and the arguments, of which `required` must be there.

    `sequence`: a list of one is its element, and of none is undefined, as JSONata's own sequences are.
    """

    call: Callable[..., Any]
    arity: int
    required: int
    sequence: bool = False


def _integer(value: Json, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ArgumentProblem(f"{what} must be a number, not {type_name(value)}")
    return int(value)


def _partition(env: Environment, array: Json, size: Json) -> list[list[Json]]:
    """`$partition(array, size)`: chunks of at most `size` elements."""
    items = array if isinstance(array, list) else [array]
    step = _integer(size, "The second argument of $partition")
    if step < 0:
        raise ArgumentProblem("The second argument of $partition must be a positive integer")
    if not items or step == 0:
        raise NothingFound
    return [items[start : start + step] for start in range(0, len(items), step)]


def _range(env: Environment, first: Json, last: Json, step: Json) -> list[int]:
    """`$range(first, last, step)`: the end is included when it is hit."""
    start = _integer(first, "The first argument of $range")
    end = _integer(last, "The second argument of $range")
    stride = _integer(step, "The third argument of $range")
    count = (end - start) // stride + 1 if stride else 0
    if count > RANGE_LIMIT:
        raise TooFar(TOO_LARGE)
    return [start + position * stride for position in range(count)]


def _hash(env: Environment, data: Json, algorithm: Json) -> str:
    if isinstance(data, (dict, list)):
        weigh(data)
    return hash_text(data, algorithm)


def _parse(env: Environment, text: Json) -> Json:
    """`$parse(text)`: the value of a JSON text."""
    if not isinstance(text, str):
        raise ArgumentProblem(f"The argument of $parse must be a string, not {type_name(text)}")
    return parse_json(text)


def _random(env: Environment, seed: Json = None) -> float:
    return env.random.random() if seed is None else java_random(_integer(seed, "The argument of $random"))


def java_random(seed: int) -> float:
    """The first `nextDouble()` of a `java.util.Random` with this seed, which is what `$random(seed)` gives."""
    mask = (1 << 48) - 1
    state = (seed ^ 0x5DEECE66D) & mask

    def bits(count: int) -> int:
        nonlocal state
        state = (state * 0x5DEECE66D + 0xB) & mask
        return state >> (48 - count)

    high = bits(26)
    return float(((high << 27) + bits(27)) / (1 << 53))


def epoch_millis(env: Environment) -> int:
    """`$millis()`: one moment for a whole evaluation; whole milliseconds, as the context object shows times."""
    return int(env.now * 1_000_000 + 0.5) // 1000


FUNCTIONS: dict[str, Function] = {
    "partition": Function(_partition, 2, 2),
    "range": Function(_range, 3, 3, sequence=True),
    "hash": Function(_hash, 2, 2),
    "parse": Function(_parse, 1, 1),
    "random": Function(_random, 1, 0),
    "uuid": Function(lambda env: random_uuid(env.random), 0, 0),
}
