"""What a distributed Map asks of the world to get items from outside of its input: a dataset, read piece by piece.

Source: reference section 11, ItemReader; the developer guide for `Map.Item.Source`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from msgspec import Struct

from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import Json


class DatasetRequest(Struct, frozen=True, kw_only=True):
    """What an ItemReader asks for."""

    state: str
    """The name of the Map."""
    resource: Resource
    parameters: Json
    """Its `Parameters` or `Arguments`, evaluated."""
    config: Mapping[str, Json]
    """Its `ReaderConfig` as written."""
    most: int
    """Items to read at most; 0 for all."""


class DatasetItem(Struct, frozen=True):
    """One item and what the context object says of it."""

    value: Json
    source: str
    """`S3://bucket/key` of the object it is from, `S3://bucket` for what a listing says of an object."""
    key: str | None = None
    """The name of a member, where the members of a JSON object are the items; None otherwise."""


class Portion(Struct, frozen=True):
    """Some items in their order."""

    items: list[DatasetItem]
    is_last: bool


class Dataset(Protocol):
    """A dataset being read."""

    async def read(self) -> Portion:
        """The next items, few enough to be kept. Raises `Failure` `States.ItemReaderFailed`."""

    async def close(self) -> None:
        """Nothing more will be read. Returns once nothing of it is open."""


OpenDataset: TypeAlias = Callable[[DatasetRequest], Dataset]
"""Begins to read a dataset; whether it is there at all is known when it is read."""
