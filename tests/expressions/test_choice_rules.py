"""Choice rules: every operator, type mismatches, missing paths, and faults with their places."""

from __future__ import annotations

import fnmatch
from typing import Any

import pytest
from expression_surroundings import NOWHERE, Surroundings, json_values, outcome, scalars
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.expressions.choice import BOOLEAN_OPERATORS, OPERATORS, compile_rule, rule_problems
from asl_runner.expressions.environment import ExpressionError
from asl_runner.expressions.locations import LocatedSyntaxError

T0, T1 = "2012-10-09T19:00:55Z", "2012-10-09T19:00:56Z"

TESTS = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", "a", "A", False),
    ("StringLessThan", "A", "AB", True),
    ("StringLessThan", "\ufb01", "\U0001f600", False),  # Java orders by UTF-16 code unit
    ("StringGreaterThan", "b", "a", True),
    ("StringLessThanEquals", "a", "a", True),
    ("StringGreaterThanEquals", "a", "b", False),
    ("NumericEquals", 1, 1.0, True),
    ("NumericEquals", True, 1, False),
    ("NumericEquals", "1", 1, False),
    ("NumericEquals", 9007199254740993, 9007199254740992, True),  # compared as doubles
    ("NumericLessThan", 1, 2, True),
    ("NumericGreaterThan", 2.5, 2, True),
    ("NumericLessThanEquals", 2, 2, True),
    ("NumericGreaterThanEquals", 1, 2, False),
    ("BooleanEquals", True, True, True),
    ("BooleanEquals", False, False, True),
    ("BooleanEquals", 1, True, False),
    ("BooleanEquals", 0, False, False),
    ("TimestampEquals", T0, "2012-10-09T20:00:55+01:00", True),
    ("TimestampEquals", T0, "2012-10-09T19:00:55.000Z", True),
    ("TimestampLessThan", "2012-10-09T19:00:55.000000001Z", "2012-10-09T19:00:55.000000002Z", True),
    ("TimestampLessThan", T0, T1, True),
    ("TimestampGreaterThan", T1, T0, True),
    ("TimestampLessThanEquals", T0, T0, True),
    ("TimestampGreaterThanEquals", T0, T1, False),
    ("TimestampEquals", "2012-10-09", T0, False),
    ("TimestampEquals", 5, T0, False),
]

TYPE_TESTS = [
    ("IsNull", None, True),
    ("IsNull", 0, False),
    ("IsString", "", True),
    ("IsString", 1, False),
    ("IsNumeric", 1.5, True),
    ("IsNumeric", True, False),
    ("IsNumeric", "1", False),
    ("IsBoolean", False, True),
    ("IsBoolean", 0, False),
    ("IsTimestamp", T0, True),
    ("IsTimestamp", "2012-10-09T19:00:55", False),
    ("IsTimestamp", 1, False),
    ("IsPresent", None, True),
    ("IsPresent", 1, True),
]


@pytest.mark.parametrize("operator, value, operand, expected", TESTS)
def test_comparisons_with_a_literal_and_with_a_path(operator: str, value: Any, operand: Any, expected: bool) -> None:
    data = {"v": value, "o": operand}
    assert compile_rule({"Variable": "$.v", operator: operand})(data, NOWHERE) is expected
    assert compile_rule({"Variable": "$.v", f"{operator}Path": "$.o"})(data, NOWHERE) is expected


@pytest.mark.parametrize("operator, value, expected", TYPE_TESTS)
def test_tests_of_the_type(operator: str, value: Any, expected: bool) -> None:
    assert compile_rule({"Variable": "$.v", operator: True})({"v": value}, NOWHERE) is expected
    assert compile_rule({"Variable": "$.v", operator: False})({"v": value}, NOWHERE) is not expected


@given(st.sampled_from([name for name, kind in OPERATORS.items() if kind == "path"]), json_values, json_values)
def test_no_pair_of_values_makes_a_comparison_fail(operator: str, value: Any, operand: Any) -> None:
    result = compile_rule({"Variable": "$.v", operator: "$.o"})({"v": value, "o": operand}, NOWHERE)
    assert isinstance(result, bool)
    if type(value) is not type(operand) and not {type(value), type(operand)} <= {int, float}:
        assert result is False


def test_is_present_never_fails() -> None:
    for path in ("$.x", "$.x.y", "$.s.y", "$$.Map.Item", "$unassigned.a", "$.l[3]"):
        assert compile_rule({"Variable": path, "IsPresent": True})({"s": "text", "l": []}, NOWHERE) is False
        assert compile_rule({"Variable": path, "IsPresent": False})({"s": "text", "l": []}, NOWHERE) is True


@pytest.mark.parametrize(
    "rule, path",
    [
        ({"Variable": "$.x", "StringEquals": "a"}, "$.x"),
        ({"Variable": "$.x", "IsNull": True}, "$.x"),
        ({"Variable": "$.y", "NumericEqualsPath": "$.x.z"}, "$.x.z"),
        ({"Not": {"Variable": "$$.x", "IsString": True}}, "$$.x"),
        ({"And": [{"Variable": "$.y", "IsNumeric": True}, {"Variable": "$.x", "IsNull": True}]}, "$.x"),
    ],
)
def test_a_missing_path_fails(rule: dict[str, Any], path: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_rule(rule)({"y": 1}, NOWHERE)
    assert caught.value.message == (
        f"Invalid path '{path}': The choice state's condition path references an invalid value."
    )


def test_combinations_stop_as_soon_as_they_can() -> None:
    yes, no, fails = ({"Variable": path, "BooleanEquals": True} for path in ("$.yes", "$.no", "$.missing"))
    data = {"yes": True, "no": False}
    assert compile_rule({"And": [no, fails]})(data, NOWHERE) is False
    assert compile_rule({"Or": [yes, fails]})(data, NOWHERE) is True
    assert compile_rule({"And": [yes, yes, no, fails]})(data, NOWHERE) is False
    assert compile_rule({"Or": [no, no, yes, fails]})(data, NOWHERE) is True
    assert compile_rule({"And": [yes]})(data, NOWHERE) is True
    assert compile_rule({"Not": {"Or": [no, {"Not": yes}]}, "Next": "X", "Comment": "c"})(data, NOWHERE) is True


def test_variables_and_context() -> None:
    env = Surroundings({"count": 3}, {"Map": {"Item": {"Index": 0}}})
    assert compile_rule({"Variable": "$count", "NumericGreaterThanPath": "$$.Map.Item.Index"})({}, env) is True


@pytest.mark.parametrize(
    "pattern, value, expected",
    [
        ("log-*.txt", "log-2020.txt", True),
        ("log-*.txt", "log-.txt", True),
        ("log-*.txt", "log.txt", False),
        ("*", "", True),
        ("a*a", "a", False),
        ("*b*", "abc", True),
        ("*a*b*c", "xaybzc", True),
        (r"\*", "*", True),
        (r"\*", "x", False),
        (r"a\\*", "a\\b", True),
        ("a?c", "abc", False),
        ("*", 1, False),
        ("a*\n*", "a\nb\nc", True),
    ],
)
def test_string_matches(pattern: str, value: Any, expected: bool) -> None:
    assert compile_rule({"Variable": "$.v", "StringMatches": pattern})({"v": value}, NOWHERE) is expected


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_string_matches_agrees_with_the_shells_star(pattern: str, value: str) -> None:
    rule = compile_rule({"Variable": "$.v", "StringMatches": pattern})
    assert rule({"v": value}, NOWHERE) is fnmatch.fnmatchcase(value, pattern)


@pytest.mark.parametrize(
    "rule, location, part",
    [
        ({"Variable": "$.x", "NumericEqual": 1}, ("NumericEqual",), "did you mean 'NumericEquals'?"),
        ({"Variable": "$.x"}, (), "exactly one comparison operator"),
        ({"Variable": "$.x", "IsNull": True, "IsString": True}, (), "not 2"),
        ({"StringEquals": "a"}, (), "needs a Variable"),
        ({"Variable": "x", "IsNull": True}, ("Variable",), "starts with '$'"),
        ({"Variable": 1, "IsNull": True}, ("Variable",), "must be a path"),
        ({"Variable": "$.x", "NumericEquals": "1"}, ("NumericEquals",), "takes a number"),
        ({"Variable": "$.x", "NumericEquals": True}, ("NumericEquals",), "takes a number"),
        ({"Variable": "$.x", "IsNull": "yes"}, ("IsNull",), "true or false"),
        ({"Variable": "$.x", "TimestampEquals": "tomorrow"}, ("TimestampEquals",), "RFC 3339"),
        ({"Variable": "$.x", "StringEqualsPath": "y"}, ("StringEqualsPath",), "starts with '$'"),
        ({"Variable": "$.x", "StringMatches": "a\\b"}, ("StringMatches",), "backslash"),
        ({"And": []}, ("And",), "non-empty"),
        ({"And": [{"Variable": "$.x", "IsNull": 1}]}, ("And", 0, "IsNull"), "true or false"),
        ({"Not": []}, ("Not",), "object"),
        ({"Not": {"Or": [{"Variable": "$.["}]}}, ("Not", "Or", 0), "exactly one"),
    ],
)
def test_faults_are_told_with_their_place(rule: dict[str, Any], location: tuple[Any, ...], part: str) -> None:
    assert [(place, part in problem.message) for place, problem in rule_problems(rule)] == [(location, True)]
    with pytest.raises(LocatedSyntaxError):
        compile_rule(rule)


def test_the_table_has_every_operator_of_the_language() -> None:
    assert len(OPERATORS) == 5 * 3 * 2 + 2 + 1 + 6
    assert BOOLEAN_OPERATORS == ("And", "Or", "Not")


@given(st.recursive(
    st.dictionaries(st.sampled_from(["Variable", *OPERATORS, "Next"]), scalars | st.just("$.a"), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(BOOLEAN_OPERATORS), inner | st.lists(inner), max_size=2),
))  # fmt: skip
def test_any_rule_compiles_or_has_located_faults(rule: dict[str, Any]) -> None:
    problems = rule_problems(rule)
    if problems:
        with pytest.raises(LocatedSyntaxError):
            compile_rule(rule)
    else:
        result = outcome(lambda: compile_rule(rule)({"a": "x"}, NOWHERE), ExpressionError)
        assert isinstance(result, bool) or "condition path" in result.message
