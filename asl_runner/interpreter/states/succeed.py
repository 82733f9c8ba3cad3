"""Succeed: ends its scope successfully."""

from __future__ import annotations

from asl_runner.definition.model import Succeed
from asl_runner.interpreter.dataflow import narrowed_input, narrowed_output, plain_output
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.life import leave


def step(frame: Frame, state: Succeed) -> None:
    """One visit. Raises `ExpressionError` for a field that fails."""
    if state.query_language == "JSONata":
        output, _ = plain_output(state, frame, state.output, None)
    else:
        output = narrowed_output(state, narrowed_input(state, frame), frame)
    leave(frame, state, output, None, None)
