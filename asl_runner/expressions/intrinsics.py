"""Intrinsic function calls, `States.Format('Hello {}', $.name)`: a recursive descent parser that gives closures.

Literal arguments are folded at load time. Grammar and recorded corrections: reference expressions, section C.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from random import Random
from typing import NamedTuple, TypeAlias

from asl_runner.expressions.environment import Environment, Evaluator, ExpressionError, ExpressionSyntaxError, Json
from asl_runner.expressions.intrinsic_functions import FUNCTIONS, ArgumentProblem, Function, format_parts
from asl_runner.expressions.jsonpath import path_of
from asl_runner.expressions.jsonpath_syntax import parse_path_at

MAX_NESTING = 10
"""Intrinsic functions may stand inside each other this deep (developer guide)."""


class IntrinsicFailure(ExpressionError):
    """A function could not be applied to its arguments; reported as States.Runtime."""


class Constant(NamedTuple):
    """An argument known at load time."""

    value: Json


class Literal(NamedTuple):
    """A string literal: `value` with its escapes resolved; `parts` is it cut at each unescaped `{}`."""

    value: str
    parts: list[str]


class Computed(NamedTuple):
    """An argument that depends on the data."""

    evaluate: Evaluator


Argument: TypeAlias = Constant | Literal | Computed

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z0-9]+)*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_KEYWORD = re.compile(r"(true|false|null)(?![\w.(])")
_STRING_PART = re.compile(r"[^'\\{]+")
_BLANKS = re.compile(r"\s*")
_KEYWORDS = {"true": True, "false": False, "null": None}


def compile_intrinsic(text: str) -> Evaluator:
    """Compile a whole intrinsic function call.

    Raises `ExpressionSyntaxError` for anything that is not one, with the offset. The result raises `PathNotFound`
    for a missing path in an argument and `IntrinsicFailure` when a function cannot take its arguments.
    """
    parser = _Parser(text)
    parser.blanks()
    argument = parser.call(1)
    parser.blanks()
    if parser.at < len(text):
        raise ExpressionSyntaxError(f"Unexpected {text[parser.at :]!r} after the function call", text, parser.at)
    return _evaluator(argument)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def call(self, depth: int) -> Argument:
        start = self.at
        match = _NAME.match(self.text, start)
        if match is None or not self.text.startswith("(", match.end()):
            raise self.error("Expected an intrinsic function call like States.Format('…', $.name)", start)
        name = match.group()
        function = FUNCTIONS.get(name)
        if function is None:
            raise self.error(f"There is no intrinsic function '{name}'{_did_you_mean(name)}", start)
        if depth > MAX_NESTING:
            raise self.error(f"Intrinsic functions can be nested at most {MAX_NESTING} deep", start)
        self.at = match.end() + 1
        arguments = self.arguments(depth)
        _check_count(function, name, arguments, self.text, start)
        return _call(name, function, arguments, self.text[start : self.at])

    def arguments(self, depth: int) -> list[Argument]:
        arguments: list[Argument] = []
        self.blanks()
        if self.take(")"):
            return arguments
        while True:
            arguments.append(self.argument(depth))
            self.blanks()
            if self.take(")"):
                return arguments
            if not self.take(","):
                if self.at >= len(self.text):
                    raise self.error("The call is never closed: ')' is missing", self.at)
                raise self.error(f"Expected ',' or ')' but found {self.text[self.at]!r}", self.at)
            self.blanks()

    def argument(self, depth: int) -> Argument:
        text, at = self.text, self.at
        if text.startswith("'", at):
            return self.string()
        if text.startswith("$", at):
            parsed, self.at = parse_path_at(text, at)
            return Computed(path_of(parsed).evaluate)
        if match := _NUMBER.match(text, at):
            self.at = match.end()
            number = match.group()
            return Constant(float(number) if any(mark in number for mark in ".eE") else int(number))
        if match := _KEYWORD.match(text, at):
            self.at = match.end()
            return Constant(_KEYWORDS[match.group()])
        if text.startswith('"', at):
            raise self.error("A string is written in single quotes", at)
        if at >= len(text) or text[at] in ",)":
            raise self.error("An argument is missing", at)
        return self.call(depth + 1)

    def string(self) -> Literal:
        start = self.at
        self.at += 1
        parts: list[list[str]] = [[]]
        while True:
            text, at = self.text, self.at
            if match := _STRING_PART.match(text, at):
                parts[-1].append(match.group())
                self.at = match.end()
            elif self.take("'"):
                break
            elif self.take("{}"):
                parts.append([])
            elif self.take("{"):
                parts[-1].append("{")
            elif self.take("\\"):
                parts[-1].append(self.escaped(at))
            else:
                raise self.error('This string is never closed: its "\'" is missing', start)
        pieces = ["".join(part) for part in parts]
        return Literal("{}".join(pieces), pieces)

    def escaped(self, start: int) -> str:
        char = self.text[self.at : self.at + 1]
        if not char or char not in "'{}\\":
            raise self.error(f"Only \\', \\{{, \\}} and \\\\ can be escaped in a string, not \\{char}", start)
        self.at += 1
        return char

    def take(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def blanks(self) -> None:
        match = _BLANKS.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def error(self, message: str, at: int) -> ExpressionSyntaxError:
        return ExpressionSyntaxError(message, self.text, at)


def _did_you_mean(name: str) -> str:
    """The nearest function name as a question; people forget the prefix or write the name in another case."""
    plain = name.rpartition(".")[2].lower()
    by_plain = {known.rpartition(".")[2].lower(): known for known in FUNCTIONS}
    near = difflib.get_close_matches(plain, by_plain, n=1, cutoff=0.6)
    if near:
        return f": did you mean '{by_plain[near[0]]}'?"
    return f"; there are {', '.join(sorted(FUNCTIONS))}"


def _check_count(function: Function, name: str, arguments: list[Argument], text: str, start: int) -> None:
    count = len(arguments)
    if count >= function.least and (function.most is None or count <= function.most):
        return
    if function.most is None:
        expected = f"at least {function.least}"
    elif function.least == function.most:
        expected = str(function.least)
    else:
        expected = f"{function.least} to {function.most}"
    plural = "" if expected.endswith(" 1") or expected == "1" else "s"
    raise ExpressionSyntaxError(f"{name} takes {expected} argument{plural}, not {count}", text, start)


def _call(name: str, function: Function, arguments: list[Argument], text: str) -> Argument:
    if name == "States.Format" and isinstance(arguments[0], Literal):
        evaluate = _format(arguments[0].parts, arguments[1:], text)
    elif function.random:
        evaluate = _random_call(function.call, [_evaluator(argument) for argument in arguments], text)
    else:
        evaluate = _plain_call(function.call, arguments, text)
    if function.random or any(isinstance(argument, Computed) for argument in arguments):
        return Computed(evaluate)
    try:
        return Constant(evaluate(None, _NOWHERE))
    except IntrinsicFailure:
        # AWS reports a call that cannot succeed when the state runs, not when the machine is created.
        return Computed(evaluate)


def _evaluator(argument: Argument) -> Evaluator:
    if isinstance(argument, Computed):
        return argument.evaluate
    value = argument.value
    return lambda data, env: value


def _failure(text: str, problem: ArgumentProblem) -> IntrinsicFailure:
    return IntrinsicFailure(f"The function '{text}' had the following error: {problem}")


def _plain_call(call: Callable[..., Json], arguments: list[Argument], text: str) -> Evaluator:
    """The call as a closure; the shapes people write most, one or two arguments, without building a list."""
    getters = [_evaluator(argument) for argument in arguments]
    if len(getters) == 1:
        (only,) = getters

        def call_1(data: Json, env: Environment) -> Json:
            try:
                return call(only(data, env))
            except ArgumentProblem as problem:
                raise _failure(text, problem) from None

        return call_1
    if len(getters) == 2:
        first, second = getters
        if not isinstance(arguments[1], Computed):
            return _call_with_constant(call, first, arguments[1].value, text)

        def call_2(data: Json, env: Environment) -> Json:
            try:
                return call(first(data, env), second(data, env))
            except ArgumentProblem as problem:
                raise _failure(text, problem) from None

        return call_2

    def call_any(data: Json, env: Environment) -> Json:
        try:
            return call(*[getter(data, env) for getter in getters])
        except ArgumentProblem as problem:
            raise _failure(text, problem) from None

    return call_any


def _call_with_constant(call: Callable[..., Json], first: Evaluator, constant: Json, text: str) -> Evaluator:
    def call_constant(data: Json, env: Environment) -> Json:
        try:
            return call(first(data, env), constant)
        except ArgumentProblem as problem:
            raise _failure(text, problem) from None

    return call_constant


def _random_call(call: Callable[..., Json], getters: list[Evaluator], text: str) -> Evaluator:
    def call_random(data: Json, env: Environment) -> Json:
        try:
            return call(env.random, *[getter(data, env) for getter in getters])
        except ArgumentProblem as problem:
            raise _failure(text, problem) from None

    return call_random


def _format(parts: list[str], arguments: list[Argument], text: str) -> Evaluator:
    """Format with a literal template, which is cut at its `{}` once."""
    getters = [_evaluator(argument) for argument in arguments]

    def run(data: Json, env: Environment) -> Json:
        try:
            return format_parts(parts, [getter(data, env) for getter in getters])
        except ArgumentProblem as problem:
            raise _failure(text, problem) from None

    return run


class _Nowhere:
    """Surroundings for folding: calls that would look at them are never folded."""

    @property
    def variables(self) -> dict[str, Json]:
        raise AssertionError("a folded call read a variable")

    @property
    def context(self) -> dict[str, Json]:
        raise AssertionError("a folded call read the context object")

    @property
    def random(self) -> Random:
        raise AssertionError("a folded call asked for a random number")


_NOWHERE = _Nowhere()
