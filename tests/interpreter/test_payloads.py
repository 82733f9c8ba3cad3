"""Texts of state data: what was made once is not made again, and the result is always the value's JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from asl_runner.interpreter.payload import PayloadEncoder

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
)


@given(st.lists(values, min_size=1, max_size=5), values)
def test_every_text_is_the_json_of_its_value(around: list[Any], inside: Any) -> None:
    encoder = PayloadEncoder()
    large = {"rows": [["x" * 50, n] for n in range(200)], "inside": inside}
    for value in [large, {"a": large}, *({"v": v, "large": large, "rows": large["rows"]} for v in around), *around]:
        text = encoder.encode(value)
        assert json.loads(bytes(text)) == value
        assert len(text) == len(bytes(text))


def test_a_large_part_is_one_object_in_all_texts() -> None:
    encoder = PayloadEncoder()
    rows = list(range(10_000))
    encoder.encode({"box": {"rows": rows, "n": 0}})
    first = encoder.encode({"box": {"rows": rows, "n": 1}})
    second = encoder.encode({"other": [rows][0]})
    assert not isinstance(first, bytes)
    assert not isinstance(second, bytes)
    assert first.pieces[1] is second.pieces[1]


def test_memory_stays_bounded() -> None:
    encoder = PayloadEncoder()
    for n in range(200):
        encoder.encode({"big": "x" * 100_000, "n": [n] * 1000})
    kept = sum(len(text) for known in (encoder._known, encoder._older) for _, text in known.values())
    assert kept < 16 << 20
