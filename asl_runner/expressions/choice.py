"""Choice rules under JSONPath: a rule compiled to one function of (data, environment) that says true or false.

Operators and their meaning: ASL spec, Choice State; reference asl, section 7. A value of another type than the
operator's never matches and never fails; a path that finds nothing fails, except under IsPresent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from asl_runner.expressions.choice_operators import (
    COMPARISONS,
    KINDS,
    OPERATORS,
    TYPE_TESTS,
    Comparison,
    compile_pattern,
    literal_comparison,
    value_comparison,
)
from asl_runner.expressions.environment import Environment, Evaluator, ExpressionError, ExpressionSyntaxError, Json
from asl_runner.expressions.json_text import compact, type_name
from asl_runner.expressions.jsonpath import Path, PathNotFound, compile_path
from asl_runner.expressions.locations import LocatedSyntaxError, Location

__all__ = ["BOOLEAN_OPERATORS", "OPERATORS", "Condition", "compile_rule", "rule_problems"]

Condition: TypeAlias = Callable[[Json, Environment], bool]

BOOLEAN_OPERATORS = ("And", "Or", "Not")
"""The operators that combine rules."""

_NOT_OPERATORS = frozenset({"Variable", "Next", "Comment", "Assign", "Output"})


Watch: TypeAlias = Callable[[Location, Condition], Condition]
"""Stands something in the place of the comparison at a location inside a rule."""


def compile_rule(rule: dict[str, Json], watch: Watch | None = None) -> Condition:
    """Compile one element of `Choices`, or a rule nested in one; `Next`, `Assign` and `Comment` are left aside.

    `watch` may wrap each comparison, for whoever wants to know how it came out.

    Raises `LocatedSyntaxError` for the first fault (`rule_problems` lists them all). The result raises
    `ExpressionError` with AWS's text when `Variable` or a `…Path` operand finds nothing.
    """
    problems: list[LocatedSyntaxError] = []
    condition = _compile(rule, (), problems, watch)
    if problems:
        raise problems[0]

    def evaluate(data: Json, env: Environment) -> bool:
        try:
            return condition(data, env)
        except PathNotFound as missing:
            raise ExpressionError(
                f"Invalid path '{missing.path_text}': The choice state's condition path references an invalid value."
            ) from None

    return evaluate


def rule_problems(rule: dict[str, Json]) -> list[tuple[Location, ExpressionSyntaxError]]:
    """Every fault of a rule, with its place in it."""
    problems: list[LocatedSyntaxError] = []
    _compile(rule, (), problems)
    return [(problem.location, problem) for problem in problems]


def _never(data: Json, env: Environment) -> bool:
    """Stands for a rule with a fault while the other faults are looked for."""
    return False


def _compile(
    rule: Json, location: Location, problems: list[LocatedSyntaxError], watch: Watch | None = None
) -> Condition:
    if not isinstance(rule, dict):
        return _fault(problems, f"A choice rule is an object, not {type_name(rule)}", compact(rule), location)
    operators = [key for key in rule if key not in _NOT_OPERATORS]
    known = [key for key in operators if key in OPERATORS or key in BOOLEAN_OPERATORS]
    for key in operators:
        if key not in known:
            _fault(problems, f"There is no comparison operator '{key}'{_did_you_mean(key)}", key, (*location, key))
    if len(known) != 1:
        if len(known) == len(operators):
            found = f", not {len(known)} ({', '.join(known)})" if known else ""
            _fault(problems, f"A choice rule has exactly one comparison operator{found}", "", location)
        return _never
    operator = known[0]
    if operator in BOOLEAN_OPERATORS:
        return _combination(rule, operator, location, problems, watch)
    test = _data_test(rule, operator, location, problems)
    return test if watch is None else watch(location, test)


def _combination(
    rule: dict[str, Json],
    operator: str,
    location: Location,
    problems: list[LocatedSyntaxError],
    watch: Watch | None,
) -> Condition:
    place = (*location, operator)
    operand = rule[operator]
    if "Variable" in rule:
        _fault(problems, f"A rule with {operator} has no Variable", "Variable", (*location, "Variable"))
    if operator == "Not":
        inner = _compile(operand, place, problems, watch)
        return lambda data, env: not inner(data, env)
    if not isinstance(operand, list) or not operand:
        return _fault(problems, f"{operator} takes a non-empty array of rules", compact(operand), place)
    conditions = [_compile(part, (*place, index), problems, watch) for index, part in enumerate(operand)]
    return _all(conditions) if operator == "And" else _any(conditions)


def _all(conditions: list[Condition]) -> Condition:
    """Two conditions are what people write most, and a generator costs more than both of them."""
    if len(conditions) == 2:
        first, second = conditions
        return lambda data, env: first(data, env) and second(data, env)

    return lambda data, env: all(condition(data, env) for condition in conditions)


def _any(conditions: list[Condition]) -> Condition:
    if len(conditions) == 2:
        first, second = conditions
        return lambda data, env: first(data, env) or second(data, env)

    return lambda data, env: any(condition(data, env) for condition in conditions)


def _data_test(
    rule: dict[str, Json], operator: str, location: Location, problems: list[LocatedSyntaxError]
) -> Condition:
    if "Variable" not in rule:
        return _fault(problems, f"A rule with {operator} needs a Variable", operator, location)
    variable = _path(rule["Variable"], "Variable", location, problems)
    operand = rule[operator]
    place = (*location, operator)
    kind = OPERATORS[operator]
    if kind == "path":
        other = _path(operand, operator, location, problems)
        if variable is None or other is None:
            return _never
        return _path_test(COMPARISONS[operator.removesuffix("Path")], variable, other)
    wanted = KINDS[kind]
    if not wanted.accepts(operand):
        return _fault(problems, f"{operator} takes {wanted.about}, not {compact(operand)}", str(operand), place)
    if operator == "StringMatches":
        try:
            matches = compile_pattern(operand)
        except ExpressionSyntaxError as problem:
            return _fault(problems, problem.message, problem.text, place, problem.offset)
        return _never if variable is None else _apply(variable.evaluate, matches)
    if variable is None:
        return _never
    if operator == "IsPresent":
        return _presence(variable.evaluate, operand)
    if operator in TYPE_TESTS:
        return _type_test(variable.evaluate, TYPE_TESTS[operator], operand)
    return _literal_test(COMPARISONS[operator], variable, operand)


def _path(text: Json, field: str, location: Location, problems: list[LocatedSyntaxError]) -> Path | None:
    place = (*location, field)
    if not isinstance(text, str):
        _fault(problems, f"The value of '{field}' must be a path, not {compact(text)}", compact(text), place)
        return None
    try:
        return compile_path(text)
    except ExpressionSyntaxError as problem:
        _fault(problems, problem.message, text, place, problem.offset)
        return None


def _literal_test(comparison: Comparison, variable: Path, operand: Json) -> Condition:
    get = variable.evaluate
    if comparison.kind == "string" and comparison.name == "Equals":
        # Only a string equals a string: no type needs to be looked at.
        return lambda data, env: bool(get(data, env) == operand)
    return _apply(get, literal_comparison(comparison, operand))


def _path_test(comparison: Comparison, variable: Path, other: Path) -> Condition:
    left, right = variable.evaluate, other.evaluate
    compare = value_comparison(comparison)
    return lambda data, env: compare(left(data, env), right(data, env))


def _apply(get: Evaluator, test: Callable[[Json], bool]) -> Condition:
    return lambda data, env: test(get(data, env))


def _type_test(get: Evaluator, test: Callable[[Json], bool], expected: bool) -> Condition:
    if expected:
        return _apply(get, test)
    return lambda data, env: not test(get(data, env))


def _presence(get: Evaluator, expected: bool) -> Condition:
    def present(data: Json, env: Environment) -> bool:
        try:
            get(data, env)
        except PathNotFound:
            return not expected
        return expected

    return present


def _did_you_mean(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, [*OPERATORS, *BOOLEAN_OPERATORS], n=1)
    return f": did you mean '{near[0]}'?" if near else ""


def _fault(
    problems: list[LocatedSyntaxError], message: str, text: Any, location: Location, offset: int = 0
) -> Condition:
    problems.append(LocatedSyntaxError(message, str(text), offset, location))
    return _never
