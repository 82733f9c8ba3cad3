"""Evaluation by jsonata2py: expressions compiled on first use and cached by text, its errors in jsonata's words."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from asl_runner.expressions.environment import Environment, Json
from asl_runner.expressions.jsonata_functions import FUNCTION_NAMES, functions_for
from asl_runner.expressions.jsonata_syntax import RENAMED, Source, parse_jsonata

if TYPE_CHECKING:
    from jsonata2py import CompiledExpression

TIME_LIMIT_MS = 5_000
"""An evaluation that takes longer fails."""


class Undefined:
    """The type of `UNDEFINED`."""

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined()
"""What an expression gives that finds nothing; JSON null is `None`."""


class Unsupported(Exception):
    """The result is no JSON value: a function or a regular expression."""


class EvaluationFailed(Exception):
    """The engine stopped with an error; `code` is JSONata's, None for a function of Step Functions."""

    def __init__(self, code: str | None, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


# Texts of jsonata-js 2.0.6 without places to fill in, where the engine words them differently.
_MESSAGES = {
    "T1006": "Attempted to invoke a non-function",
    "T1008": "Attempted to partially apply a non-function",
    "T2006": "The right side of the function application operator ~> must be a function",
    "T2008": "The expressions within an order-by clause must evaluate to numeric or string values",
    "D3010": "Second argument of replace function cannot be an empty string",
    "D3011": "Fourth argument of replace function must evaluate to a positive number",
    "D3012": "Attempted to replace a matched string with a non-string value",
    "D3020": "Third argument of split function must evaluate to a positive number",
    "D3040": "Third argument of match function must evaluate to a positive number",
    "D3138": "The $single() function expected exactly 1 matching result.  Instead it matched more.",
    "D3139": "The $single() function expected exactly 1 matching result.  Instead it matched 0.",
}
_OPERATOR = re.compile(r"^(The (?:left|right) side of the )(\S+)( operator)")


class Program:
    """One expression, compiled when it is first evaluated."""

    __slots__ = ("_bindings", "_engine", "_errors", "_functions", "_missing", "_names", "_source")

    def __init__(self, source: Source) -> None:
        self._source = source
        original = {renamed: name for name, renamed in RENAMED.items()}
        self._names = tuple((name, original.get(name, name)) for name in source.variables)
        self._functions = source.variables & FUNCTION_NAMES
        self._engine: CompiledExpression | None = None
        self._bindings: Any = None
        self._missing: Any = None
        self._errors: Any = None

    def evaluate(self, states: Json, env: Environment) -> Json | Undefined:
        """The value with `$states` and the workflow variables bound; shares structure with them.

        Raises `EvaluationFailed` or `Unsupported`.
        """
        engine = self._engine or self._load()
        missing = self._missing
        bindings = self._bindings()
        variables = env.variables
        for name, variable in self._names:
            if variable == "states":
                bindings.bind_value(name, states)
            elif variable in variables:
                bindings.bind_value(name, variables[variable])
        if self._functions:
            bindings.bind_functions(functions_for(self._functions, env, missing, _format_millis))
        try:
            result = engine.evaluate(missing, bindings)
        except self._errors as problem:
            raise EvaluationFailed(problem.error_code, _text(problem.error_code, problem.message)) from problem
        if result is missing:
            return UNDEFINED
        if self._source.makes_functions:
            _refuse_functions(result)
        return result

    def _load(self) -> CompiledExpression:
        import jsonata2py

        self._bindings = jsonata2py.JsonataBindings
        self._missing = jsonata2py.MISSING
        self._errors = jsonata2py.JsonataError
        engine = jsonata2py.compile(self._source.text)
        engine.set_timeout(TIME_LIMIT_MS)
        self._engine = engine
        return engine


@lru_cache(maxsize=8192)
def program(expression: str) -> Program:
    """The program of an expression, one for all places it stands in.

    Raises `ExpressionSyntaxError`.
    """
    return Program(parse_jsonata(expression))


@lru_cache(maxsize=4)
def _formatter(arguments: int) -> CompiledExpression:
    import jsonata2py

    names = ("$millis_", "$picture", "$timezone")[:arguments]
    return jsonata2py.compile(f"$fromMillis({', '.join(names)})")


def _format_millis(millis: int, *how: Any) -> Any:
    """JSONata's `$fromMillis(millis, picture, timezone)`, whose last two may be missing."""
    import jsonata2py

    given = [argument for argument in how[:2] if argument is not jsonata2py.MISSING]
    bindings = jsonata2py.JsonataBindings()
    for name, value in zip(("millis_", "picture", "timezone"), (millis, *given), strict=False):
        bindings.bind_value(name, value)
    return _formatter(1 + len(given)).evaluate(jsonata2py.MISSING, bindings)


def _text(code: str | None, message: str) -> str:
    if code in _MESSAGES:
        return _MESSAGES[code]
    return _OPERATOR.sub(r'\1"\2"\3', message)


def _refuse_functions(result: Any) -> None:
    pending = [result]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif value is not None and not isinstance(value, (str, int, float)):
            raise Unsupported
