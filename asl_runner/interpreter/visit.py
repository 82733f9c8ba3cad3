"""One visit of one state, alone: what TestState does, by the interpreter's own performers.

There is one attempt. Whether a retrier or catcher would take its failure is said, and what the catcher makes of it is
computed, but nothing is waited for and no other state is entered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from asl_runner.definition.model import Scope, State, Working
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.history.events import Event
from asl_runner.interpreter.context import execution_context
from asl_runner.interpreter.dataflow import caught_output
from asl_runner.interpreter.driver import STEPS
from asl_runner.interpreter.errors import QUERY_EVALUATION_ERROR, Failure
from asl_runner.interpreter.execution import PERFORMERS
from asl_runner.interpreter.frame import Frame, Performer, Run
from asl_runner.interpreter.inspection import Note, observed
from asl_runner.interpreter.life import enter, field_failure
from asl_runner.interpreter.limits import AWS_LIMITS, Limits
from asl_runner.interpreter.log import HistoryLog
from asl_runner.interpreter.ports import ExecutionInfo, HttpExchange, Ports, TaskCall, Tasks
from asl_runner.interpreter.retry import find_catcher, find_retrier, retry_delay


class Visit(Struct, kw_only=True):
    """How a visit ended."""

    output: Json | UnsetType = UNSET
    """Unset when the state failed and no catcher took it, or would be tried again."""
    next: str | None = None
    """The state it leads to; None where it ends its scope or failed."""
    variables: Mapping[str, Json] = {}
    failure: Failure | None = None
    retrier: int | None = None
    """Index of the retrier that takes the failure, also when it has no attempts left."""
    retry_delay: float | None = None
    """Seconds that retrier waits before the next attempt, without jitter; None if it has none left."""
    catcher: int | None = None
    """Index of the catcher that took the failure."""


class Given(Struct, kw_only=True, frozen=True):
    """What a visit begins with, besides the state's input."""

    variables: Mapping[str, Json] = {}
    context: dict[str, Json] | None = None
    """The whole context object, in place of the one that would be made."""
    retries: int = 0
    """Retries already made by the retrier that takes the failure."""


NOTHING_GIVEN = Given()


async def visit(
    scope: Scope,
    name: str,
    input: Json,
    info: ExecutionInfo,
    ports: Ports,
    *,
    given: Given = NOTHING_GIVEN,
    note: Note = lambda stage, data: None,
    performers: Mapping[type[State], Performer] = PERFORMERS,
    limits: Limits = AWS_LIMITS,
) -> Visit:
    """Visits the state `name` of `scope`, and tells `note` of the stages (`inspection`) its data go through.

    `performers` are how states that ask the world are performed. A failure is in the answer, its cause without the
    prefix that names a place in a history. Cancelled, it stops everything.
    """
    state = scope.states[name]
    run = Run(
        info, ports, limits, HistoryLog(ports.clock, ports.journal, None), execution_context(info, input), performers
    )
    frame = _Alone(run, Scope(start_at=name, states=scope.states), "", input, 0, given.variables)
    frame.given = given.context
    alone = observed(state, note)
    if isinstance(alone, Working):
        alone = replace(alone, retry=(), catch=())
    try:
        await _perform(frame, alone)
    except Failure as failure:
        failure.cause = failure.message
        return _failed(frame, state, failure, given.retries)
    return Visit(output=frame.data, next=None if frame.todo is None else frame.todo.name, variables=frame.variables)


class Unrecorded:
    """The `Journal` port of a visit: nobody keeps its events."""

    def append(self, events: Sequence[Event]) -> None:
        """Forgets them."""

    async def commit(self) -> None:
        """There is nothing to wait for."""


class ObservedTasks:
    """A `Tasks` port that tells `exchanged` what HTTP Tasks send and get."""

    def __init__(self, tasks: Tasks, exchanged: Callable[[HttpExchange], None]) -> None:
        self._tasks = tasks
        self._exchanged = exchanged

    async def call(self, call: TaskCall) -> Json:
        """The answer of the port behind."""
        call.exchanged = self._exchanged
        return await self._tasks.call(call)


class _Alone(Frame):
    """A frame whose context object may be given."""

    __slots__ = ("given",)
    given: dict[str, Json] | None

    @property
    def context(self) -> dict[str, Json]:
        return super().context if self.given is None else self.given


async def _perform(frame: Frame, state: State) -> None:
    step = STEPS.get(type(state))
    if step is None:
        await frame.run.performers[type(state)](frame, state)
        return
    enter(frame, state)
    try:
        step(frame, state)
    except ExpressionError as problem:
        raise field_failure(frame, state, problem) from problem


def _failed(frame: Frame, state: State, failure: Failure, retries: int) -> Visit:
    made = Visit(failure=failure, variables=frame.variables)
    if not isinstance(state, Working):
        return made
    made.retrier = find_retrier(state, failure)
    if made.retrier is not None:
        retrier = replace(state.retry[made.retrier], jitter_strategy="NONE")
        if retries < retrier.max_attempts:
            made.retry_delay = retry_delay(retrier, retries + 1, lambda: frame.random, failure.retry_after)
            return made
    catcher = find_catcher(state, failure)
    if catcher is None:
        return made
    made.catcher = next(index for index, one in enumerate(state.catch) if one is catcher)
    try:
        made.output, assigned = caught_output(state, catcher, failure.output(), frame)
    except ExpressionError as problem:
        made.failure = Failure(problem.error, problem.message, catchable=problem.error == QUERY_EVALUATION_ERROR)
        return made
    made.next = catcher.next
    made.variables = {**frame.variables, **(assigned or {})}
    return made
