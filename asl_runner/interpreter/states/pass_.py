"""Pass: its input, or a fixed result, or its evaluated parameters, goes on."""

from __future__ import annotations

from msgspec import UNSET

from asl_runner.definition.model import Pass
from asl_runner.interpreter.dataflow import narrowed_input, narrowed_output, plain_output
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.life import leave


def step(frame: Frame, state: Pass) -> None:
    """One visit. Raises `ExpressionError` for a field that fails."""
    if state.query_language == "JSONata":
        output, assigned = plain_output(state, frame, state.output, state.assign)
    else:
        raw = frame.data
        result = narrowed_input(state, frame)
        if state.parameters is not None:
            result = state.parameters(result, frame)
        if state.result is not UNSET:
            result = state.result
        assigned = None if state.assign is None else state.assign(result, frame)
        output = result if state.result_path is None else state.result_path(raw, result)
        output = narrowed_output(state, output, frame)
    leave(frame, state, output, assigned, state.next)
