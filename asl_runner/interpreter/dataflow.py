"""What a state does with its input and its result (reference sections 3 and 4).

JSONPath: InputPath, Parameters, work, Assign, ResultSelector, ResultPath, OutputPath, in this order.
JSONata: Arguments, work, then Assign and Output, both over `$states`.
"""

from __future__ import annotations

from asl_runner.definition.model import Catcher, State, Working
from asl_runner.expressions.environment import Evaluator, ExpressionError, Json
from asl_runner.expressions.jsonpath import PathNotFound
from asl_runner.interpreter.frame import Frame

Variables = dict[str, Json]


def read_path(path: Evaluator, data: Json, frame: Frame) -> Json:
    """Evaluates InputPath, OutputPath or a `…SecondsPath`; what is not there fails with AWS's text (recorded)."""
    try:
        return path(data, frame)
    except PathNotFound as missing:
        raise ExpressionError(f"Invalid path '{missing.path_text}' : {missing.message}") from missing


def narrowed_input(state: State, frame: Frame) -> Json:
    """The state's input after InputPath."""
    return frame.data if state.input_path is None else read_path(state.input_path, frame.data, frame)


def narrowed_output(state: State, output: Json, frame: Frame) -> Json:
    """The state's output after OutputPath."""
    return output if state.output_path is None else read_path(state.output_path, output, frame)


def states_variable(frame: Frame, **more: Json) -> dict[str, Json]:
    """JSONata's `$states`: the state's input and context, and what `more` gives (`result`, `errorOutput`)."""
    return {"input": frame.data, "context": frame.context, **more}


def effective_input(state: Working, frame: Frame) -> Json:
    """What the task, the branches or the items get: after InputPath and Parameters, or after Arguments."""
    if state.query_language == "JSONata":
        return frame.data if state.arguments is None else state.arguments(states_variable(frame), frame)
    data = narrowed_input(state, frame)
    return data if state.parameters is None else state.parameters(data, frame)


def result_output(state: Working, result: Json, frame: Frame) -> tuple[Json, Variables | None]:
    """A working state's output and newly assigned variables, from the raw result of its work."""
    if state.query_language == "JSONata":
        return _jsonata_output(state.output, state.assign, states_variable(frame, result=result), result, frame)
    assigned = None if state.assign is None else state.assign(result, frame)
    if state.result_selector is not None:
        result = state.result_selector(result, frame)
    output = result if state.result_path is None else state.result_path(frame.data, result)
    return narrowed_output(state, output, frame), assigned


def caught_output(state: State, catcher: Catcher, error_output: Json, frame: Frame) -> tuple[Json, Variables | None]:
    """A state's output and newly assigned variables when a catcher took its error."""
    if state.query_language == "JSONata":
        states = states_variable(frame, errorOutput=error_output)
        return _jsonata_output(catcher.output, catcher.assign, states, error_output, frame)
    assigned = None if catcher.assign is None else catcher.assign(error_output, frame)
    return (error_output if catcher.result_path is None else catcher.result_path(frame.data, error_output)), assigned


def plain_output(
    state: State, frame: Frame, output: Evaluator | None, assign: Evaluator | None
) -> tuple[Json, Variables | None]:
    """Output and variables of a JSONata state without a result: Pass, Wait, Choice, Succeed."""
    return _jsonata_output(output, assign, states_variable(frame), frame.data, frame)


def _jsonata_output(
    output: Evaluator | None, assign: Evaluator | None, states: Json, default: Json, frame: Frame
) -> tuple[Json, Variables | None]:
    assigned = None if assign is None else assign(states, frame)
    return (default if output is None else output(states, frame)), assigned
