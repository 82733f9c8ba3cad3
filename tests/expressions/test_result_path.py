"""ResultPath writes copy along the path and change nothing they are given."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest
from expression_surroundings import NOWHERE, json_values, names
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.expressions.environment import ExpressionSyntaxError
from asl_runner.expressions.jsonpath import compile_path
from asl_runner.expressions.jsonpath_write import ReferencePathConflict


@pytest.mark.parametrize(
    "text, data, expected",
    [
        ("$", {"a": 1}, "R"),
        ("$.r", {"a": 1}, {"a": 1, "r": "R"}),
        ("$.a", {"a": 1, "b": 2}, {"a": "R", "b": 2}),
        ("$.x.y.z", {"a": 1}, {"a": 1, "x": {"y": {"z": "R"}}}),
        ("$.a.y", {"a": {"x": 1}}, {"a": {"x": 1, "y": "R"}}),
        ("$.a[1]", {"a": [1, 2, 3]}, {"a": [1, "R", 3]}),
        ("$.a[0].b", {"a": [{"c": 1}]}, {"a": [{"c": 1, "b": "R"}]}),
        ("$[0]", [1], ["R"]),
        ("$['a b']['c.d']", {}, {"a b": {"c.d": "R"}}),
    ],
)
def test_the_result_is_put_at_the_path(text: str, data: Any, expected: Any) -> None:
    before = copy.deepcopy(data)
    assert compile_path(text).writer()(data, "R") == expected
    assert data == before


def test_what_is_not_on_the_path_is_shared() -> None:
    data = {"big": [1, 2, 3], "a": {"other": {}}}
    written = compile_path("$.a.r").writer()(data, 1)
    assert written["big"] is data["big"]
    assert written["a"]["other"] is data["a"]["other"]  # type: ignore[index]


@pytest.mark.parametrize(
    "text, data, shown",
    [
        ("$.r", "input1", '"input1"'),
        ("$.r", None, "null"),
        ("$.r", [1], "[1]"),
        ("$.a[3]", {"a": [1]}, '{"a":[1]}'),
        ("$.a[0]", {}, "{}"),
        ("$.a.b", {"a": 1}, '{"a":1}'),
        ("$.a.b.c", {"a": None}, '{"a":null}'),
    ],
)
def test_a_path_that_does_not_fit_the_input_conflicts(text: str, data: Any, shown: str) -> None:
    with pytest.raises(ReferencePathConflict) as caught:
        compile_path(text).writer()(data, 1)
    assert caught.value.message == f"Unable to apply ReferencePath {text} to input {shown}"
    assert caught.value.error == "States.ReferencePathConflict"


@pytest.mark.parametrize("text", ["$$.x", "$v.x", "$.a[*]", "$..a", "$.a[0,1]", "$.a[1:]"])
def test_only_reference_paths_of_the_input_can_be_written(text: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        compile_path(text).writer()


@given(json_values, st.lists(names, min_size=1, max_size=4), json_values)
def test_writing_mutates_nothing_and_reads_back(data: Any, keys: list[str], result: Any) -> None:
    quoted = "$" + "".join("['" + key.replace("\\", "\\\\").replace("'", "\\'") + "']" for key in keys)
    path = compile_path(quoted)
    before = copy.deepcopy(data)
    with suppress(ReferencePathConflict):
        assert path(path.writer()(data, result), NOWHERE) is result
    assert data == before
