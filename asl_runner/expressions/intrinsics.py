"""Intrinsic function calls, `States.Format('Hello {}', $.name)`: a recursive descent parser that gives closures.

Literal arguments are folded at load time. Grammar and recorded corrections: reference expressions, section C.
"""

from __future__ import annotations

import re

from asl_runner.expressions.environment import Evaluator, ExpressionSyntaxError
from asl_runner.expressions.intrinsic_calls import (
    Argument,
    Computed,
    Constant,
    Literal,
    compile_call,
    evaluator_of,
)
from asl_runner.expressions.intrinsic_functions import FUNCTIONS, Function
from asl_runner.expressions.jsonpath import path_of
from asl_runner.expressions.jsonpath_syntax import parse_path_at
from asl_runner.expressions.patterns import LazyPattern

MAX_NESTING = 10
"""Intrinsic functions may stand inside each other this deep (developer guide)."""

_NAME = LazyPattern(r"[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z0-9]+)*")
_NUMBER = LazyPattern(r"-?(?:0|[1-9]\d{0,307})(?:\.\d+)?(?:[eE][+-]?\d{1,2})?(?![\w.])", re.ASCII)
_KEYWORD = LazyPattern(r"(true|false|null)(?![\w.(])")
_STRING_PART = LazyPattern(r"[^'\\{]+")
_BLANKS = LazyPattern(r"\s*")
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
    return evaluator_of(argument)


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
        return compile_call(name, function, arguments, self.text[start : self.at])

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
    import difflib

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
