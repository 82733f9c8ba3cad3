"""What a request of TestState tests: a state written alone, or one of a whole definition."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from asl_runner.definition.model import Map, Parallel, Scope, State, Task
from asl_runner.definition.walk import all_scopes, all_states, inner_scopes
from asl_runner.endpoint.stepfunctions.definitions import check_definition
from asl_runner.endpoint.stepfunctions.errors import invalid
from asl_runner.expressions.environment import Json
from asl_runner.expressions.jackson import JsonError, parse
from asl_runner.expressions.json_text import compact
from asl_runner.service_model.errors import ServiceError

ALONE = "StateName"
"""The name of a state that is written alone (recorded)."""


class Tested(Struct, frozen=True):
    """A state and the `States` it belongs to."""

    scope: Scope
    state: State

    def check_supported(self, *, mocked: bool) -> None:
        """Raises `ServiceError` for what can be tested only with a mock, or only without one (recorded)."""
        state = self.state
        if mocked:
            if not isinstance(state, Task | Map | Parallel):
                raise invalid(f"State type '{state.type}' is not supported when a mock is specified")
            return
        if isinstance(state, Map | Parallel):
            raise ServiceError(
                "InvalidDefinition",
                "TestState API does not support Map or Parallel states. "
                "Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]",
            )
        if isinstance(state, Task):
            _check_task(state)


def _check_task(state: Task) -> None:
    resource = state.resource
    if resource.kind == "activity":
        raise ServiceError("InvalidDefinition", "TestState API does not support Activity tasks without a mock.")
    if resource.pattern:
        pattern = resource.pattern.partition(":")[0]
        raise ServiceError(
            "InvalidDefinition", f"TestState API does not support the '.{pattern}' integration pattern without a mock."
        )


def tested(definition: str, name: str | None) -> Tested:
    """The state under test. Raises `ServiceError` InvalidDefinition, or ValidationException for an unknown name."""
    machine = check_definition(definition if name is not None else _around(definition), "STANDARD")
    wanted = ALONE if name is None else name
    for scope in all_scopes(machine):
        if wanted in scope.states:
            return Tested(scope, scope.states[wanted])
    raise invalid("State not found in definition")


def _around(definition: str) -> str:
    """A machine of which the state is the first; what it leads to is there, too, so that only the state is judged.

    A text that is no JSON object is given back, to be refused as it is.
    """
    try:
        state = parse(definition)
    except JsonError:
        return definition
    if not isinstance(state, dict):
        return definition
    others = {target: {"Type": "Succeed"} for target in _targets(state) if target != ALONE}
    return compact({"StartAt": ALONE, "States": {ALONE: state, **others}})


def _targets(state: dict[str, Json]) -> Iterator[str]:
    rules = [rule for field in ("Choices", "Catch") if isinstance(rules := state.get(field), list) for rule in rules]
    for place in (state, *rules):
        if isinstance(place, dict):
            yield from (name for field in ("Next", "Default") if isinstance(name := place.get(field), str) and name)


def inner_states(state: State) -> dict[str, State]:
    """The states inside a Map or Parallel, at any depth, by name."""
    return {found.name: found for scope in inner_scopes(state) for found in all_states(scope)}
