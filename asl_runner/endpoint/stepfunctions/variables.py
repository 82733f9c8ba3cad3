"""Which workflow variables each state of a definition reads: `variableReferences` of the describing operations."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from asl_runner.definition.scopes import PROCESSORS, scopes
from asl_runner.expressions.environment import ExpressionSyntaxError, Json
from asl_runner.expressions.jsonata_syntax import enclosed, is_expression

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_VARIABLE = re.compile(r"(?<!\$)\$([^\W\d]\w*)")
_NESTED = frozenset({*PROCESSORS, "Branches", "Comment"})
"""Fields of a state whose variables are not the state's own."""

_OWN = frozenset({"states"})
"""What stands after a `$` in JSONata and is no variable of the workflow."""


def variable_references(definition: str) -> dict[str, list[str]]:
    """State names, nested ones included, to the sorted names of the variables they read; only states that read any."""
    if "$" not in definition:
        return {}
    document = msgspec.json.decode(definition)
    found = {}
    for scope in scopes(document):
        for name, state in scope.states.items():
            language = state.get("QueryLanguage", document.get("QueryLanguage", "JSONPath"))
            fields = {key: value for key, value in state.items() if key not in _NESTED}
            names = set(_in_jsonata(fields) if language == "JSONata" else _in_paths(fields, ""))
            if names:
                found[name] = sorted(names)
    return found


def _in_paths(value: Json, key: str) -> Iterator[str]:
    """The variables of paths and intrinsic functions: values of `x.$`, of `SomethingPath`, and of `Variable`."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _in_paths(member, name)
    elif isinstance(value, list):
        for element in value:
            yield from _in_paths(element, "")
    elif isinstance(value, str) and (key.endswith((".$", "Path")) or key == "Variable"):
        yield from _VARIABLE.findall(_QUOTED.sub("", value))


def _in_jsonata(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for member in value.values():
            yield from _in_jsonata(member)
    elif isinstance(value, list):
        for element in value:
            yield from _in_jsonata(element)
    elif isinstance(value, str) and "$" in value:
        try:
            if is_expression(value):
                yield from _free_names(enclosed(value)[0])
        except ExpressionSyntaxError:
            return  # A comment that looks like an expression.


def _free_names(expression: str) -> Iterator[str]:
    """Names that an expression reads, without functions and what it binds itself."""
    from jsonata2py.errors import JsonataError
    from jsonata2py.parser.lexer import Lexer
    from jsonata2py.parser.parser import BUILTIN_NAMES

    try:
        tokens = Lexer.tokenize(expression)
    except JsonataError:
        return
    bound = {*_OWN, *BUILTIN_NAMES, *_parameters(tokens)}
    names = []
    for token, following in itertools.pairwise(tokens):
        if token.type.name == "VARIABLE" and token.value:
            if following.type.name == "COLON_ASSIGN":
                bound.add(token.value)
            elif following.type.name != "LPAREN":
                names.append(token.value)
    yield from (name for name in names if name not in bound)


def _parameters(tokens: list[Any]) -> Iterator[str]:
    """The parameters of the functions an expression defines."""
    inside = False
    for previous, token in itertools.pairwise(tokens):
        if token.type.name == "LPAREN" and previous.value in ("function", "λ"):
            inside = True
        elif token.type.name == "RPAREN":
            inside = False
        elif inside and token.type.name == "VARIABLE":
            yield token.value
