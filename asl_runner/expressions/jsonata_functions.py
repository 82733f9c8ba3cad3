"""The functions Step Functions adds to JSONata: `$partition $range $hash $random $uuid $parse` (developer guide).

Each raises `ArgumentProblem` for values it cannot take; undefined in gives undefined out, as in JSONata's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asl_runner.expressions.environment import Environment, Json
from asl_runner.expressions.intrinsic_functions import (
    ArgumentProblem,
    bounded_range,
    hash_text,
    parse_json,
    random_uuid,
    round_half_up,
)
from asl_runner.expressions.json_text import type_name
from asl_runner.expressions.jsonata_syntax import RENAMED

MAX_ITEMS = 1_000_000
"""Longest list `$range` makes, as JSONata's own range operator."""


def partition(array: Json, size: Json) -> list[list[Json]]:
    """`$partition(array, size)`: chunks of at most `size` elements."""
    items = array if isinstance(array, list) else [array]
    step = round_half_up(size, "The second argument of $partition")
    if step < 1:
        raise ArgumentProblem("The second argument of $partition must be a positive integer")
    return [items[start : start + step] for start in range(0, len(items), step)]


def number_range(first: Json, last: Json, step: Json) -> list[int]:
    """`$range(first, last, step)`: the end is included when it is hit."""
    start = round_half_up(first, "The first argument of $range")
    end = round_half_up(last, "The second argument of $range")
    stride = round_half_up(step, "The third argument of $range")
    return bounded_range(start, end, stride, MAX_ITEMS)


def parse(text: Json) -> Json:
    """`$parse(text)`: the value of a JSON text."""
    if not isinstance(text, str):
        raise ArgumentProblem(f"The argument of $parse must be a string, not {type_name(text)}")
    return parse_json(text)


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


def functions_for(
    names: frozenset[str], env: Environment, undefined: object, format_millis: Callable[..., Any]
) -> dict[str, Callable[..., Any]]:
    """The functions among `names` as the engine calls them: any number of arguments, `undefined` where one is missing.

    Random numbers and the time come from `env`, so that a replayed execution gets the same ones. `format_millis` is
    JSONata's own `$fromMillis(millis, picture, timezone)`.
    """

    def total(call: Callable[..., Any], count: int) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            given = [*arguments, *[undefined] * (count - len(arguments))][:count]
            return undefined if any(argument is undefined for argument in given) else call(*given)

        return run

    def ranged(first: Json, last: Json, step: Json) -> Any:
        numbers = number_range(first, last, step)
        # A JSONata sequence of one is its element, of none is undefined (recorded for one).
        return numbers if len(numbers) > 1 else numbers[0] if numbers else undefined

    def random(*arguments: Any) -> float:
        if not arguments or arguments[0] is undefined:
            return env.random.random()
        return java_random(round_half_up(arguments[0], "The argument of $random"))

    # One moment for a whole evaluation, as JSONata has it; whole milliseconds, as the context object shows times.
    moment = int(env.now * 1_000_000 + 0.5) // 1000 if _CLOCK & names else 0

    every: dict[str, Callable[..., Any]] = {
        "partition": total(partition, 2),
        "range": total(ranged, 3),
        "hash": total(hash_text, 2),
        "parse": total(parse, 1),
        RENAMED["random"]: random,
        "uuid": lambda *_: random_uuid(env.random),
        RENAMED["millis"]: lambda *_: moment,
        RENAMED["now"]: lambda *how: format_millis(moment, *how),
    }
    return {name: call for name, call in every.items() if name in names}


_CLOCK = frozenset({RENAMED["now"], RENAMED["millis"]})

FUNCTION_NAMES = frozenset({"partition", "range", "hash", "parse", RENAMED["random"], "uuid"}) | _CLOCK
"""What `functions_for` knows."""
