"""Path filters, `[?(@.price < 10 && !@.sold)]`: own grammar, single comparisons evaluated by jsonpath-ng.

The grammar is the part of Jayway's that Step Functions takes: comparisons of a path with a literal or another path,
existence tests, `&&`, `||`, `!` and parentheses; no word operators and no regular expressions (developer guide).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from msgspec import Struct

from asl_runner.expressions.environment import ExpressionSyntaxError, Json
from asl_runner.expressions.patterns import LazyPattern


class Test(Struct, frozen=True):
    """One comparison or existence test, as jsonpath-ng reads it; `rooted` when it mentions `$`."""

    query: str
    rooted: bool


class Not(Struct, frozen=True):
    """`!(…)`."""

    operand: FilterExpression


class And(Struct, frozen=True):
    """`a && b && …`."""

    operands: tuple[FilterExpression, ...]


class Or(Struct, frozen=True):
    """`a || b || …`."""

    operands: tuple[FilterExpression, ...]


FilterExpression: TypeAlias = Test | Not | And | Or
Operand: TypeAlias = Callable[[str, int], tuple[str, int]]
"""Reads the path at an offset of a text; gives it in jsonpath-ng's notation and where it ends."""
Predicate: TypeAlias = Callable[[Json, Json], bool]

_COMPARISON = LazyPattern(r"==|!=|<=|>=|<|>")
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_NUMBER = LazyPattern(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?![\w.])", re.ASCII)
_STRING = LazyPattern(r"'((?:\\.|[^'\\])*)'|\"((?:\\.|[^\"\\])*)\"", re.DOTALL)
_WORD = LazyPattern(r"[^\W\d][\w-]*")
_BLANKS = LazyPattern(r"\s*")
_MAX_DEPTH = 50
_WORD_OPERATORS = frozenset({"in", "nin", "subsetof", "anyof", "noneof", "size", "empty", "contains", "all", "type"})


def parse_filter(text: str, start: int, operand: Operand) -> tuple[FilterExpression, int]:
    """Parse the condition that begins at `start`, after `?(`; also gives the offset of its closing parenthesis."""
    parser = _Parser(text, start, operand)
    expression = parser.alternatives()
    parser.expect(")")
    return expression, parser.at - 1


def quoted_for_query(value: str) -> str:
    """A string as jsonpath-ng reads it between quotes."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class _Parser:
    def __init__(self, text: str, at: int, operand: Operand) -> None:
        self.text = text
        self.at = at
        self.operand = operand
        self.depth = 0

    def alternatives(self) -> FilterExpression:
        operands = [self.conjunction()]
        while self.take("||"):
            operands.append(self.conjunction())
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def conjunction(self) -> FilterExpression:
        operands = [self.negation()]
        while self.take("&&"):
            operands.append(self.negation())
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def negation(self) -> FilterExpression:
        negated = False
        while self.take("!"):
            negated = not negated
        if self.take("("):
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise ExpressionSyntaxError(
                    f"A filter has at most {_MAX_DEPTH} levels of parentheses", self.text, self.at
                )
            expression = self.alternatives()
            self.expect(")")
            self.depth -= 1
        else:
            expression = self.test()
        return Not(expression) if negated else expression

    def test(self) -> Test:
        start = self.at
        left, left_is_path = self.value()
        self.blanks()
        match = _COMPARISON.match(self.text, self.at)
        if match is None:
            self.refuse_other_operators()
            if not left_is_path:
                raise ExpressionSyntaxError("A filter compares a path like @.name with a value", self.text, start)
            return Test(left, left.startswith("$"))
        self.at = match.end()
        right, right_is_path = self.value()
        operator = match.group()
        if not left_is_path:
            if not right_is_path:
                raise ExpressionSyntaxError("One side of a comparison is a path like @.name", self.text, start)
            left, right, operator = right, left, _FLIPPED.get(operator, operator)
        rooted = left.startswith("$") or (right_is_path and right.startswith("$"))
        return Test(f"{left} {operator} {right}", rooted)

    def value(self) -> tuple[str, bool]:
        """A path or a literal in jsonpath-ng's notation, and whether it is a path."""
        self.blanks()
        text, at = self.text, self.at
        if text.startswith(("@", "$"), at):
            query, self.at = self.operand(text, at)
            return query, True
        if match := _STRING.match(text, at):
            self.at = match.end()
            body = match.group(1) if match.group(1) is not None else match.group(2)
            return quoted_for_query(re.sub(r"\\(.)", r"\1", body, flags=re.DOTALL)), False
        if match := _NUMBER.match(text, at):
            self.at = match.end()
            return format(Decimal(match.group()), "f"), False
        if match := _WORD.match(text, at):
            self.at = match.end()
            word = match.group()
            # Step Functions takes a bare word for a string.
            return (word if word in ("true", "false", "null") else quoted_for_query(word)), False
        raise ExpressionSyntaxError(
            "Expected a path like @.name, a number, a string in quotes, true, false or null in the filter",
            text,
            min(at, len(text)),
        )

    def refuse_other_operators(self) -> None:
        text, at = self.text, self.at
        if text.startswith("=~", at):
            raise ExpressionSyntaxError("Step Functions has no regular expressions (=~) in filters", text, at)
        if text.startswith("=", at):
            raise ExpressionSyntaxError("Equality in a filter is written ==", text, at)
        match = _WORD.match(text, at)
        if match and match.group().lower() in _WORD_OPERATORS:
            raise ExpressionSyntaxError(
                f"Step Functions has no operator {match.group()!r} in filters; available are == != < <= > >= && || !",
                text,
                at,
            )

    def take(self, mark: str) -> bool:
        self.blanks()
        if not self.text.startswith(mark, self.at) or (mark == "!" and self.text.startswith("!=", self.at)):
            return False
        self.at += len(mark)
        return True

    def expect(self, mark: str) -> None:
        if not self.take(mark):
            if self.at >= len(self.text):
                raise ExpressionSyntaxError(f"The filter is never closed: {mark!r} is missing", self.text, self.at)
            raise ExpressionSyntaxError(
                f"Expected {mark!r}, '&&' or '||' in the filter but found {self.text[self.at]!r}", self.text, self.at
            )

    def blanks(self) -> None:
        match = _BLANKS.match(self.text, self.at)
        self.at = match.end() if match else self.at


def compile_filter(expression: FilterExpression) -> Predicate:
    """A function of (node, value `$` stands for) that says whether the filter keeps the node."""
    if isinstance(expression, Test):
        return _test(expression)
    if isinstance(expression, Not):
        inner = compile_filter(expression.operand)
        return lambda node, root: not inner(node, root)
    parts = [compile_filter(operand) for operand in expression.operands]
    if isinstance(expression, And):
        return lambda node, root: all(part(node, root) for part in parts)
    return lambda node, root: any(part(node, root) for part in parts)


def _test(test: Test) -> Predicate:
    def rooted(node: Json, root: Json) -> bool:
        from jsonpath_ng import DatumInContext

        return bool(_query(test.query).find(DatumInContext([node], context=DatumInContext(root))))

    if test.rooted:
        return rooted
    return lambda node, root: bool(_query(test.query).find([node]))


@lru_cache(maxsize=1024)
def _query(query: str) -> Any:
    """The filter step of jsonpath-ng for one test; imported and parsed on first use."""
    from jsonpath_ng.ext import parse

    return parse(f"$[?{query}]").right
