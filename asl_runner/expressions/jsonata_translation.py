"""An expression as Python code: the engine's translation, corrected, with the functions of `jsonata_runtime`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jsonata2py.errors import JsonataCompilationError
from jsonata2py.errors import _RuntimeEvaluationError as EngineError

from asl_runner.expressions.jsonata_guard import GENERATED, STACK_OVERFLOW, TooFar
from asl_runner.expressions.jsonata_runtime import namespace

if TYPE_CHECKING:
    from jsonata2py import JsonataExpressionFactory

_IMPORT: Final = "from jsonata2py.runtime import *"
"""The names the source asks for; a blank line in its place keeps the numbers of the lines."""


class Translation(NamedTuple):
    """A compiled expression."""

    entry: Callable[[Any], Any]
    """Called with the context item."""
    source: str


def translate(expression: str) -> Translation:
    """The code of an expression whose syntax is right.

    Raises `TooFar` for one that nests more deeply than Python does, and the engine's error for what cannot work.
    """
    try:
        source = _factory().translate(expression)
    except JsonataCompilationError as problem:
        if problem.error_code is None:
            raise TooFar(STACK_OVERFLOW) from None
        raise EngineError(problem.error_code, problem.message) from None
    names = namespace()
    # The engine's translation of a parsed expression, run as its own loader does: no text gets in unquoted.
    exec(_code(source.replace(_IMPORT, "", 1)), names)  # noqa: S102
    return Translation(names["_evaluate"], source)


def _code(source: str) -> Any:
    try:
        if "fn_apply_tco" not in source:
            return compile(source, GENERATED, "exec")
        return compile(_Callbacks().visit(ast.parse(source)), GENERATED, "exec")
    except (SyntaxError, MemoryError):
        # Python nests parentheses 200 deep.
        raise TooFar(STACK_OVERFLOW) from None


class _Callbacks(ast.NodeTransformer):
    """Takes tail calls out of callbacks: the engine calls those directly, and nobody would make the call they ask for.

    Without this `$map($x, function($i) { $f($i) })` gives what stands for a call instead of its result.
    """

    def __init__(self) -> None:
        self._functions: set[int] = set()
        self._inside_callback = False

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Remembers the lambdas that become functions of JSONata, which are called as such."""
        if isinstance(node.func, ast.Name) and node.func.id == "lambda_value" and node.args:
            self._functions.add(id(node.args[0]))
        return self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """A lambda that becomes no function is a callback."""
        outside = self._inside_callback
        self._inside_callback = id(node) not in self._functions
        result = self.generic_visit(node)
        self._inside_callback = outside
        return result

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """The call itself in place of the tail call."""
        if self._inside_callback and node.id == "fn_apply_tco":
            return ast.copy_location(ast.Name("fn_apply", node.ctx), node)
        return node


@lru_cache(maxsize=1)
def _factory() -> JsonataExpressionFactory:
    from jsonata2py import JsonataExpressionFactory

    return JsonataExpressionFactory()
