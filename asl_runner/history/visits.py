"""What is known of the states an execution visited: the data that `views` reads out of its events."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from asl_runner.history.events import Payload

VisitStatus = Literal["RUNNING", "SUCCEEDED", "CAUGHT", "FAILED", "ABORTED"]
"""CAUGHT: a Catch led on from its failure. ABORTED: cut off by a failure elsewhere, a timeout or a stop."""


class Attempt(Struct):
    """One try of a Task, Parallel or Map. Times are seconds since the epoch."""

    start: float
    end: float | None = None
    error: str | None = None
    cause: str | None = None
    is_cut_off: bool = False
    """Whether it was in flight when its process died, and so was made again."""


class Counts(Struct):
    """The iterations of a Map's latest attempt, or the branches of a Parallel's; `total` is None while unknown."""

    total: int | None = None
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    aborted: int = 0


class Visit(Struct):
    """One visit of a state, from entering it to leaving it. Times are seconds since the epoch."""

    state: str
    type: str
    scope: str
    entered: int
    """Id of the event that entered it."""
    start: float
    input: Payload | None
    """JSON text; None in a live tracker."""
    status: VisitStatus = "RUNNING"
    exited: int | None = None
    """Id of the event that left it, if one did."""
    end: float | None = None
    output: Payload | None = None
    error: str | None = None
    """The failure of the latest attempt, "" if it has no name; None while there is none."""
    cause: str | None = None
    resource: str | None = None
    """What a Task calls: `sagemaker:createModel`, or the ARN of a function or activity."""
    submitted: Payload | None = None
    """The answer of the API call of a `.sync` or callback task, as JSON text; None in a live tracker."""
    attempts: list[Attempt] = []
    counts: Counts | None = None
    map_run: str | None = None
    """The ARN of the map run of a distributed Map's latest attempt; its children are executions, not counted here."""
    children: dict[str, ScopeView] = {}
    """Branches or iterations by scope, of every attempt; in a live tracker only those under way or failed."""

    @property
    def retries(self) -> int:
        """Tries after the first, without those that were made again because their process died."""
        return max(0, sum(not attempt.is_cut_off for attempt in self.attempts) - 1)


class ScopeView(Struct):
    """The machine itself, a branch or an iteration."""

    path: str
    index: int
    start: float
    parent: Visit | None = None
    status: VisitStatus = "RUNNING"
    end: float | None = None
    visits: list[Visit] = []
    dropped: int = 0
    """Ended visits a live tracker has forgotten, the earliest first."""

    @property
    def current(self) -> Visit | None:
        """The visit under way, or the last one."""
        return self.visits[-1] if self.visits else None
