"""What may stand in `{% … %}`: JSONata 2.0.6 without a context item, checked once when a definition is loaded."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from asl_runner.expressions.environment import ExpressionSyntaxError
from asl_runner.expressions.jsonata_functions import FUNCTIONS
from asl_runner.expressions.jsonata_guard import DEPTH_LIMIT, STACK_OVERFLOW, Evaluation, TooFar, guarded

INVALID = "INVALID_JSONATA_EXPRESSION"
UNSUPPORTED = "UNSUPPORTED_JSONATA_EXPRESSION"

NOT_ENCLOSED = "JSONata string must start with {% and end with %}"

_CODE = re.compile(r"^[A-Z]\d{4}: ")
_POSITION = re.compile(r" \(position -?\d+\)$")
_EXPECTED = re.compile(r"Expected (\w+) but (?:reached end of expression|found (\w+) \('(.*)'\))", re.DOTALL)
_SYMBOLS = {
    "RPAREN": ")",
    "LPAREN": "(",
    "RBRACKET": "]",
    "RBRACE": "}",
    "LBRACE": "{",
    "COLON": ":",
    "COMMA": ",",
    "EOF": "(end)",
}
_NAMES_OF_OPERATORS = frozenset({"and", "or", "in", "true", "false", "null", "not", "function"})
_SIMPLE = re.compile(r"\s*\$([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)\s*", re.ASCII)


class JsonataSyntaxError(ExpressionSyntaxError):
    """An expression AWS refuses when a state machine is created; `code` is that of AWS's diagnostic."""

    def __init__(self, message: str, text: str, offset: int, code: str) -> None:
        super().__init__(message, text, offset)
        self.code = code


class Source(NamedTuple):
    """A checked expression, ready for the engine."""

    text: str
    """As the engine gets it: names that Step Functions gives another meaning are renamed."""
    constructs: bool
    """Whether it makes values that its data did not hold: objects, arrays, functions, numbers."""
    failure: tuple[str | None, str] | None = None
    """Code and text of the error that evaluating it is bound to end with."""
    reads: frozenset[str] = frozenset()
    """The members of `$states` it names."""


LONGEST_PATH = 180
"""Steps of a path, each of which is a pair of parentheses in its translation: Python nests fewer than 200."""

RENAMED = {"random": "aslRunnerRandom"}
"""Functions of JSONata that take other arguments in Step Functions; the engine checks those of its own."""

ORIGINAL = {renamed: name for name, renamed in RENAMED.items()}


def simple_path(expression: str) -> tuple[str, ...] | None:
    """The names of an expression that is only `$variable.name.name`; None for any other."""
    match = _SIMPLE.fullmatch(expression)
    if match is None:
        return None
    names = (match.group(1), *match.group(2).split(".")[1:])
    return None if _NAMES_OF_OPERATORS.intersection(names) else names


def is_expression(text: str) -> bool:
    """Whether a string is an expression rather than a literal.

    Raises `JsonataSyntaxError` for one that begins as an expression and does not end as one.
    """
    if not text.startswith("{%"):
        return False
    if not text.endswith("%}") or len(text) < 4 or not text[2:-2].strip():
        raise JsonataSyntaxError(NOT_ENCLOSED, text, 0, INVALID)
    return True


def enclosed(text: str) -> tuple[str, int]:
    """The expression inside `{% … %}`, without the blanks around it, and its offset; a bare one as it is."""
    inner, start = (text[2:-2], 2) if is_expression(text) else (text, 0)
    return inner.strip(), start + len(inner) - len(inner.lstrip())


@lru_cache(maxsize=8192)
def parse_jsonata(expression: str, context: bool = False) -> Source:
    """Check an expression, given without `{% %}`; with `context` it is evaluated on a context item, as JSONata is.

    Raises `JsonataSyntaxError` with JSONata's own message, or with AWS's for what it does not support.
    """
    try:
        return guarded(Evaluation({}, None, None), lambda _: _parsed(expression, context))
    except TooFar as limit:
        return Source(expression, False, (None, str(limit)))


def _parsed(expression: str, context: bool) -> Source:
    from jsonata2py.errors import JsonataError
    from jsonata2py.parser.lexer import Lexer
    from jsonata2py.parser.parser import Parser

    try:
        tokens = Lexer.tokenize(expression)
        tree = Parser.parse(expression)
    except JsonataError as problem:
        if str(problem.error_code).startswith("T"):
            # The engine sees while it parses what JSONata sees when it gets there.
            return Source(expression, False, (problem.error_code, _bare(problem.message)))
        at = max(getattr(problem, "position", 0), 0)
        raise JsonataSyntaxError(_jsonata_text(problem.message, expression, at), expression, at, INVALID) from None
    _refuse_new_operators(expression, tokens, tree)
    if not context:
        for name in _top_level_references(tree, False):
            message = f"Reference to '{name}' at the top level is not supported."
            if name == "$$":
                message = "Reference to '$$' is not supported."
            raise JsonataSyntaxError(message, expression, max(expression.find(name), 0), UNSUPPORTED)
    failure = (None, STACK_OVERFLOW) if _depth(tree) > DEPTH_LIMIT else None
    return Source(_renamed(expression, tokens), not _only_selects(tree), failure, _reads(tree))


def _reads(tree: Any) -> frozenset[str]:
    names = set()
    for node in _nodes(tree):
        if type(node).__name__ == "PathExpr" and len(node.steps) > 1:
            first, second = node.steps[:2]
            if type(first).__name__ == "VariableRef" and first.name == "states" and type(second).__name__ == "FieldRef":
                names.add(second.name)
    return frozenset(names)


def _bare(message: str) -> str:
    return _POSITION.sub("", _CODE.sub("", message))


def _jsonata_text(message: str, expression: str, at: int) -> str:
    """The engine's parser message in the words of jsonata-js."""
    text = _bare(message)
    if match := _EXPECTED.fullmatch(text):
        wanted, found = match.group(1), match.group(2)
        wanted = _SYMBOLS.get(wanted, wanted.lower())
        if found is None:
            return f'Expected "{wanted}" before end of expression'
        return f'Expected "{wanted}", got "{match.group(3) or _SYMBOLS.get(found, expression[at : at + 1])}"'
    if text.startswith("Unexpected token"):
        return f'The symbol "{expression[at : at + 1]}" cannot be used as a unary operator'
    if text == "Unterminated string literal":
        return "String literal must be terminated by a matching quote"
    return text


def _refuse_new_operators(expression: str, tokens: list[Any], tree: Any) -> None:
    """JSONata 2.1 added `?:` and `??`, which 2.0.6 reads as a `?` followed by something that begins no expression."""
    if not any(type(node).__name__ in ("ElvisExpr", "CoalesceExpr") for node in _nodes(tree)):
        return
    for token in tokens:
        if token.type.name not in ("QUESTION_COLON", "QUESTION_QUESTION"):
            continue
        # `<s?:s>` is the signature of a function.
        if not _SIGNATURE_END.match(expression, token.position):
            symbol = ":" if token.type.name == "QUESTION_COLON" else "?"
            message = f'The symbol "{symbol}" cannot be used as a unary operator'
            raise JsonataSyntaxError(message, expression, token.position + 1, INVALID)


_SIGNATURE_END = re.compile(r"\?:[\w<>()]*>\s*\{")


def _renamed(expression: str, tokens: list[Any]) -> str:
    """The expression with the functions of `RENAMED` under their other names."""
    parts: list[str] = []
    copied = 0
    for token in tokens:
        if token.type.name == "VARIABLE" and token.value in RENAMED:
            parts += [expression[copied : token.position + 1], RENAMED[token.value]]
            copied = token.position + 1 + len(token.value)
    return "".join(parts) + expression[copied:]


_LITERALS = ("StringLiteral", "NumberLiteral", "BooleanLiteral", "NullLiteral")
_STEPS = ("FieldRef", "WildcardStep", "DescendantStep", "ParentStep", "ContextRef", "RootRef")
_CHOICES = ("PathExpr", "PredicateExpr", "ArraySubscript", "SortExpr", "SortKey", "ConditionalExpr")
_SELECTING = frozenset((*_LITERALS, *_STEPS, *_CHOICES, "Parenthesized", "Block"))
_COMPARING = frozenset(("=", "!=", "<", "<=", ">", ">=", "and", "or", "in", "&"))


def _only_selects(tree: Any) -> bool:
    """Whether everything an expression can give is part of its data, a literal, a string or a boolean."""
    from jsonata2py.runtime.core import builtin_value

    for node in _nodes(tree):
        kind = type(node).__name__
        if kind == "VariableRef":
            if node.name in FUNCTIONS or builtin_value(node.name):
                return False
        elif kind not in _SELECTING and not (kind == "BinaryOp" and node.op in _COMPARING):
            return False
    return True


def _nodes(tree: Any) -> Iterator[Any]:
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        for _, child in _children(node):
            pending.extend(child if isinstance(child, list) else [child])


def _depth(node: Any) -> int:
    """How deeply an expression nests, a sum of n terms being n deep (measured at the service)."""
    if type(node).__name__ == "ChainExpr":
        return len(node.steps) - 1 + max(map(_depth, node.steps))
    if type(node).__name__ == "PathExpr" and len(node.steps) > LONGEST_PATH:
        return DEPTH_LIMIT + 1
    deepest = 0
    for _, child in _children(node):
        for item in child if isinstance(child, list) else [child]:
            deepest = max(deepest, _depth(item))
    return deepest + 1


# What is evaluated once per item, with that item as context: everything but the source of these nodes.
_SOURCES = {
    "PredicateExpr": "source",
    "ArraySubscript": "source",
    "SortExpr": "source",
    "GroupByExpr": "source",
    "TransformExpr": "source",
    "TransformLambda": "",
}


def _top_level_references(node: Any, context: bool) -> Iterator[str]:
    """Names a tree reads from a context item that does not exist: `$states.input` is where the input is."""
    kind = type(node).__name__
    if not context:
        if kind == "FieldRef":
            yield node.name
        elif kind in ("ContextRef", "RootRef", "WildcardStep", "DescendantStep", "ParentStep"):
            yield {"ContextRef": "$", "RootRef": "$$", "WildcardStep": "*", "DescendantStep": "**"}.get(kind, "%")
    for name, child in _children(node):
        inside = context
        if kind in _SOURCES:
            inside = context or name != _SOURCES[kind]
        elif kind in ("PathExpr", "ChainExpr") and isinstance(child, list):
            if child:
                yield from _top_level_references(child[0], context)
                for step in child[1:]:
                    yield from _top_level_references(step, True if kind == "PathExpr" else context)
            continue
        for item in child if isinstance(child, list) else [child]:
            yield from _top_level_references(item, inside)


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    if not dataclasses.is_dataclass(node):
        return
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if dataclasses.is_dataclass(value) or isinstance(value, list):
            yield field.name, value
