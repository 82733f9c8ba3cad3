"""What may stand in `{% … %}`: JSONata 2.0.6 without a context item, checked once when a definition is loaded."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from asl_runner.expressions.environment import ExpressionSyntaxError

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
    variables: frozenset[str]
    """Names that stand after a `$`, without it, renamed ones included."""
    makes_functions: bool
    """Whether a function may be part of the result."""


RENAMED = {
    "random": "aslRunnerRandom",
    "eval": "aslRunnerEval",
    "now": "aslRunnerNow",
    "millis": "aslRunnerMillis",
}
"""Built-ins of the engine that Step Functions replaces or takes away, and those that read the machine's clock; a bound
function cannot replace a built-in."""


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
def parse_jsonata(expression: str) -> Source:
    """Check an expression, given without `{% %}`.

    Raises `JsonataSyntaxError` with JSONata's own message, or with AWS's for what it does not support.
    """
    from jsonata2py.errors import JsonataError
    from jsonata2py.parser.lexer import Lexer
    from jsonata2py.parser.parser import Parser

    try:
        tokens = Lexer.tokenize(expression)
        tree = Parser.parse(expression)
    except JsonataError as problem:
        at = max(getattr(problem, "position", 0), 0)
        raise JsonataSyntaxError(_jsonata_text(problem.message, expression, at), expression, at, INVALID) from None
    except RecursionError:
        raise JsonataSyntaxError("The expression is too deeply nested", expression, 0, INVALID) from None
    _refuse_new_operators(expression, tokens)
    for name in _top_level_references(tree, False):
        message = f"Reference to '{name}' at the top level is not supported."
        raise JsonataSyntaxError(message, expression, max(expression.find(name), 0), UNSUPPORTED)
    return _source(expression, tokens)


def _jsonata_text(message: str, expression: str, at: int) -> str:
    """The engine's parser message in the words of jsonata-js."""
    text = _POSITION.sub("", _CODE.sub("", message))
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


def _refuse_new_operators(expression: str, tokens: list[Any]) -> None:
    """JSONata 2.1 added `?:` and `??`, which 2.0.6 reads as a `?` followed by something that begins no expression."""
    for token in tokens:
        if token.type.name in ("QUESTION_COLON", "QUESTION_QUESTION"):
            symbol = ":" if token.type.name == "QUESTION_COLON" else "?"
            message = f'The symbol "{symbol}" cannot be used as a unary operator'
            raise JsonataSyntaxError(message, expression, token.position + 1, INVALID)


def _source(expression: str, tokens: list[Any]) -> Source:
    parts: list[str] = []
    names: set[str] = set()
    copied = 0
    calls = 0
    for token, following in itertools.pairwise(tokens):
        if token.type.name != "VARIABLE":
            continue
        name = RENAMED.get(token.value, token.value)
        names.add(name)
        calls += following.type.name == "LPAREN" or token.value == "states"
        parts += [expression[copied : token.position + 1], name]
        copied = token.position + 1 + len(token.value)
    uses = sum(token.type.name == "VARIABLE" for token in tokens)
    kinds = {token.type.name for token in tokens}
    makes_functions = (
        uses > calls
        or bool(kinds & {"REGEX", "PIPE", "TILDE_GT", "QUESTION"})
        or any(token.type.name == "IDENTIFIER" and token.value in ("function", "λ") for token in tokens)
    )
    return Source("".join(parts) + expression[copied:], frozenset(names), makes_functions)


# What is evaluated once per item, with that item as context: everything but the source of these nodes.
_SOURCES = {
    "PredicateExpr": "source",
    "ArraySubscript": "source",
    "SortExpr": "source",
    "GroupByExpr": "source",
    "TransformExpr": "source",
    "Lambda": "",
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
