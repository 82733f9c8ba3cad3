"""What compiled expressions call: the engine's own functions, with ours in place of some.

Ours are those Step Functions adds or takes away, those that read the clock or random numbers, those that could build
more than memory holds in one call to C, and those that the engine computes or words differently from the service.
"""

from __future__ import annotations

import re
from typing import Any

import jsonata2py.runtime as engine
from jsonata2py.errors import _RuntimeEvaluationError as EngineError
from jsonata2py.runtime import MISSING, JLambda, JRegex, PackedArgs, context, core, lambdas

from asl_runner.expressions.jsonata_builders import BUILDERS, Call
from asl_runner.expressions.jsonata_functions import FUNCTIONS, NothingFound, epoch_millis
from asl_runner.expressions.jsonata_guard import TOO_LARGE, TooFar, current
from asl_runner.expressions.jsonata_messages import shown
from asl_runner.expressions.jsonata_numbers import ARITHMETIC
from asl_runner.expressions.jsonata_syntax import ORIGINAL

MATCHED_LIMIT = 1 << 20
"""Characters of the longest string a regular expression looks at: backtracking remembers a place for each."""

lambdas.MAX_CALL_DEPTH = 32
"""Calls inside calls. The service allows a depth of 100, to which each call of a function that calls itself in a
condition and an operator adds three (measured: the 32 calls of such a function pass there, 33 do not)."""

lambdas.MAX_TRAMPOLINE_ITERATIONS = 1 << 62
"""Tail calls take no stack: only time ends them."""


def namespace() -> dict[str, Any]:
    """The names a compiled expression sees."""
    return {name: getattr(engine, name) for name in engine.__all__} | _OURS


def _resolve_binding(name: str) -> Any:
    """`$name`: `$states`, a workflow variable, a function as a value, or undefined."""
    evaluation = current.get()
    if name == "states":
        return evaluation.states
    variables = evaluation.env.variables
    if name in ORIGINAL:
        name = ORIGINAL[name]
    if name in variables:
        return variables[name]
    if name in FUNCTIONS:
        return _function_value(lambda *given: _call_bound_function(name, list(given)), FUNCTIONS[name].arity)
    if name in _VALUES:
        return _function_value(_OURS[f"fn_{name}"], _VALUES[name])
    return MISSING if name == "eval" else core.builtin_value(name)


def _function_value(call: Call, arity: int) -> JLambda:
    def apply(argument: Any = MISSING) -> Any:
        given = list(argument) if isinstance(argument, PackedArgs) else [argument]
        return call(*given[:arity])

    return JLambda(apply, max(arity, 1))


def _call_bound_function(name: str, arguments: list[Any]) -> Any:
    """`$name(…)` for a name the expression does not define: a function of Step Functions, or no function at all."""
    env = current.get().env
    name = ORIGINAL.get(name, name)
    function = FUNCTIONS.get(name)
    if function is None:
        raise EngineError("T1006", "Attempted to invoke a non-function")
    given = arguments[: function.arity]
    if len(given) < function.required or any(value is MISSING for value in given[: function.required]):
        return MISSING
    try:
        result = function.call(env, *[value for value in given if value is not MISSING])
    except NothingFound:
        return MISSING
    if function.sequence and len(result) < 2:
        return result[0] if result else MISSING
    return result


def _refused_eval(*_: Any) -> Any:
    raise EngineError("T1006", "Attempted to invoke a non-function")


def _pipe(value: Any, function: Any) -> Any:
    if not isinstance(function, JLambda):
        return core.fn_pipe(value, function)
    # The engine calls functions directly here, and gives what stands for a tail call instead of its result.
    if isinstance(value, JLambda):
        return JLambda(lambda given: lambdas.fn_apply(function, lambdas.fn_apply(value, given)), value.arity)
    return lambdas.fn_apply(function, value)


def _now(picture: Any = MISSING, timezone: Any = MISSING) -> Any:
    return core.fn_fromMillis(epoch_millis(current.get().env), picture, timezone)


def _millis() -> int:
    return epoch_millis(current.get().env)


def _shuffle(array: Any) -> Any:
    if array is MISSING:
        return MISSING
    items = list(array) if isinstance(array, list) else [array]
    current.get().env.random.shuffle(items)
    return items


def _ordered(name: str, symbol: str) -> Call:
    compare = getattr(core, name)

    def ordered(left: Any, right: Any) -> Any:
        try:
            return compare(left, right)
        except EngineError as problem:
            if problem.error_code == "T2009":
                values = f"The values {shown(left)} and {shown(right)} either side of operator {shown(symbol)}"
                raise EngineError("T2009", f"{values} must be of the same data type") from None
            text = f"The expressions either side of operator {shown(symbol)} must evaluate to numeric or string values"
            raise EngineError("T2010", text) from None

    return ordered


def _worded(call: Call, code: str, template: str) -> Call:
    """The same function, its error `code` in jsonata's words, which show the arguments."""

    def worded(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except EngineError as problem:
            if problem.error_code != code:
                raise
            raise EngineError(code, template.format(*map(shown, arguments))) from None

    return worded


class TimedPattern:
    """A compiled pattern whose searches end with the evaluation's time."""

    __slots__ = ("_pattern",)

    def __init__(self, pattern: Any) -> None:
        self._pattern = pattern

    def search(self, text: str, start: int = 0) -> Any:
        """The next match from `start`, or None."""
        evaluation = current.get()
        if len(text) > MATCHED_LIMIT:
            raise TooFar(TOO_LARGE)
        try:
            return self._pattern.search(text, start, timeout=evaluation.remaining())
        except TimeoutError:
            raise evaluation.timed_out() from None


def _regex_value(pattern: str, flags: str) -> JRegex:
    made = core.regex_value(pattern, flags)
    return JRegex(made.pattern, made.flags, TimedPattern(made.compiled))


def _to_millis(timestamp: Any, picture: Any = MISSING) -> Any:
    # A picture without a date takes that of the evaluation, which the engine would ask the machine for.
    context.get_state().millis = epoch_millis(current.get().env)
    result = core.fn_toMillis(timestamp, picture)
    if result is MISSING and isinstance(picture, str) and isinstance(timestamp, str) and "[f1]" in picture:
        # `[f1]` reads a fraction of any length, where the engine reads one digit.
        for length in sorted({len(digits) for digits in _DIGITS.findall(timestamp)}):
            result = core.fn_toMillis(timestamp, picture.replace("[f1]", f"[f{1:0{length}}]"))
            if result is not MISSING:
                return result
    return result


_DIGITS = re.compile(r"[0-9]+")


_OURS: dict[str, Call] = {
    **ARITHMETIC,
    **BUILDERS,
    "resolve_binding": _resolve_binding,
    "call_bound_function": _call_bound_function,
    "regex_value": _regex_value,
    "lt": _ordered("lt", "<"),
    "le": _ordered("le", "<="),
    "gt": _ordered("gt", ">"),
    "ge": _ordered("ge", ">="),
    "fn_pipe": _pipe,
    "fn_eval": _refused_eval,
    "fn_now": _now,
    "fn_millis": _millis,
    "fn_shuffle": _shuffle,
    "fn_toMillis": _to_millis,
    "fn_sqrt": _worded(core.fn_sqrt, "D3060", "The sqrt function cannot be applied to a negative number: {0}"),
    "fn_number": _worded(core.fn_number, "D3030", "Unable to cast value to a number: {0}"),
    "fn_power": _worded(
        core.fn_power,
        "D3061",
        "The power function has resulted in a value that cannot be represented as a JSON number: "
        "base={0}, exponent={1}",
    ),
    "fn_formatBase": _worded(
        core.fn_formatBase, "D3100", "The radix of the formatBase function must be between 2 and 36.  It was given {1}"
    ),
}

_VALUES = {
    "append": 2,
    "formatBase": 2,
    "join": 2,
    "millis": 0,
    "now": 2,
    "number": 1,
    "pad": 3,
    "power": 2,
    "replace": 4,
    "reverse": 1,
    "shuffle": 1,
    "split": 3,
    "sqrt": 1,
    "string": 2,
    "toMillis": 2,
    "zip": 2,
}
"""Those of ours that stand for a function of JSONata, with how many arguments they take as a value."""
