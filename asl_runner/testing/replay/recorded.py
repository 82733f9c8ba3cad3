"""The answers of a recorded execution's tasks, given again to the one that is replayed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from asl_runner.definition.model import StateMachine, Task
from asl_runner.definition.walk import all_states
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact_bytes
from asl_runner.history.events import Event
from asl_runner.interpreter.ports import Clock, TaskCall, TaskFailed, Tasks
from asl_runner.resources.mocks.tasks import Mocks, nobody_answers
from asl_runner.testing.run import Run


class Parted(UsageError):
    """A task is asked that the recording has no answer for."""

    def __init__(self, state: str, scope: str) -> None:
        where = f" in {scope}" if scope else ""
        super().__init__(f"The recording has no (more) answer for the task of {state!r}{where}.")
        self.state = state
        self.scope = scope


class Given(Struct):
    """What the world answered to one attempt of a task. Times are seconds after it was scheduled."""

    seconds: float = 0
    result: Any = None
    error: str | None = None
    cause: str | None = None
    failed: bool = False
    silent: bool = False
    """It ran into its timeout, or was cut off."""
    started: float | None = None
    worker: str | None = None
    submitted: Any = msgspec.UNSET


class Recording(Mocks):
    """Stands for the world of one execution: what its tasks answered, by state, in the order they were asked."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """`runs` are the recorded execution, or the children that may stand for one item."""
        super().__init__({}, validate="NONE")
        self._given: dict[tuple[str, str], list[Given]] = {}
        for run in runs:
            for key, given in answers_of(run.history).items():
                self._given.setdefault(key, []).extend(given)
        self._children = [child for run in runs for found in run.children.values() for child in found]
        self._tasks: frozenset[str] = frozenset()

    @property
    def states(self) -> frozenset[str]:
        """Every Task: none is done for real."""
        return self._tasks

    def bind(self, machine: StateMachine) -> None:
        """Takes note of the machine's tasks."""
        self._tasks = frozenset(state.name for state in all_states(machine) if isinstance(state, Task))

    def stands_for(self, activity: str) -> bool:
        """No activity need exist."""
        return True

    def for_item(self, index: int, input: Json) -> Mocks:
        """What the child execution that got this input was answered, else that in the place of the item."""
        text = compact_bytes(input)
        chosen = next((child for child in self._children if child.record.input == text), None)
        if chosen is None and index < len(self._children):
            chosen = self._children[index]
        if chosen is not None:
            self._children.remove(chosen)
        return Recording([] if chosen is None else [chosen])

    def over(self, tasks: Tasks, clock: Clock) -> Tasks:
        """The port."""
        return _RecordedTasks(self, clock)

    def next_of(self, call: TaskCall) -> Given:
        """The next answer for a state: of the same branch or iteration, else the first that is left of any.

        Raises `Parted`.
        """
        exact = self._given.get((call.state, call.scope))
        if exact:
            return exact.pop(0)
        for (state, _), given in self._given.items():
            if state == call.state and given:
                return given.pop(0)
        raise Parted(call.state, call.scope)


class _RecordedTasks:
    def __init__(self, recording: Recording, clock: Clock) -> None:
        self._recording = recording
        self._clock = clock

    async def call(self, call: TaskCall) -> Json:
        """The recorded answer, after the time it took. Raises `TaskFailed`, and `Parted` where there is none."""
        given = self._recording.next_of(call)
        begun = self._clock.now()
        if call.resource.kind == "activity" and given.started is not None:
            await self._clock.sleep_until(begun + given.started)
            call.started(given.worker)
        if given.submitted is not msgspec.UNSET:
            call.submitted(given.submitted)
        if given.silent:
            await nobody_answers(self._clock)
        await self._clock.sleep_until(begun + given.seconds)
        if given.failed:
            raise TaskFailed(given.error, given.cause)
        return given.result


def answers_of(events: Sequence[Event]) -> dict[tuple[str, str], list[Given]]:
    """What the world answered, by state and scope, one for each attempt."""
    found: dict[tuple[str, str], list[Given]] = {}
    current: dict[str, str] = {}
    pending: dict[str, tuple[Given, float]] = {}
    for event in events:
        details = event.details or {}
        if event.type.endswith("StateEntered"):
            current[event.scope] = details["name"]
        elif event.type in _SCHEDULED:
            given = Given(silent=True)
            pending[event.scope] = given, event.time
            found.setdefault((current[event.scope], event.scope), []).append(given)
        elif event.scope in pending:
            _read(event, details, *pending[event.scope])
    return found


_SCHEDULED = frozenset({"TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled"})
_SUCCEEDED = frozenset({"TaskSucceeded", "LambdaFunctionSucceeded", "ActivitySucceeded"})
_FAILED = frozenset(
    f"{kind}{step}Failed"
    for kind in ("Task", "LambdaFunction", "Activity")
    for step in ("", "Start", "Schedule", "Submit")
)


def _read(event: Event, details: dict[str, Any], given: Given, scheduled: float) -> None:
    if event.type == "ActivityStarted":
        given.started, given.worker = event.time - scheduled, details.get("workerName")
    elif event.type == "TaskSubmitted":
        given.submitted = _value(details.get("output"))
    elif event.type in _SUCCEEDED:
        given.silent, given.seconds, given.result = False, event.time - scheduled, _value(details.get("output"))
    elif event.type in _FAILED:
        given.silent, given.failed, given.seconds = False, True, event.time - scheduled
        given.error, given.cause = details.get("error"), details.get("cause")


def _value(payload: Any) -> Any:
    return None if payload is None else msgspec.json.decode(bytes(payload))
