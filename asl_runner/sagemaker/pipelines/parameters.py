"""The values of a pipeline's parameters: what is given, as its type says, and defaults for the rest.

Values come as texts, from a command line and from `StartPipelineExecution` alike. Source: reference section 8.1; the
wording of the messages is the SDK's local mode's as far as it has any.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET

from asl_runner.errors import UsageError, near
from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.pipelines.document import Parameter, Pipeline

_LIMIT = 1024
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")


def resolve(pipeline: Pipeline, given: Mapping[str, Json]) -> dict[str, Json]:
    """Every parameter with its value. Raises `UsageError` naming all that is unknown, missing or of a wrong type."""
    known = {one.name: one for one in pipeline.parameters}
    problems = [f"Unknown parameter {name!r}; {near(name, known)}" for name in given if name not in known]
    values: dict[str, Json] = {}
    for name, one in known.items():
        if name not in given and one.default is UNSET:
            problems.append(f"Parameter {name!r} is undefined: it has no default value; expected {_expected(one)}.")
            continue
        try:
            values[name] = value_of(one, given.get(name, one.default))
        except ValueError as problem:
            problems.append(f"Parameter {name!r}: {problem}")
    if problems:
        raise UsageError("\n".join(problems))
    return values


def value_of(parameter: Parameter, value: Json) -> Json:
    """A value as the parameter's type has it. Raises `ValueError` saying what was expected."""
    text = value if isinstance(value, str) else None
    wrong = ValueError(f"{value!r} is not {_expected(parameter)}.")
    if parameter.values and value not in parameter.values:
        raise wrong
    match parameter.type:
        case "String":
            if text is None or not text or len(text) > _LIMIT:
                raise wrong
            return text
        case "Boolean":
            if isinstance(value, bool):
                return value
            if text not in (*_TRUE, *_FALSE):
                raise wrong
            return text in _TRUE
        case _:
            return _number(parameter, value, wrong)


def _number(parameter: Parameter, value: Json, wrong: ValueError) -> Json:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong
    try:
        number = float(value)
        whole = int(value) if isinstance(value, str | int) and parameter.type == "Integer" else int(number)
    except (ValueError, OverflowError):
        raise wrong from None
    if parameter.type == "Float":
        return number
    if whole != number:
        raise wrong
    return whole


def _expected(parameter: Parameter) -> str:
    if parameter.values:
        return f"one of {', '.join(map(repr, parameter.values))}"
    return {
        "String": f"a text of 1 to {_LIMIT} characters",
        "Integer": "a whole number",
        "Float": "a number",
        "Boolean": "true or false",
    }[parameter.type]
