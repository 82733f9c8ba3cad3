"""Choice: goes where the first true rule says, else to Default."""

from __future__ import annotations

from asl_runner.definition.model import Choice, ChoiceRule
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.interpreter.dataflow import narrowed_input, narrowed_output, plain_output, states_variable
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.life import leave


def step(frame: Frame, state: Choice) -> None:
    """One visit. Raises `ExpressionError` for a field that fails, or when no rule matches and there is no Default."""
    jsonata = state.query_language == "JSONata"
    data = states_variable(frame) if jsonata else narrowed_input(state, frame)
    rule = _first_match(state, data, frame)
    next = state.default if rule is None else rule.next
    if next is None:
        raise ExpressionError("Failed to transition out of the state. The state does not point to a next state.")
    # The matching rule's Assign and Output; those of the state belong to Default.
    chosen = state if rule is None else rule
    if jsonata:
        output, assigned = plain_output(state, frame, chosen.output, chosen.assign)
    else:
        assigned = None if chosen.assign is None else chosen.assign(data, frame)
        output = narrowed_output(state, data, frame)
    leave(frame, state, output, assigned, next)


def _first_match(state: Choice, data: Json, frame: Frame) -> ChoiceRule | None:
    for rule in state.choices:
        if rule.condition(data, frame):
            return rule
    return None
