"""What is made when it is first needed: handlers of Tasks, and the Tasks port over the places they run at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.ports import TaskCall
from asl_runner.placement import Placement, Target
from asl_runner.resources.registry import Handler, Resources


class Lazy:
    """A handler that is made by its first call."""

    def __init__(self, make: Callable[[], Handler]) -> None:
        self._make = make
        self._handler: Handler | None = None

    async def __call__(self, call: TaskCall) -> Json:
        if self._handler is None:
            self._handler = self._make()
        return await self._handler(call)


class Placed:
    """The `Tasks` port: each Task is answered where its state and service are placed."""

    def __init__(self, placement: Placement, at: Mapping[Target, Callable[[], Resources]]) -> None:
        self._placement = placement
        self._at = at

    def of(self, resource: Resource, state: str) -> Target:
        """Where a Task runs."""
        return self._placement.of(resource, state)

    def resources(self, target: Target) -> Resources:
        """What answers Tasks there."""
        return self._at[target]()

    async def call(self, call: TaskCall) -> Json:
        """The Task's result. Raises `TaskFailed`."""
        return await self.resources(self.of(call.resource, call.state)).call(call)
