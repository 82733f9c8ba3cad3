"""JSONata: values, the functions of Step Functions, AWS's texts, and what is refused when a definition is loaded."""

from __future__ import annotations

from typing import Any

import pytest
from expression_surroundings import NOWHERE, Surroundings, json_values, outcome
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.expressions.environment import ExpressionSyntaxError
from asl_runner.expressions.jsonata import (
    UNDEFINED,
    QueryEvaluationError,
    compile_jsonata,
    compile_jsonata_template,
    evaluate_jsonata,
    jsonata_problems,
)
from asl_runner.expressions.jsonata_syntax import JsonataSyntaxError

ENV = Surroundings({"v": {"k": 1.5}, "list": [3, 1, 2], "random": 4, "none": None})
STATES: dict[str, Any] = {
    "input": {"a": [1, 2, 3], "o": {"p": 1}, "empty": [], "one": [1], "nil": None},
    "context": {"n": 1},
}


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("$states.input.a", [1, 2, 3]),
        ("{% $states.input.o.p %}", 1),
        ("{%$states.context.n%}", 1),
        ("$states.input.nil", None),
        ("$none", None),
        ("$states.input.empty", []),
        ("$states.input.one", [1]),
        ("$v.k + 1", 2.5),
        ("$states.input.a[$ > 1]", [2, 3]),
        ("$sum($states.input.a) & '!'", "6!"),
        ("$map($states.input.a, function($x) { $x * 2 })", [2, 4, 6]),
        ("$sort($list)", [1, 2, 3]),
        ("$states.input.o ~> |$|{'q': 2}|", {"p": 1, "q": 2}),
        ("{'a': $missing, 'b': 1}", {"b": 1}),
        ("$random + 1", 5),
        ("$partition([0], 1)", [[0]]),
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$range(0, 6, 2)", [0, 2, 4, 6]),
        ("$range(1, 9, 9)", 1),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("$range(5, 1, -2)", [5, 3, 1]),
        ("$partition([1, 2, 3], 2.9)", [[1, 2], [3]]),
        ("1/0", "Infinity"),
        ("[-1/0]", ["-Infinity"]),
        ("{'k': 1e308 * 10}", {"k": "Infinity"}),
        ("($f := function($n) { $n > 3 ? $n : $f($n + 1) }; $map([1, 2], function($i) { $f($i) }))", [4, 4]),
        ("($f := function($n) { $n > 3 ? $n : $f($n + 1) }; 1 ~> $f)", 4),
        ("($f := function($n) { $n > 3 ? $n : $f($n + 1) }; $g := $f ~> $string; $g(1))", "4"),
        ("($f := function($n) { $n > 3 ? false : $f($n + 1) }; $count($filter([1, 2], function($i) { $f($i) })))", 0),
        ("($f := function($a)<s?:s> { $string($a) }; $f('x'))", "x"),
        ("$map([1, 2], $string)", ["1", "2"]),
        ("$map(['1', '2'], $parse)", [1, 2]),
        ("$hash('input', 'SHA-1')", "140f86aae51ab9e1cda9b4254fe98a74eb54c1a1"),
        ("$parse('{\"a\": 1}').a", 1),
        ("$parse('-0')", 0),
        ("$random(42)", 0.7275636800328681),
    ],
)
def test_values(expression: str, expected: Any) -> None:
    value = compile_jsonata(expression, "Output")(STATES, ENV)
    assert value == expected
    assert type(value) is type(expected)


def test_values_are_shared_with_the_state() -> None:
    assert compile_jsonata("$states.input.a", "Output")(STATES, ENV) is STATES["input"]["a"]


def test_undefined_is_not_null() -> None:
    assert evaluate_jsonata("{% $missing %}", STATES, ENV) is UNDEFINED
    assert evaluate_jsonata("$none", STATES, ENV) is None
    assert not UNDEFINED


@pytest.mark.parametrize(
    "expression, value",
    [
        ("$now()", "2023-11-14T22:13:20.123Z"),
        ("$now('[Y0001]-[M01]-[D01]')", "2023-11-14"),
        ("$now('[H01]:[m01]', '+0200')", "00:13"),
        ("$millis()", 1_700_000_000_123),
        ("$toMillis($now()) = $millis()", True),
        ("$map([1, 2], function($x) { $millis() + $x })", [1_700_000_000_124, 1_700_000_000_125]),
        ("$fromMillis(0)", "1970-01-01T00:00:00.000Z"),
        ("$fromMillis($toMillis('13:45', '[H]:[m]'))", "2023-11-14T13:45:00.000Z"),
    ],
)
def test_the_time_comes_from_the_environment(expression: str, value: Any) -> None:
    assert evaluate_jsonata(expression, {}, NOWHERE) == value


def test_random_values_come_from_the_environment() -> None:
    for text in ("$uuid()", "$random()", "$shuffle([1..100])", "[1, 2] ~> $map(function($v) { $random() })"):
        evaluate = compile_jsonata(text, "Output")
        assert evaluate(STATES, Surroundings()) == evaluate(STATES, Surroundings())
        env = Surroundings()
        assert evaluate(STATES, env) != evaluate(STATES, env)


@pytest.mark.parametrize(
    "expression, tail",
    [
        ("$doesNotExist", "returned nothing (undefined)."),
        ("$states.input.missing.deep", "returned nothing (undefined)."),
        ("$states.input.a.b", "returned nothing (undefined)."),
        (
            "$randomSeeded($states.input.o)",
            "threw an error during evaluation. T1006: Attempted to invoke a non-function",
        ),
        ("$eval('1+1')", "threw an error during evaluation. T1006: Attempted to invoke a non-function"),
        ("[1] ~> $eval", "threw an error during evaluation. T2006: The right side of the function application operator "
         "~> must be a function"),
        ("sum(1)", "threw an error during evaluation. T1005: Attempted to invoke a non-function. Did you mean $sum?"),
        ("$partition([], 2)", "returned nothing (undefined)."),
        ("$partition([1], 0)", "returned nothing (undefined)."),
        ("$partition([1], -1)", "threw an error during evaluation: The second argument of $partition must be a "
         "positive integer"),
        ("$range(1, 5)", "returned nothing (undefined)."),
        ("$range(1, 5, -1)", "returned nothing (undefined)."),
        ("$hash('a')", "returned nothing (undefined)."),
        ("$abs('x')", 'threw an error during evaluation. T0410: Argument 1 of function "abs" does not match function '
         "signature"),
        ("$string($sum(['a']))", 'threw an error during evaluation. T0412: Argument 1 of function "sum" must be an '
         'array of "numbers"'),
        ("1 < 'a'", 'threw an error during evaluation. T2009: The values 1 and "a" either side of operator "<" must be '
         "of the same data type"),
        ("$number('x')", 'threw an error during evaluation. D3030: Unable to cast value to a number: "x"'),
        ("$toMillis('x')", "threw an error during evaluation. D3110: The argument of the toMillis function must be an "
         'ISO 8601 formatted timestamp. Given "x"'),
        ("$formatNumber(1, 'x')", "threw an error during evaluation. D3086: The sub-picture must not contain a passive "
         "character that is preceded by an active character and that is followed by another active character"),
        ("{'a': 1, 'a': 2}", "threw an error during evaluation. D1009: Multiple key definitions evaluate to same key: "
         '"a"'),
        ("1/0 * 2", "threw an error during evaluation. D1001: Number out of range: null"),
        (
            "'a' + 1",
            'threw an error during evaluation. T2001: The left side of the "+" operator must evaluate to a number',
        ),
        ("$error('boom')", "threw an error during evaluation. D3137: boom"),
        ("$sum", "returned an unsupported result type."),
        ("{'f': $sum}", "returned an unsupported result type."),
        ("function($x) { $x }", "returned an unsupported result type."),
    ],
)  # fmt: skip
def test_failures_are_told_in_awss_words(expression: str, tail: str) -> None:
    with pytest.raises(QueryEvaluationError) as caught:
        compile_jsonata(f"{{% {expression} %}}", "Output/result")(STATES, ENV)
    subject = f"The JSONata expression '{expression}' specified for the field 'Output/result'"
    assert caught.value.message == f"{subject} {tail}"
    assert caught.value.error == "States.QueryEvaluationError"
    assert caught.value.location == "Output/result"


@pytest.mark.parametrize(
    "expression, was",
    [
        ("1", "'number' for value: 1"),
        ("true", "'boolean' for value: true"),
        ("null", "'null' for value: null"),
        ("'s'", "'string' for value: \"s\""),
        ("{'foo': 'bar'}", '\'object\' for value: {"foo":"bar"}'),
    ],
)
def test_a_field_can_ask_for_a_type(expression: str, was: str) -> None:
    with pytest.raises(QueryEvaluationError) as caught:
        compile_jsonata(expression, "Items", expected=("array",))(STATES, ENV)
    assert caught.value.message == (
        f"The JSONata expression '{expression}' specified for the field 'Items' returned an unexpected result type. "
        f"Expected 'array', but was {was}"
    )
    assert compile_jsonata("[1]", "Items", expected=("array",))(STATES, ENV) == [1]


@pytest.mark.parametrize(
    "text, offset, message, code",
    [
        ("{% 1 + %}", 6, "Unexpected end of expression", "INVALID_JSONATA_EXPRESSION"),
        ("{% $x[1,2) %}", 7, 'Expected "]", got ","', "INVALID_JSONATA_EXPRESSION"),
        ('{% "open %}', 3, "String literal must be terminated by a matching quote", "INVALID_JSONATA_EXPRESSION"),
        ('{% {"a":} %}', 8, 'The symbol "}" cannot be used as a unary operator', "INVALID_JSONATA_EXPRESSION"),
        ("{% $x ?: 1 %}", 7, 'The symbol ":" cannot be used as a unary operator', "INVALID_JSONATA_EXPRESSION"),
        ("{% $x ?? 1 %}", 7, 'The symbol "?" cannot be used as a unary operator', "INVALID_JSONATA_EXPRESSION"),
        ("{% phone %}", 3, "Reference to 'phone' at the top level is not supported.", "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("{% phone.x[y] %}", 3, "Reference to 'phone' at the top level is not supported.",
         "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("{% $$ %}", 3, "Reference to '$$' is not supported.", "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("{% $map($x, function($v) { b }) %}", 27, "Reference to 'b' at the top level is not supported.",
         "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("{% $count(items) %}", 10, "Reference to 'items' at the top level is not supported.",
         "UNSUPPORTED_JSONATA_EXPRESSION"),
        ("{% 1", 0, "JSONata string must start with {% and end with %}", "INVALID_JSONATA_EXPRESSION"),
        ("{%%}", 0, "JSONata string must start with {% and end with %}", "INVALID_JSONATA_EXPRESSION"),
    ],
)  # fmt: skip
def test_what_aws_refuses_is_refused_at_load(text: str, offset: int, message: str, code: str) -> None:
    with pytest.raises(JsonataSyntaxError) as caught:
        compile_jsonata(text, "Output")
    assert (caught.value.message, caught.value.offset, caught.value.code) == (message, offset, code)
    assert caught.value.text == text


@pytest.mark.parametrize(
    "text",
    [
        "$states.input.items[price > 5].name",
        "$states.input.items^(>price, name)",
        "$states.input.items{category: $sum(price)}",
        "$map($list, function($i) { {'n': $i} })",
        "$states.input ~> |items|{'x': 1}|",
        "$states.input.(a + b)",
        "($x := $states.input; $x.a)",
        "/* note */ $doesNotExist",
        "'?: and ?? in a string'",
    ],
)
def test_names_below_a_path_and_undeclared_variables_are_accepted(text: str) -> None:
    assert jsonata_problems({"Output": f"{{% {text} %}}"}) == []


def test_templates() -> None:
    template = {
        "a": "{% $states.input.o.p %}",
        "b": ["x", "{% $v.k %}", {"c": "{% $list[0] %}"}],
        "d": {"e": 1},
        "f": " {% $states.input %} ",
    }
    value = compile_jsonata_template(template, "Output")(STATES, ENV)
    assert value == {"a": 1, "b": ["x", 1.5, {"c": 3}], "d": {"e": 1}, "f": " {% $states.input %} "}
    assert list(value) == list(template)
    assert value["d"] is template["d"]
    assert compile_jsonata_template("{% 1 + 1 %}", "Output")(STATES, ENV) == 2


@pytest.mark.parametrize(
    "template, location",
    [
        ("{% $no %}", "Output"),
        ({"result": "{% $no %}"}, "Output/result"),
        ({"values": [1, "{% $no %}"]}, "Output/values[1]"),
        ({"a": [{"b": "{% $no %}"}]}, "Output/a[0]/b"),
    ],
)
def test_a_failure_in_a_template_names_the_place(template: Any, location: str) -> None:
    with pytest.raises(QueryEvaluationError) as caught:
        compile_jsonata_template(template, "Output")(STATES, ENV)
    assert caught.value.location == location
    assert f"specified for the field '{location}' returned nothing" in caught.value.message


def test_every_problem_is_listed_with_its_place() -> None:
    problems = jsonata_problems({"a": ["{% 1 + %}", {"b": "{% x %}"}], "c": " {% 1 + %} ", "d": "{% 2", "e": "{% 1 %}"})
    assert [location for location, _ in problems] == [("a", 0), ("a", 1, "b"), ("d",)]


@given(json_values.filter(lambda value: "{%" not in str(value)))
def test_a_template_without_expressions_is_itself(value: Any) -> None:
    assert compile_jsonata_template(value, "Output")(STATES, NOWHERE) is value


@given(st.dictionaries(st.sampled_from(["a", "b"]), json_values), st.sampled_from(["a", "a.b", "b.a.a"]))
def test_the_short_way_for_plain_paths_gives_what_the_engine_gives(data: dict[str, Any], path: str) -> None:
    states = {"input": data}
    # Parentheses keep an expression from being read as a plain path.
    engine = evaluate_jsonata(f"($states.input.{path})", states, NOWHERE)
    evaluate = compile_jsonata(f"$states.input.{path}", "Output")
    short = outcome(lambda: evaluate(states, NOWHERE), QueryEvaluationError)
    if isinstance(short, QueryEvaluationError):
        assert short.message.endswith("returned nothing (undefined).")
        assert engine is UNDEFINED
    else:
        assert short == engine


@given(st.text(st.sampled_from("$abc.()[]{}'\"+-*/?:=~>|&,;@#^%<! 12"), max_size=20))
def test_the_parser_accepts_or_refuses_and_never_crashes(text: str) -> None:
    result = outcome(lambda: compile_jsonata(text, "Output"), ExpressionSyntaxError)
    if isinstance(result, ExpressionSyntaxError):
        assert 0 <= result.offset <= len(result.text)
