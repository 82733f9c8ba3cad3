"""What a distributed Map asks of the world: child executions, each with a history of its own, under one map run.

Source: reference sections 11 (map runs) and 20.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from asl_runner.definition.model import Map
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.results import Destination

Batch: TypeAlias = "tuple[Json, int]"
"""The input of a child execution, and how many items it stands for."""

MapRunStatus: TypeAlias = Literal["RUNNING", "SUCCEEDED", "FAILED", "ABORTED"]


class MapRunSettings(Struct):
    """What may be changed while a map run is under way."""

    max_concurrency: int = 0
    """Child executions that run at once; 0 for as many as the service allows."""
    tolerated_failure_count: int | None = None
    """Items that may fail; None where the definition says nothing."""
    tolerated_failure_percentage: float | None = None
    """Share of the items that may fail, 0 to 100; None where the definition says nothing."""

    def exceeded_by(self, failed: int, total: int | None) -> bool:
        """Whether so many failed items of so many are more than is tolerated; nothing is where nothing is said.

        A percentage is of all items, so it waits until their number is known.
        """
        count, percentage = self.tolerated_failure_count, self.tolerated_failure_percentage
        if count is None and percentage is None:
            return failed > 0
        if count is not None and failed > count:
            return True
        return percentage is not None and total is not None and failed * 100 > percentage * total


class MapRunRequest(Struct, frozen=True, kw_only=True):
    """A map run to be opened, for one attempt of one visit of a distributed Map."""

    state: Map
    id: str
    """A UUID, the last part of its ARN."""
    settings: MapRunSettings
    items: int
    """How many items there are in all, as far as that is known."""
    executions: int
    """How many child executions they make: less than items where they are batched."""
    input_bytes: int | None
    """How large the input of a child execution may be."""
    destination: Destination | None = None
    """Where the results are to be exported."""
    redriven: str | None = None
    """The ARN of the map run that is to be redriven, rather than a new one to be opened."""
    going_on: str | None = None
    """The ARN of the map run that goes on after its process died."""
    may_exist: bool = False
    """Whether one with this id may have been opened already, by a process that died."""


class WriterProblem(Exception):
    """Results cannot be exported; `str()` is the cause of the failure."""


class ChildEnd(Struct, frozen=True):
    """How a child execution ended."""

    succeeded: bool
    output: Json
    """Its output; of one that failed the record of it, with its ARN, status, error and cause."""


class MapRun(Protocol):
    """A map run under way."""

    @property
    def arn(self) -> str:
        """Its ARN."""

    @property
    def settings(self) -> MapRunSettings:
        """As they are now."""

    @property
    def redrive_count(self) -> int:
        """How often it has been redriven."""

    @property
    def ended(self) -> Mapping[int, ChildEnd]:
        """Of one that goes on: how the children ended that are not run again, by their index."""

    async def grow(self, items: int, executions: int, *, complete: bool) -> None:
        """There are so many of both, at least until that is `complete`; returns once it is kept."""

    def watch(self, changed: Callable[[], None]) -> None:
        """`changed` is to be called whenever the settings change."""

    async def child(self, index: int, input: Json, items: int) -> ChildEnd:
        """Runs one child execution, which stands for so many items, to its end. Cancelled, it aborts it.

        Of a map run that goes on, one that was there before goes on, too. Raises `Failure` for too large an input.
        """

    async def records(self) -> list[Json]:
        """The records of the children that have ended, in the order of their index."""

    async def export(self, pending: AsyncIterator[list[Batch]]) -> str:
        """Writes the results to the request's destination; gives the key of the manifest there.

        `pending` are those that were not begun. Raises `WriterProblem`, and what `pending` raises.
        """

    async def end(self, status: MapRunStatus) -> None:
        """Nothing more will be asked of it. Returns once its end is kept."""


OpenMapRun: TypeAlias = Callable[[MapRunRequest], Awaitable[MapRun]]
"""Opens a map run of one execution, new and known from now on, or has one go on.

Raises `WriterProblem` when nothing can be written to its destination.
"""
