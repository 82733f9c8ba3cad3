"""Payload templates: what is computed, what is literal, what is shared, and AWS's texts when a path finds nothing."""

from __future__ import annotations

from typing import Any

import pytest
from expression_surroundings import NOWHERE, Surroundings, json_values
from hypothesis import given

from asl_runner.expressions.environment import ExpressionError, ExpressionSyntaxError
from asl_runner.expressions.locations import LocatedSyntaxError
from asl_runner.expressions.template import compile_template, compile_value, template_problems

ENV = Surroundings({"result": {"x": [1]}}, {"Execution": {"Name": "run"}})


@pytest.mark.parametrize(
    "template, expected",
    [
        ({"a.$": "$.n"}, {"a": 1}),
        ({"a.$": "$$.Execution.Name"}, {"a": "run"}),
        ({"a.$": "$result.x"}, {"a": [1]}),
        ({"a.$": "States.MathAdd($.n, 1)"}, {"a": 2}),
        ({"a": "$.n", "b": "$result", "c": "States.UUID()"}, {"a": "$.n", "b": "$result", "c": "States.UUID()"}),
        ({"a": {"b": {"c.$": "$.n"}}}, {"a": {"b": {"c": 1}}}),
        ({"a": [{"b.$": "$.n"}, "$.n", [{"c.$": "$.n"}]]}, {"a": [{"b": 1}, "$.n", [{"c": 1}]]}),
        ({"z": 1, "a.$": "$.n", "b": 2}, {"z": 1, "a": 1, "b": 2}),
        ({"all.$": "$"}, {"all": {"n": 1, "list": [{"v": 1}, {"v": 2}]}}),
        ({"vs.$": "$.list[*].v", "none.$": "$.missing[*]"}, {"vs": [1, 2], "none": []}),
        ([{"a.$": "$.n"}], [{"a": 1}]),
        ("$.n", "$.n"),
        (None, None),
        ({}, {}),
    ],
)
def test_keys_that_end_in_dollar_are_computed(template: Any, expected: Any) -> None:
    value = compile_template(template)({"n": 1, "list": [{"v": 1}, {"v": 2}]}, ENV)
    assert value == expected
    if isinstance(expected, dict):
        assert list(value) == list(expected)


def test_literals_and_found_values_are_shared() -> None:
    literal = {"deep": [1]}
    data = {"found": {"x": 1}}
    value = compile_template({"literal": literal, "found.$": "$.found"})(data, ENV)
    assert value["literal"] is literal
    assert value["found"] is data["found"]


@given(json_values)
def test_a_template_with_nothing_to_compute_is_itself(value: Any) -> None:
    plain = _without_dollar_keys(value)
    assert compile_template(plain)({}, NOWHERE) is plain


def _without_dollar_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key + "_": _without_dollar_keys(member) for key, member in value.items()}
    return [_without_dollar_keys(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "template, message",
    [
        (
            {"value.$": "$.no_such_jsonpath"},
            "The JSONPath '$.no_such_jsonpath' specified for the field 'value.$' could not be found in the input "
            "'{\"int-literal\":0}'",
        ),
        (
            {"a": {"value.$": "States.Format('{}', $.x)"}, "b.$": "$"},
            "The JSONPath '$.x' specified for the field 'value.$' could not be found in the input "
            "'{\"int-literal\":0}'",
        ),
        (
            {"a": 1, "value.$": "$$.Execution.Input.x"},
            "The JSONPath '$$.Execution.Input.x' specified for the field 'value.$' could not be found in the input "
            '\'{"Execution":{"Name":"run"}}\'',
        ),
    ],
)
def test_a_missing_path_is_told_in_awss_words(template: Any, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_template(template)({"int-literal": 0}, ENV)
    assert caught.value.message == message
    assert caught.value.error == "States.Runtime"


def test_compile_value_names_its_field() -> None:
    assert compile_value("$.a", "ErrorPath")({"a": "x"}, ENV) == "x"
    assert compile_value("States.Format('{}!', $.a)", "CausePath")({"a": "x"}, ENV) == "x!"
    with pytest.raises(ExpressionError) as caught:
        compile_value("$.ErrorX", "ErrorPath")({"é": 1.0}, ENV)
    assert caught.value.message == (
        "The JSONPath '$.ErrorX' specified for the field 'ErrorPath' could not be found in the input '{\"é\":1.0}'"
    )
    with pytest.raises(ExpressionSyntaxError):
        compile_value("plain text", "CausePath")


def test_every_problem_is_listed_with_its_place() -> None:
    template = {"a.$": "$.x y", "b": [1, {"c.$": 3}], "d": 1, "d.$": "$", "e.$": "States.Nope()", "f.$": "$.fine"}
    problems = template_problems(template)
    assert sorted(str(location) for location, _ in problems) == sorted(
        map(str, [("a.$",), ("b", 1, "c.$"), ("d.$",), ("e.$",)])
    )
    by_place = dict(problems)
    assert by_place[("a.$",)].offset == 3
    assert "The value for the field 'e.$' must be a valid JSONPath or a valid intrinsic function call" in str(
        by_place[("e.$",)]
    )
    with pytest.raises(LocatedSyntaxError) as caught:
        compile_template(template)
    assert caught.value.location in by_place
    assert template_problems({"a.$": "$.fine"}) == []
