"""A look over a definition before it runs: which Lambda functions it names have no code here."""

from __future__ import annotations

from collections.abc import Iterator

from asl_runner.definition.resource import Resource, parse_resource
from asl_runner.errors import ConfigurationError, NotFound
from asl_runner.expressions.environment import Json
from asl_runner.functions import Functions


def problem(functions: Functions, resource: Resource, parameters: Json = None) -> str | None:
    """Why a task could not run here, or None.

    `parameters` is the task's `Parameters` or `Arguments` as written; a function name computed at run time is not
    judged. The text spells out the configuration to write.
    """
    if resource.kind == "lambda":
        name: Json = resource.arn
    elif resource.service == "lambda" and isinstance(parameters, dict):
        name = parameters.get("FunctionName")
    else:
        return None
    if not isinstance(name, str) or name.startswith("{%"):
        return None
    try:
        functions.resolve(name)
    except (NotFound, ConfigurationError) as error:
        return str(error)
    return None


def problems(functions: Functions, definition: Json) -> list[str]:
    """The problems of every Task of a definition, nested ones too, each once and in the order of the document."""
    found = (
        problem(functions, parse_resource(resource), task.get("Parameters", task.get("Arguments")))
        for task in _tasks(definition)
        if isinstance(resource := task.get("Resource"), str)
    )
    return list(dict.fromkeys(text for text in found if text is not None))


def _tasks(scope: Json) -> Iterator[dict[str, Json]]:
    """The Task states of a scope (an object with `States`) and of the scopes inside it."""
    states = scope.get("States") if isinstance(scope, dict) else None
    for state in states.values() if isinstance(states, dict) else ():
        if not isinstance(state, dict):
            continue
        if state.get("Type") == "Task":
            yield state
        branches = state.get("Branches")
        inner = branches if isinstance(branches, list) else [state.get("ItemProcessor", state.get("Iterator"))]
        for branch in inner:
            yield from _tasks(branch)
