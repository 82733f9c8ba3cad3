"""JSONata in `{% … %}`: expressions and templates compiled to evaluators, with AWS's texts for what goes wrong.

The data an evaluator is called with is the `$states` object: `{"input", "context"}` and, where they exist, "result"
and "errorOutput". Rules and recorded messages: reference asl, section 4.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from asl_runner.expressions.environment import Environment, Evaluator, ExpressionError, ExpressionSyntaxError, Json
from asl_runner.expressions.json_text import compact, type_name
from asl_runner.expressions.jsonata_engine import (
    UNDEFINED,
    EngineDefect,
    EvaluationFailed,
    Program,
    Undefined,
    Unsupported,
    program,
)
from asl_runner.expressions.jsonata_syntax import enclosed, is_expression, simple_path
from asl_runner.expressions.locations import LocatedSyntaxError, Location

__all__ = [
    "UNDEFINED",
    "QueryEvaluationError",
    "compile_jsonata",
    "compile_jsonata_template",
    "evaluate_jsonata",
    "jsonata_problems",
]


class QueryEvaluationError(ExpressionError):
    """A JSONata expression failed; `location` is the field it stands in, `Output/result`."""

    error = "States.QueryEvaluationError"

    def __init__(self, message: str, location: str) -> None:
        super().__init__(message)
        self.location = location


def evaluate_jsonata(text: str, states: Json, env: Environment) -> Json | Undefined:
    """Evaluate one expression, with or without `{% %}`; gives `UNDEFINED` where there is nothing.

    Raises `ExpressionSyntaxError`, and `EvaluationFailed` or `Unsupported` of `jsonata_engine`.
    """
    return program(enclosed(text)[0]).evaluate(states, env)


def compile_jsonata(text: str, field: str = "", *, expected: tuple[str, ...] = ()) -> Evaluator:
    """Compile an expression, with or without its `{% %}`, that is the value of `field`.

    `expected` are JSON type names (`type_name`) its value must have. Raises `ExpressionSyntaxError` for an expression
    AWS refuses. The result raises `QueryEvaluationError` when the expression fails, gives nothing, or another type.
    """
    expression, offset = enclosed(text)
    names = simple_path(expression)
    if names is None:
        try:
            program(expression)
        except ExpressionSyntaxError as problem:
            problem.text, problem.offset = text, problem.offset + offset
            raise
        evaluate = _by_engine(expression, field)
    else:
        evaluate = _by_names(expression, names, field)
    return _checked(evaluate, expression, field, expected) if expected else evaluate


def _by_engine(expression: str, field: str) -> Evaluator:
    compiled: Program | None = None

    def evaluate(states: Json, env: Environment) -> Json:
        nonlocal compiled
        if compiled is None:
            compiled = program(expression)
        try:
            value = compiled.evaluate(states, env)
        except EvaluationFailed as problem:
            tail = f". {problem.code}: {problem.text}" if problem.code else f": {problem.text}"
            raise _failure(expression, field, f"threw an error during evaluation{tail}") from problem
        except EngineDefect as defect:
            raise _failure(expression, field, f"threw an internal error during evaluation. {defect}") from defect
        except Unsupported:
            raise _failure(expression, field, "returned an unsupported result type.") from None
        if value is UNDEFINED:
            raise _failure(expression, field, "returned nothing (undefined).")
        return value

    return evaluate


def _by_names(expression: str, names: tuple[str, ...], field: str) -> Evaluator:
    """`$variable.name.name` read directly; the engine takes over where JSONata does more than that."""
    variable, *steps = names
    general = _by_engine(expression, field)

    def evaluate(states: Json, env: Environment) -> Json:
        node = states if variable == "states" else env.variables.get(variable, UNDEFINED)
        if node is UNDEFINED:
            return general(states, env)
        for step in steps:
            if type(node) is not dict:
                return general(states, env)
            if step not in node:
                raise _failure(expression, field, "returned nothing (undefined).")
            node = node[step]
        return node

    return evaluate


def _checked(evaluate: Evaluator, expression: str, field: str, expected: tuple[str, ...]) -> Evaluator:
    wanted = ", ".join(f"'{name}'" for name in expected)

    def check(states: Json, env: Environment) -> Json:
        value = evaluate(states, env)
        found = type_name(value)
        if found not in expected:
            raise _failure(
                expression,
                field,
                f"returned an unexpected result type. Expected {wanted}, but was '{found}' for value: {compact(value)}",
            )
        return value

    return check


def _failure(expression: str, field: str, what: str) -> QueryEvaluationError:
    return QueryEvaluationError(
        f"The JSONata expression '{expression}' specified for the field '{field}' {what}", field
    )


class _Constant(NamedTuple):
    value: Json


class _Computed(NamedTuple):
    evaluate: Evaluator


_Node: TypeAlias = _Constant | _Computed


def compile_jsonata_template(value: Json, field: str) -> Evaluator:
    """Compile a value of any JSON type in which strings enclosed in `{% %}` are expressions.

    Raises `LocatedSyntaxError` for the first wrong expression (`jsonata_problems` lists them all). The result raises
    `QueryEvaluationError`; its `location` continues `field` with `/key` and `[index]`.
    """
    problems: list[LocatedSyntaxError] = []
    node = _compile(value, field, (), problems)
    if problems:
        raise problems[0]
    return _evaluator(node)


def jsonata_problems(value: Json) -> list[tuple[Location, ExpressionSyntaxError]]:
    """Every wrong expression in a value, with its place in it."""
    problems: list[LocatedSyntaxError] = []
    _compile(value, "", (), problems)
    return [(problem.location, problem) for problem in problems]


def _compile(value: Json, field: str, location: Location, problems: list[LocatedSyntaxError]) -> _Node:
    if isinstance(value, str):
        return _compile_string(value, field, location, problems)
    if isinstance(value, dict):
        members = {key: _compile(member, f"{field}/{key}", (*location, key), problems) for key, member in value.items()}
        computed = [(key, node.evaluate) for key, node in members.items() if isinstance(node, _Computed)]
        if not computed:
            return _Constant(value)
        skeleton = {key: node.value if isinstance(node, _Constant) else None for key, node in members.items()}
        return _object(skeleton, computed)
    if isinstance(value, list):
        nodes = [_compile(item, f"{field}[{index}]", (*location, index), problems) for index, item in enumerate(value)]
        if any(isinstance(node, _Computed) for node in nodes):
            items = [_evaluator(node) for node in nodes]
            return _Computed(lambda states, env: [item(states, env) for item in items])
    return _Constant(value)


def _compile_string(value: str, field: str, location: Location, problems: list[LocatedSyntaxError]) -> _Node:
    try:
        if is_expression(value):
            return _Computed(compile_jsonata(value, field))
    except ExpressionSyntaxError as problem:
        problems.append(LocatedSyntaxError(problem.message, value, problem.offset, location))
    return _Constant(value)


def _object(skeleton: dict[str, Json], computed: list[tuple[str, Evaluator]]) -> _Computed:
    def build(states: Json, env: Environment) -> Json:
        result = skeleton.copy()
        for key, evaluate in computed:
            result[key] = evaluate(states, env)
        return result

    return _Computed(build)


def _evaluator(node: _Node) -> Evaluator:
    if isinstance(node, _Computed):
        return node.evaluate
    value = node.value
    return lambda states, env: value
