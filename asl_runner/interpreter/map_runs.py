"""What a distributed Map asks of the world: child executions, each with a history of its own, under one map run.

Source: reference sections 11 (map runs) and 20.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from asl_runner.definition.model import Map
from asl_runner.expressions.environment import Json

MapRunStatus: TypeAlias = Literal["RUNNING", "SUCCEEDED", "FAILED", "ABORTED"]


class MapRunSettings(Struct):
    """What may be changed while a map run is under way."""

    max_concurrency: int = 0
    """Child executions that run at once; 0 for as many as the service allows."""
    tolerated_failure_count: int | None = None
    """Items that may fail; None where the definition says nothing."""
    tolerated_failure_percentage: float | None = None
    """Share of the items that may fail, 0 to 100; None where the definition says nothing."""

    def exceeded_by(self, failed: int, total: int) -> bool:
        """Whether so many failed items of so many are more than is tolerated; nothing is where nothing is said."""
        count, percentage = self.tolerated_failure_count, self.tolerated_failure_percentage
        if count is None and percentage is None:
            return failed > 0
        return (count is not None and failed > count) or (percentage is not None and failed * 100 > percentage * total)


class MapRunRequest(Struct, frozen=True, kw_only=True):
    """A map run to be opened, for one attempt of one visit of a distributed Map."""

    state: Map
    id: str
    """A UUID, the last part of its ARN."""
    settings: MapRunSettings
    items: int
    """How many items there are in all."""
    executions: int
    """How many child executions they make: less than items where they are batched."""
    redriven: str | None = None
    """The ARN of the map run that is to go on, rather than a new one to be opened."""


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
    def outputs(self) -> Mapping[int, Json]:
        """Of one that goes on: what the children gave that succeeded before, by their index."""

    def watch(self, changed: Callable[[], None]) -> None:
        """`changed` is to be called whenever the settings change."""

    async def child(self, index: int, input: Json, items: int) -> ChildEnd:
        """Runs one child execution, which stands for so many items, to its end. Cancelled, it aborts it.

        Of a map run that goes on, one that was there before goes on, too.
        """

    async def end(self, status: MapRunStatus) -> None:
        """Nothing more will be asked of it. Returns once its end is kept."""


OpenMapRun: TypeAlias = Callable[[MapRunRequest], Awaitable[MapRun]]
"""Opens a map run of one execution, new and known from now on, or has one go on."""
