"""Payload templates: a JSON value in which keys ending in `.$` are computed (Parameters, ResultSelector, Assign, ...).

Literals are shared between evaluations, never copied: values are immutable by convention. Rules: ASL spec, Payload
Template; recorded behaviour: reference asl, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn, TypeAlias

from msgspec import Struct

from asl_runner.expressions.environment import Environment, Evaluator, ExpressionError, ExpressionSyntaxError, Json
from asl_runner.expressions.intrinsics import compile_intrinsic
from asl_runner.expressions.json_text import compact
from asl_runner.expressions.jsonpath import PathNotFound, compile_path
from asl_runner.expressions.locations import LocatedSyntaxError, Location


class _Constant(Struct, frozen=True):
    value: Json


class _Computed(Struct, frozen=True):
    evaluate: Evaluator


_Node: TypeAlias = _Constant | _Computed


def compile_template(template: Json) -> Evaluator:
    """Compile a payload template of any JSON type.

    Raises `LocatedSyntaxError` for the first wrong expression (`template_problems` lists them all). The result
    raises `ExpressionError` with AWS's text when a path finds nothing or an intrinsic function fails.
    """
    problems: list[LocatedSyntaxError] = []
    node = _compile(template, (), problems)
    if problems:
        raise problems[0]
    if isinstance(node, _Computed):
        return node.evaluate
    value = node.value
    return lambda data, env: value


def template_problems(template: Json) -> list[tuple[Location, ExpressionSyntaxError]]:
    """Every wrong expression of a template, with its place in it."""
    problems: list[LocatedSyntaxError] = []
    _compile(template, (), problems)
    return [(problem.location, problem) for problem in problems]


def compile_value(text: str, field: str) -> Evaluator:
    """Compile the string of a field that holds a path or an intrinsic function call (`ErrorPath`, `CausePath`).

    Raises `ExpressionSyntaxError`. The result raises `ExpressionError` with AWS's text that names the field.
    """
    evaluate = compile_text(text)

    def get(data: Json, env: Environment) -> Json:
        try:
            return evaluate(data, env)
        except PathNotFound as missing:
            _not_found(missing, field, data, env)

    return get


def compile_text(text: str) -> Evaluator:
    """A path or an intrinsic function call; a missing path is raised as it comes, `PathNotFound`."""
    return compile_path(text).evaluate if text.startswith("$") else compile_intrinsic(text)


def _not_found(missing: PathNotFound, field: str, data: Json, env: Environment) -> NoReturn:
    searched = env.context if missing.root == "context" else data
    raise ExpressionError(
        f"The JSONPath '{missing.path_text}' specified for the field '{field}' could not be found in the input "
        f"'{compact(searched)}'"
    ) from None


def _compile(value: Json, location: Location, problems: list[LocatedSyntaxError]) -> _Node:
    if isinstance(value, dict):
        return _compile_object(value, location, problems)
    if isinstance(value, list):
        items = [_compile(item, (*location, index), problems) for index, item in enumerate(value)]
        if any(isinstance(item, _Computed) for item in items):
            return _array([_evaluator(item) for item in items])
    return _Constant(value)


def _evaluator(node: _Node) -> Evaluator:
    if isinstance(node, _Computed):
        return node.evaluate
    value = node.value
    return lambda data, env: value


def _compile_object(value: dict[str, Json], location: Location, problems: list[LocatedSyntaxError]) -> _Node:
    problems.extend(_collisions(value, location))
    skeleton: dict[str, Json] = {}
    computed: list[tuple[str, Evaluator, str]] = []
    for key, member in value.items():
        place = (*location, key)
        if key.endswith(".$"):
            name = key[:-2]
            evaluate = _compile_field(key, member, place, problems)
            skeleton[name] = None
            if evaluate is not None:
                computed.append((name, evaluate, key))
            continue
        node = _compile(member, place, problems)
        if isinstance(node, _Computed):
            skeleton[key] = None
            computed.append((key, node.evaluate, key))
        else:
            skeleton[key] = node.value
    if not computed:
        return _Constant(value)
    return _object(skeleton, computed)


def _collisions(value: dict[str, Json], location: Location) -> Iterator[LocatedSyntaxError]:
    for key in value:
        if key.endswith(".$") and key[:-2] in value:
            yield LocatedSyntaxError(
                f"The keys '{key[:-2]}' and '{key}' would give the same key '{key[:-2]}'", key, 0, (*location, key)
            )


def _compile_field(key: str, text: Json, location: Location, problems: list[LocatedSyntaxError]) -> Evaluator | None:
    expected = f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
    if not isinstance(text, str):
        problems.append(LocatedSyntaxError(f"{expected}, but it is not a string", compact(text), 0, location))
        return None
    try:
        return compile_text(text)
    except ExpressionSyntaxError as problem:
        problems.append(LocatedSyntaxError(f"{expected}. {problem.message}", text, problem.offset, location))
        return None


def _array(items: list[Evaluator]) -> _Computed:
    return _Computed(lambda data, env: [item(data, env) for item in items])


def _object(skeleton: dict[str, Json], computed: list[tuple[str, Evaluator, str]]) -> _Computed:
    if len(computed) == 1 and len(skeleton) == 1:
        ((only, evaluate, label),) = computed

        def build_one(data: Json, env: Environment) -> Json:
            try:
                return {only: evaluate(data, env)}
            except PathNotFound as missing:
                _not_found(missing, label, data, env)

        return _Computed(build_one)

    labels = {name: label for name, _, label in computed}
    members = [(name, evaluate) for name, evaluate, _ in computed]

    def build(data: Json, env: Environment) -> Json:
        # A copy of the skeleton keeps the keys in the order they were written in.
        result = skeleton.copy()
        name = ""
        try:
            for name, evaluate in members:
                result[name] = evaluate(data, env)
        except PathNotFound as missing:
            _not_found(missing, labels[name], data, env)
        return result

    return _Computed(build)
