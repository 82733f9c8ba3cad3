"""What is wrong with a text that is not JSON, in the words of AWS's parser."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.expressions.jackson import JsonError, parse

_VALUES = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"


@pytest.mark.parametrize(
    ("text", "problem", "column"),
    [
        ("not a definition", f"Unrecognized token 'not': was expecting ({_VALUES})", 4),
        ("", "No content to map due to end-of-input", 0),
        ("{a:1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name", 3),
        ('{"a":}', f"Unexpected character ('}}' (code 125)): expected a valid value ({_VALUES})", 7),
        ('{"a" 1}', "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", 7),
        ("[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 5),
        ('"abc', "Unexpected end-of-input: was expecting closing quote for a string value", 5),
        ("01", "Invalid numeric value: Leading zeroes not allowed", 2),
        ('"\\x"', "Unrecognized character escape 'x' (code 120)", 4),
        ("{} x", f"Unrecognized token 'x': was expecting ({_VALUES})", 5),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, problem: str, column: int) -> None:
    with pytest.raises(JsonError) as caught:
        parse(text)
    assert caught.value.problem == problem
    assert str(caught.value) == f'{problem}\n at [Source: (String)"{text}"; line: 1, column: {column}]'


def test_a_missing_close_marker_says_where_it_opened() -> None:
    with pytest.raises(JsonError) as caught:
        parse('[\n {"a": 1')
    assert caught.value.problem.startswith("Unexpected end-of-input: expected close marker for Object (start marker at")
    assert "line: 2, column: 2]" in caught.value.problem
    assert caught.value.place.endswith("line: 2, column: 9]")


def test_of_a_long_text_the_beginning_is_quoted() -> None:
    with pytest.raises(JsonError, match=r"\[truncated 101 chars\]"):
        parse("x" + "y" * 600)


def test_nesting_has_an_end() -> None:
    with pytest.raises(JsonError, match="nesting depth"):
        parse("[" * 100_000)


@given(st.text(alphabet='{}[]":,\\ \n01-eEutrfalsn\ud800', max_size=12))
def test_exactly_json_is_taken(text: str) -> None:
    try:
        expected = json.loads(text, parse_constant=lambda name: float(name) / 0)
    except (ValueError, ZeroDivisionError):
        with pytest.raises(JsonError):
            parse(text)
    else:
        assert parse(text) == expected
