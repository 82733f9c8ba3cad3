"""Evaluation by jsonata2py: expressions translated on first use and cached by text, run under `jsonata_guard`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from asl_runner.expressions.environment import Environment, Json
from asl_runner.expressions.intrinsic_functions import ArgumentProblem
from asl_runner.expressions.jsonata_guard import STACK_OVERFLOW, Evaluation, TooFar, current, guarded
from asl_runner.expressions.jsonata_syntax import Source, parse_jsonata
from asl_runner.expressions.jsonata_values import Unsupported, as_json

__all__ = ["UNDEFINED", "EngineDefect", "EvaluationFailed", "Program", "Undefined", "Unsupported", "program"]


class Undefined:
    """The type of `UNDEFINED`."""

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined()
"""What an expression gives that finds nothing; JSON null is `None`."""


class EvaluationFailed(Exception):
    """The engine stopped with an error; `code` is JSONata's, None for a limit or a function of Step Functions."""

    def __init__(self, code: str | None, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class EngineDefect(Exception):
    """The engine broke on an expression, which is not the expression's fault; the text is Python's."""


class Program:
    """One expression, translated when it is first evaluated."""

    __slots__ = ("_begin", "_end", "_entry", "_error", "_generated", "_missing", "_source")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._entry: Callable[[Any], Any] | None = None
        self._generated = ""

    def evaluate(self, states: Json, env: Environment, context: Json | Undefined = UNDEFINED) -> Json | Undefined:
        """The value with `$states` and the workflow variables bound; shares structure with them.

        `context` is the context item, which expressions of a state machine do not have. Raises `EvaluationFailed`,
        `Unsupported` or `EngineDefect`.
        """
        if self._source.failure is not None:
            raise EvaluationFailed(*self._source.failure)
        try:
            return guarded(Evaluation(states, env, context), self._run)
        except TooFar as limit:
            raise EvaluationFailed(None, str(limit)) from None
        except ArgumentProblem as problem:
            raise EvaluationFailed(None, str(problem)) from problem
        except (ArithmeticError, ValueError) as problem:
            # What Python says to numbers that are too large for a function of the engine, or for a date.
            raise EvaluationFailed("D1001", "Number out of range: null") from problem
        except (TypeError, LookupError, NameError, AttributeError, AssertionError) as defect:
            raise EngineDefect(f"{type(defect).__name__}: {defect}") from defect

    def _run(self, evaluation: Evaluation) -> Json | Undefined:
        entry = self._entry or self._load()
        missing = self._missing
        current.set(evaluation)
        self._begin(None, None, 0)
        try:
            result = entry(missing if evaluation.context is UNDEFINED else evaluation.context)
        except self._error as problem:
            raise self._failure(problem) from problem
        finally:
            self._end()
        if result is missing:
            return UNDEFINED
        if not self._source.constructs:
            return result
        return as_json(result, chain(evaluation.states.values(), evaluation.env.variables.values()))

    def _failure(self, problem: Any) -> Exception:
        from asl_runner.expressions.jsonata_messages import text_of

        if problem.error_code == "U1001":
            return TooFar(STACK_OVERFLOW)
        text = text_of(problem.error_code, problem.message, problem.__traceback__, self._generated)
        return EvaluationFailed(problem.error_code, text)

    def _load(self) -> Callable[[Any], Any]:
        from jsonata2py import MISSING
        from jsonata2py.errors import JsonataError
        from jsonata2py.runtime.context import begin_evaluation, end_evaluation

        from asl_runner.expressions.jsonata_translation import translate

        self._missing = MISSING
        self._error = JsonataError
        self._begin, self._end = begin_evaluation, end_evaluation
        try:
            self._entry, self._generated = translate(self._source.text)
        except JsonataError as problem:
            raise self._failure(problem) from problem
        return self._entry


@lru_cache(maxsize=8192)
def program(expression: str, context: bool = False) -> Program:
    """The program of an expression, one for all places it stands in; `context` as for `parse_jsonata`.

    Raises `ExpressionSyntaxError`.
    """
    return Program(parse_jsonata(expression, context))
