"""Intrinsic functions: behaviour recorded on AWS, the grammar, and its refusals."""

from __future__ import annotations

import re
from typing import Any

import pytest
from expression_surroundings import NOWHERE, Surroundings, json_values, outcome
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.expressions.environment import ExpressionError, ExpressionSyntaxError
from asl_runner.expressions.intrinsic_calls import IntrinsicFailure
from asl_runner.expressions.intrinsic_functions import FUNCTIONS
from asl_runner.expressions.intrinsics import compile_intrinsic
from asl_runner.expressions.jsonpath import PathNotFound

DATA = {
    "name": "Ann",
    "list": [1, 2, 2, "a", True, {"k": 1}, {"k": 1}],
    "object": {"Arg1": 1, "Arg2": []},
    "template": "{} and {}",
    "n": 5,
}

RESULTS: list[tuple[str, Any]] = [
    ("States.Format('Hello {}', $.name)", "Hello Ann"),
    ("States.Format('{}{}', 'a', 1)", "a1"),
    ("States.Format('{}', null)", "null"),
    ("States.Format('{}', 1.1)", "1.1"),
    ("States.Format('{} {}', true, false)", "true false"),
    ("States.Format('{}', $.object)", "{Arg1=1, Arg2=[]}"),
    ("States.Format($.template, 1, 2)", "1 and 2"),
    (r"States.Format('\{\} {} \'\\', 1)", "{} 1 '\\"),
    ("States.Format('no gaps')", "no gaps"),
    ("States.Format('two\nlines')", "two\nlines"),
    ("States.StringToJson('')", None),
    ("States.StringToJson(' ')", None),
    ("States.StringToJson('-0')", 0),
    ("""States.StringToJson('{"a": "b"}')""", {"a": "b"}),
    ("States.JsonToString($.object)", '{"Arg1":1,"Arg2":[]}'),
    ("States.JsonToString($.name)", '"Ann"'),
    ("States.Array()", []),
    ("States.Array(1, 'a', null, $.name, States.Array(2))", [1, "a", None, "Ann", [2]]),
    ("States.ArrayPartition($.list, 3)", [[1, 2, 2], ["a", True, {"k": 1}], [{"k": 1}]]),
    ("States.ArrayPartition(States.Array(), 2)", []),
    ("States.ArrayPartition(States.Array(1, 2), 1.4)", [[1], [2]]),
    ("States.ArrayContains($.list, 'a')", True),
    ("States.ArrayContains(States.Array(1), true)", False),
    ("States.ArrayContains(States.Array($.object), $.object)", True),
    ("States.ArrayContains(States.Array(1, 2), 3)", False),
    ("States.ArrayRange(0, 10, 3)", [0, 3, 6, 9]),
    ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
    ("States.ArrayRange(3, 1, -1)", [3, 2, 1]),
    ("States.ArrayRange(3, 1, 1)", []),
    ("States.ArrayGetItem($.list, $.n)", {"k": 1}),
    ("States.ArrayLength($.list)", 7),
    ("States.ArrayUnique($.list)", [1, 2, "a", True, {"k": 1}]),
    ("States.Base64Encode('')", ""),
    ("States.Base64Encode('Data to encode')", "RGF0YSB0byBlbmNvZGU="),
    ("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", "Data to encode"),
    ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
    ("States.Hash('', 'MD5')", "d41d8cd98f00b204e9800998ecf8427e"),
    ("""States.JsonMerge(States.StringToJson('{"a": {"x": 1}, "b": 1}'), $.object, false)""",
     {"a": {"x": 1}, "b": 1, "Arg1": 1, "Arg2": []}),
    ("""States.JsonMerge(States.StringToJson('{"a":{"x":1}}'), States.StringToJson('{"a":{"y":2}}'), false)""",
     {"a": {"y": 2}}),
    ("States.MathAdd(1.5, 1.51)", 4),
    ("States.MathAdd(-1.5, 0)", -1),
    ("States.MathAdd(-2.5, 0)", -2),
    ("States.MathAdd(-0.5, 0)", 0),
    ("States.MathAdd(2.5, 0)", 3),
    ("States.MathAdd($.n, 1)", 6),
    ("States.StringSplit(', , ,', ',')", [" ", " "]),
    ("States.StringSplit(',,,,', ',')", []),
    ("States.StringSplit(' ', ',')", [" "]),
    ("States.StringSplit('1.2+3,4=5', '.+,=')", ["1", "2", "3", "4", "5"]),
    ("States.ArrayGetItem(States.StringSplit('a-b-c', '-'), States.MathAdd(3, -1))", "c"),
    ("  States.ArrayLength( $.list )  ", 7),
]  # fmt: skip


@pytest.mark.parametrize("text, expected", RESULTS)
def test_results(text: str, expected: Any) -> None:
    value = compile_intrinsic(text)(DATA, NOWHERE)
    assert value == expected
    assert type(value) is type(expected)


FAILURES = [
    ("States.Format('{} {}', 1)", "2 occurrences"),
    ("States.Format($.n)", "must be a string"),
    ("States.StringToJson('{')", "not valid JSON"),
    ("States.StringToJson($.n)", "must be a string"),
    ("States.ArrayPartition($.list, 0)", "positive"),
    ("States.ArrayPartition($.name, 1)", "must be an array"),
    ("States.ArrayRange(0, 10, 0)", "not be 0"),
    ("States.ArrayRange(0, 1000, 1)", "at most 1000"),
    ("States.ArrayRange(0, 1e90, 1)", "at most 1000"),
    ("States.ArrayGetItem($.list, 7)", "out of bounds"),
    ("States.ArrayGetItem($.list, -1)", "out of bounds"),
    ("States.Base64Decode('%%%')", "Base64"),
    ("States.Hash('a', 'SHA-2')", "algorithm"),
    ("States.JsonMerge($.object, $.list, false)", "objects"),
    ("States.JsonMerge($.object, $.object, true)", "false"),
    ("States.MathAdd($.name, 1)", "number"),
    ("States.MathAdd(true, 1)", "number"),
    ("States.MathAdd(2147483648, 1)", "2147483647"),
    ("States.MathRandom(5, 5)", "less than"),
]


@pytest.mark.parametrize("text, part", FAILURES)
def test_failures_name_the_call_and_happen_when_the_state_runs(text: str, part: str) -> None:
    evaluate = compile_intrinsic(text)
    with pytest.raises(IntrinsicFailure) as caught:
        evaluate(DATA, NOWHERE)
    assert caught.value.message.startswith(f"The function '{text}' had the following error: ")
    assert part in caught.value.message
    assert caught.value.error == "States.Runtime"


def test_a_missing_path_in_an_argument_is_the_paths_own_failure() -> None:
    with pytest.raises(PathNotFound) as caught:
        compile_intrinsic("States.Array(States.Format('{}', $.missing))")(DATA, NOWHERE)
    assert caught.value.path_text == "$.missing"


SYNTAX = [
    ("", 0, "Expected"),
    ("Hello", 0, "Expected"),
    ("States.Formt('a')", 0, "did you mean 'States.Format'?"),
    ("states.format('a')", 0, "did you mean 'States.Format'?"),
    ("ArrayLength($.a)", 0, "did you mean 'States.ArrayLength'?"),
    ("States.Format ('a')", 0, "Expected"),
    ("States.Format()", 0, "at least 1 argument,"),
    ("States.UUID(1)", 0, "takes 0 arguments"),
    ("States.MathAdd(1)", 0, "takes 2 arguments"),
    ("States.MathRandom(1)", 0, "2 to 3 arguments"),
    ("States.Array(1,", 15, "missing"),
    ("States.Array(1 2)", 15, "Expected ',' or ')'"),
    ("States.Array(1", 14, "')' is missing"),
    ("States.Array(1) x", 16, "Unexpected"),
    ("States.Array('a)", 13, "never closed"),
    (r"States.Array('a\"')", 15, "escaped"),
    ('States.Array("a")', 13, "single quotes"),
    ("States.Array($.a b)", 17, "Expected ',' or ')'"),
    ("States.Array($.a[)", 17, "Expected"),
    ("States.Array(" * 11 + ")" * 11, 130, "at most 10"),
]


@pytest.mark.parametrize("text, offset, part", SYNTAX)
def test_what_is_no_call_is_refused_with_the_place(text: str, offset: int, part: str) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_intrinsic(text)
    assert part in caught.value.message
    assert caught.value.offset == offset


def test_ten_levels_are_possible() -> None:
    assert compile_intrinsic("States.Array(" * 10 + ")" * 10)({}, NOWHERE) == [[[[[[[[[[]]]]]]]]]]


def test_the_18_functions_are_there() -> None:
    assert len(FUNCTIONS) == 18


def test_random_values_come_from_the_environment() -> None:
    uuid = compile_intrinsic("States.UUID()")
    number = compile_intrinsic("States.MathRandom(1, 3)")
    version_4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(version_4, uuid({}, Surroundings()))
    assert uuid({}, Surroundings()) == uuid({}, Surroundings())
    env = Surroundings()
    assert uuid({}, env) != uuid({}, env)
    assert {number({}, env) for _ in range(100)} == {1, 2}
    seeded = compile_intrinsic("States.MathRandom(1, 1000, 4)")
    assert seeded({}, env) == seeded({}, env)


def test_literal_calls_are_folded_into_one_shared_value() -> None:
    evaluate = compile_intrinsic("States.Array(1, States.MathAdd(1, 1))")
    assert evaluate({}, NOWHERE) is evaluate({}, NOWHERE)


@given(st.text(st.sampled_from("States.ArrayFormat('{}\\, $.x[0]12)"), max_size=30))
def test_the_parser_accepts_or_refuses_and_never_crashes(text: str) -> None:
    evaluate = outcome(lambda: compile_intrinsic("States.Array(" + text), ExpressionSyntaxError)
    if isinstance(evaluate, ExpressionSyntaxError):
        assert 0 <= evaluate.offset <= len(evaluate.text)
    else:
        result = outcome(lambda: evaluate({"x": [1]}, NOWHERE), ExpressionError)
        assert isinstance(result, list) or result.message


@given(st.sampled_from([name for name, function in FUNCTIONS.items() if not function.random]), st.lists(json_values))
def test_a_function_gives_a_value_or_fails_as_an_expression(name: str, arguments: list[Any]) -> None:
    data = {f"a{index}": value for index, value in enumerate(arguments)}
    text = f"{name}({', '.join(f'$.{key}' for key in data)})"
    result = outcome(lambda: compile_intrinsic(text)(data, NOWHERE), ExpressionSyntaxError, IntrinsicFailure)
    if isinstance(result, IntrinsicFailure):
        assert name in result.message
    elif isinstance(result, ExpressionSyntaxError):
        assert "argument" in result.message


@given(st.text(max_size=20))
def test_string_literals_keep_any_text(text: str) -> None:
    escaped = re.sub(r"(['\\{}])", r"\\\1", text)
    assert compile_intrinsic(f"States.Array('{escaped}')")({}, NOWHERE) == [text]
    assert compile_intrinsic(f"States.Format('{escaped}')")({}, NOWHERE) == text
