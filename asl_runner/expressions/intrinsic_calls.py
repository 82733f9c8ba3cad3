"""Calls of intrinsic functions as closures, with what is known at load time folded."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeAlias

from msgspec import Struct

from asl_runner.expressions.environment import Environment, Evaluator, ExpressionError, Json
from asl_runner.expressions.intrinsic_functions import ArgumentProblem, Function, format_parts


class IntrinsicFailure(ExpressionError):
    """A function could not be applied to its arguments; reported as States.Runtime."""


class Constant(Struct, frozen=True):
    """An argument known at load time."""

    value: Json


class Literal(Struct, frozen=True):
    """A string literal: `value` with its escapes resolved; `parts` is it cut at each unescaped `{}`."""

    value: str
    parts: list[str]


class Computed(Struct, frozen=True):
    """An argument that depends on the data."""

    evaluate: Evaluator


Argument: TypeAlias = Constant | Literal | Computed


def compile_call(name: str, function: Function, arguments: list[Argument], text: str) -> Argument:
    """The value of a call: known already when all its arguments are, else computed. `text` is the call as written."""
    if name == "States.Format" and isinstance(arguments[0], Literal):
        evaluate = _format(arguments[0].parts, arguments[1:], text)
    elif function.random:
        evaluate = _random_call(function.call, [evaluator_of(argument) for argument in arguments], text)
    else:
        evaluate = _plain_call(function.call, arguments, text)
    if function.random or any(isinstance(argument, Computed) for argument in arguments):
        return Computed(evaluate)
    try:
        return Constant(evaluate(None, _NOWHERE))
    except IntrinsicFailure:
        # AWS reports a call that cannot succeed when the state runs, not when the machine is created.
        return Computed(evaluate)


def evaluator_of(argument: Argument) -> Evaluator:
    """Any argument as an evaluator."""
    if isinstance(argument, Computed):
        return argument.evaluate
    value = argument.value
    return lambda data, env: value


def _failure(text: str, problem: ArgumentProblem) -> IntrinsicFailure:
    return IntrinsicFailure(f"The function '{text}' had the following error: {problem}")


def _plain_call(call: Callable[..., Json], arguments: list[Argument], text: str) -> Evaluator:
    """The call as a closure; the shapes people write most, one or two arguments, without building a list."""
    getters = [evaluator_of(argument) for argument in arguments]
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
    getters = [evaluator_of(argument) for argument in arguments]

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

    @property
    def now(self) -> float:
        raise AssertionError("a folded call asked for the time")


_NOWHERE = _Nowhere()
