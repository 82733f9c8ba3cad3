"""States whose work is given instead of done: what branches, iterations or a task would have answered.

Everything around the work is the interpreter's own: the data before and after it, the items of a Map, its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET, Struct, UnsetType

from asl_runner.definition import model
from asl_runner.definition.model import Map, Parallel, State
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import Failure, threshold_failure
from asl_runner.interpreter.execution import PERFORMERS
from asl_runner.interpreter.frame import Frame, Performer
from asl_runner.interpreter.inspection import Note, map_stages
from asl_runner.interpreter.map_runs import MapRunSettings
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.interpreter.states import working


class Mock(Struct, kw_only=True, frozen=True):
    """The answer: a result, or an error and its cause."""

    result: Json | UnsetType = UNSET
    error: str | None = None
    cause: str | None = None
    by_task: bool = True
    """Whether the error counts as that of a task (`States.TaskFailed`)."""
    failed_iterations: int | None = None
    """Iterations of a Map that count as failed, whatever the result shows."""
    dataset: str | None = None
    """The text the ItemReader of a Map reads."""


class TooManyFailedIterations(UsageError):
    """A mock says that more iterations failed than there are."""


class MockedTasks:
    """The `Tasks` port that gives every task the same answer."""

    def __init__(self, mock: Mock) -> None:
        self._mock = mock

    async def call(self, call: TaskCall) -> Json:
        """The mock's result. Raises `TaskFailed` with its error."""
        if self._mock.result is UNSET:
            raise TaskFailed(self._mock.error, self._mock.cause)
        return self._mock.result


def performers(mock: Mock, note: Note) -> Mapping[type[State], Performer]:
    """The interpreter's performers, with the branches and iterations given; `note` is told of a Map's stages."""

    async def branches(frame: Frame, state: Parallel, effective: Json) -> Json:
        return _answer(mock)

    async def iterations(frame: Frame, state: Map, effective: Json) -> Json:
        found = map_stages(state, effective, frame, note, read=mock.dataset)
        count = len(mock.result) if isinstance(mock.result, list) else found.iterations
        failed = mock.failed_iterations or 0
        if count is not None and failed > count:
            raise TooManyFailedIterations(f"{failed} iterations of {count} cannot have failed")
        result = _answer(mock)
        if _is_exceeded(found.settings, failed, count or 0):
            raise threshold_failure()
        return result

    async def parallel(frame: Frame, state: Parallel) -> None:
        await working.perform(frame, state, branches, failed_event="ParallelStateFailed")

    async def map_(frame: Frame, state: Map) -> None:
        await working.perform(frame, state, iterations, failed_event="MapStateFailed")

    return {**PERFORMERS, model.Parallel: parallel, model.Map: map_}


def _answer(mock: Mock) -> Json:
    if mock.result is UNSET:
        raise Failure(mock.error, mock.cause, task=mock.by_task)
    return mock.result


def _is_exceeded(settings: MapRunSettings, failed: int, total: int) -> bool:
    """A Map that says nothing of failures passes the mocked result on, whatever failed (recorded)."""
    stated = settings.tolerated_failure_count is not None or settings.tolerated_failure_percentage is not None
    return stated and settings.exceeded_by(failed, total)
