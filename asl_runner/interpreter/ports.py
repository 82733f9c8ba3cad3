"""What an execution may ask of the world, and nothing else: the time, the answer of a task, and that events be kept.

The interpreter talks to these protocols only. The composition root (`workspace`) gives it real, virtual, local, remote,
mocked or recorded ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import Json
from asl_runner.history.events import Event
from asl_runner.interpreter.datasets import OpenDataset
from asl_runner.interpreter.map_runs import OpenMapRun


class Timer(Protocol):
    """One pending call of a clock."""

    def cancel(self) -> None:
        """The call will not happen."""


class Clock(Protocol):
    """The time. Seconds since the epoch, UTC, with millisecond precision or better."""

    def now(self) -> float:
        """The current time."""

    async def sleep_until(self, when: float) -> None:
        """Returns once `now() >= when`, at once if it already is."""

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Calls back once `now() >= when`, unless cancelled first."""

    def hold(self) -> None:
        """Something real is in flight: a virtual clock must not jump. Nests; pair with `release`."""

    def release(self) -> None:
        """Ends one `hold`."""


class Journal(Protocol):
    """Keeps the events of one execution, in order."""

    def append(self, events: Sequence[Event]) -> None:
        """Takes a batch; does not wait for it to be durable."""

    async def commit(self) -> None:
        """Returns once everything appended so far is durable. Raises `WorkspaceError` when it cannot be."""


class ExecutionInfo(Struct, frozen=True, kw_only=True):
    """Who is running: what the context object and a task handler say of the execution."""

    arn: str
    name: str
    state_machine_arn: str
    state_machine_name: str
    role_arn: str
    region: str
    start_time: float
    redrive_count: int | None = 0
    """None for an Express execution, which has no redrives."""
    redrive_time: float | None = None
    version_arn: str | None = None
    """The state machine version it was started from."""
    alias_arn: str | None = None
    """The alias that led to that version."""


class HttpExchange(Struct, frozen=True, kw_only=True):
    """What an HTTP Task sent and got, each part a text; names as in `InspectionData` of the API of Step Functions."""

    request: dict[str, str]
    """`protocol`, `method`, `url`, `headers`, `body`: without what the connection added."""
    revealed: dict[str, str]
    """The same with it, secrets included: what was sent."""
    response: dict[str, str]
    """`protocol`, `statusCode`, `statusMessage`, `headers`, `body`."""


class GoingOn(Struct, frozen=True, kw_only=True):
    """What is known of a task that was in flight when the process that asked it died."""

    submitted: Json = None
    """The answer with which the wait for its job or its token began; None where that is not known to have begun."""
    is_started: bool = False
    """Whether a worker took it (activities)."""
    scheduled: float
    """When it was asked, in seconds since the epoch."""


class TaskCall(Struct, kw_only=True):
    """One attempt of one Task: what is asked, and how its handler reports progress.

    The callbacks are set by the interpreter; a handler calls each at most when its name says. What the
    history has already is not recorded again.
    """

    resource: Resource
    input: Json
    """The effective input: `Parameters`/`Arguments` evaluated."""
    state: str
    execution: ExecutionInfo
    scope: str
    """The branch or iteration, "" for the machine itself."""
    attempt: int
    """0 for the first try of this visit, then the number of retries made."""
    event_id: int
    """Id of the *Scheduled event: unique within the execution, so a stable key for names and tokens."""
    timeout: float | None = None
    """Seconds, if the definition sets one. The interpreter enforces it by cancelling the handler."""
    heartbeat: float | None = None
    credentials: Json = None
    token: str | None = None
    """The task token of a callback or activity task."""
    log_name: str = ""
    """A file-name-safe label of this attempt for logs kept beside the execution."""
    key: str = ""
    """Names this attempt among all of all executions; the same when it is asked again after its process died."""
    going_on: GoingOn | None = None
    """Set when it was asked before. With `submitted` or `is_started` it is only waited for; the handler may raise
    `TaskLost`. Without, it may or may not have been done."""
    started: Callable[[str | None], None] = lambda worker: None
    """A worker took the task (activities: its name)."""
    submitted: Callable[[Json], None] = lambda output: None
    """The API call of a `.sync` or callback task was answered; the job or callback is now awaited."""
    beat: Callable[[], None] = lambda: None
    """A heartbeat arrived."""
    exchanged: Callable[[HttpExchange], None] = lambda exchange: None
    """An HTTP Task got its response, whatever its status."""

    @property
    def submitted_before(self) -> Json:
        """What a process that died since called `submitted` with; None where it is not known to have."""
        return None if self.going_on is None else self.going_on.submitted


class TaskLost(Exception):
    """What a task waited for when its process died is gone: the task is to be asked again.

    Where a retrier takes its `failure` it is that which says when, and counts it; else it is asked again at once.
    """

    def __init__(self, failure: TaskFailed | None = None) -> None:
        super().__init__("what the task waited for is gone")
        self.failure = failure


class TaskFailed(Exception):
    """A task failed: `error` and `cause` are data of the execution, as AWS would write them; either may be None."""

    def __init__(self, error: str | None, cause: str | None, *, retry_after: float = 0) -> None:
        """`retry_after`: seconds that whoever refused wants to be left alone; no retry comes sooner."""
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.retry_after = retry_after


class Tasks(Protocol):
    """Answers tasks."""

    async def call(self, call: TaskCall) -> Json:
        """The task's result. Raises `TaskFailed`. Cancelled on timeout or stop: it must then end its work."""


class Ports(Struct, frozen=True, kw_only=True):
    """Everything an execution may ask of the world."""

    clock: Clock
    journal: Journal
    tasks: Tasks
    missing: Callable[[Resource], str | None] = lambda resource: None
    """Why an activity cannot be asked at all, known before anything is scheduled; None when it can."""
    open_map_run: OpenMapRun | None = None
    """How a distributed Map gets what runs its child executions; None where nothing does."""
    open_dataset: OpenDataset | None = None
    """How its ItemReader gets at a dataset; None where nothing reads any."""
    seed: str
    """Seeds every random number of the execution; kept with it, so a replay draws the same."""
