"""The ItemReader: every source and format, read in portions by a thread, never more than one ahead of who asks.

Source: reference section 11; recorded outputs; the developer guide where they are silent.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TypeAlias

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.datasets import DatasetItem, DatasetRequest, Portion
from asl_runner.interpreter.errors import ITEM_READER_FAILED, Failure
from asl_runner.resources.datasets.contents import Place, object_items
from asl_runner.resources.datasets.manifests import athena_items, inventory_items
from asl_runner.resources.datasets.objects import Listed, Objects, ObjectsRefused

PORTION = 512
"""Items in one portion at most."""

_PORTION_CHARACTERS = 1 << 20
"""Characters after which a portion ends."""

Found: TypeAlias = "Iterator[tuple[DatasetItem, int]]"
"""Items, each with about how many characters it took."""


class ItemReader:
    """Reads datasets from objects."""

    def __init__(self, objects: Callable[[], Objects]) -> None:
        """`objects` is called from the thread that reads."""
        self._objects = objects

    def open(self, request: DatasetRequest) -> StreamedDataset:
        """The `OpenDataset` port."""
        return StreamedDataset(lambda: _found(self._objects(), request), request.most)


class StreamedDataset:
    """A dataset being read: the `Dataset` port."""

    def __init__(self, begin: Callable[[], Found], most: int) -> None:
        self._begin = begin
        self._most = most
        self._found: Found | None = None
        self._next: tuple[DatasetItem, int] | None = None
        self._lock = threading.Lock()
        """Held while something is read, which goes on when nobody waits for it any more."""

    async def read(self) -> Portion:
        """The next items. Raises `Failure` `States.ItemReaderFailed`."""
        return await asyncio.to_thread(self._read)

    async def close(self) -> None:
        """Lets go of what is open, after the portion under way."""
        await asyncio.to_thread(self._close)

    def _read(self) -> Portion:
        with self._lock:
            try:
                return self._portion()
            except ObjectsRefused as refused:
                raise Failure(ITEM_READER_FAILED, str(refused)) from refused

    def _portion(self) -> Portion:
        found = self._found
        if found is None:
            found = self._begin()
            found = self._found = found if self._most == 0 else islice(found, self._most)
            self._next = next(found, None)
        items: list[DatasetItem] = []
        size = 0
        while self._next is not None and len(items) < PORTION and size < _PORTION_CHARACTERS:
            item, more = self._next
            items.append(item)
            size += more
            self._next = next(found, None)
        return Portion(items, is_last=self._next is None)

    def _close(self) -> None:
        with self._lock:
            # Generators close what they have open when nobody can ask them any more.
            self._found = self._next = None
            self._begin = lambda: iter(())


def _found(objects: Objects, request: DatasetRequest) -> Found:
    parameters = request.parameters if isinstance(request.parameters, dict) else {}
    more = {name: value for name, value in parameters.items() if name not in ("Bucket", "Key", "Prefix")}
    bucket = _text(parameters, "Bucket")
    config = request.config
    if request.resource.action == "listObjectsV2":
        prefix = _text(parameters, "Prefix", "")
        listed = objects.list(bucket, prefix, more)
        if config.get("Transformation") == "LOAD_AND_FLATTEN":
            return _loaded(objects, bucket, listed, more, config)
        return ((DatasetItem(_described(one), f"S3://{bucket}"), len(one.key)) for one in listed)
    place = Place(bucket, _text(parameters, "Key"), more)
    if config.get("ManifestType") == "ATHENA_DATA":
        return _of_places(athena_items(objects, place, config))
    if config.get("ManifestType") == "S3_INVENTORY" or config.get("InputType") == "MANIFEST":
        return _of_places(inventory_items(objects, place, config))
    if "InputType" not in config:
        raise Failure(ITEM_READER_FAILED, "The ReaderConfig needs an InputType for s3:getObject.")
    return _of_places((place, item) for item in object_items(objects, place, config))


def _loaded(
    objects: Objects, bucket: str, listed: Iterator[Listed], more: Mapping[str, Json], config: Mapping[str, Json]
) -> Found:
    """The items of the listed objects; what stands for a folder has none."""
    owner = {name: value for name, value in more.items() if name == "ExpectedBucketOwner"}
    places = (Place(bucket, one.key, owner) for one in listed if one.size or not one.key.endswith("/"))
    return _of_places((place, item) for place in places for item in object_items(objects, place, config))


def _of_places(found: Iterator[tuple[Place, tuple[str | None, Json, int]]]) -> Found:
    return ((DatasetItem(value, place.source, key), size) for place, (key, value, size) in found)


def _described(one: Listed) -> Json:
    """What a listing says of an object, in the service's order (recorded)."""
    return {
        "Etag": one.etag,
        "LastModified": one.modified,
        "Key": one.key,
        "Size": one.size,
        "StorageClass": one.storage_class,
    }


def _text(parameters: Mapping[str, Json], name: str, default: str | None = None) -> str:
    value = parameters.get(name, default)
    if not isinstance(value, str):
        found = "it is missing" if value is None else f"it is {type(value).__name__}"
        raise Failure(ITEM_READER_FAILED, f"The ItemReader needs the parameter {name} as a string, but {found}.")
    return value
