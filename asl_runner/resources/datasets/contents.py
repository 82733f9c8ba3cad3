"""What is in one object: compressed or not, in any of the formats an ItemReader reads.

Source: developer guide, "ItemReader": GZIP and ZSTD are told by the name, Parquet compresses inside.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, TextIO, cast

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import ITEM_READER_FAILED, Failure
from asl_runner.interpreter.item_data import items_in
from asl_runner.interpreter.json_items import Item
from asl_runner.resources.datasets.extra import EXTRA
from asl_runner.resources.datasets.objects import Objects

_GZIP = (".gz", ".gzip")
_ZSTD = (".zst", ".zstd")


class Place:
    """Where an object is: with the further parameters of the request, and as `Map.Item.Source` has it."""

    def __init__(self, bucket: str, key: str, more: Mapping[str, Json]) -> None:
        self.bucket = bucket
        self.key = key
        self.more = more

    @property
    def source(self) -> str:
        """`S3://bucket/key`."""
        return f"S3://{self.bucket}/{self.key}"


def object_items(objects: Objects, place: Place, config: Mapping[str, Json]) -> Iterator[Item]:
    """The items of an object, read as they are asked for. Raises `Failure` and `ObjectsRefused`."""
    if config.get("InputType") == "PARQUET":
        from asl_runner.resources.datasets.parquet import parquet_items

        with objects.open(place.bucket, place.key, place.more) as stream:
            yield from parquet_items(stream, place.source)
        return
    with opened_text(objects, place) as text:
        yield from items_in(text, config)


@contextmanager
def opened_text(objects: Objects, place: Place) -> Iterator[TextIO]:
    """The text of an object, decompressed; line ends of every kind are `\\n`.

    Raises `Failure` for bytes that are none, also within the `with` block, and `ObjectsRefused`.
    """
    try:
        with ExitStack() as stack:
            stream = stack.enter_context(objects.open(place.bucket, place.key, place.more))
            if place.key.endswith(_GZIP):
                stream = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=stream)))
            elif place.key.endswith(_ZSTD):
                stream = stack.enter_context(_zstd(stream, place))
            yield stack.enter_context(io.TextIOWrapper(stream, encoding="utf-8-sig"))
    except UnicodeDecodeError as problem:
        raise Failure(ITEM_READER_FAILED, f"The dataset {place.source} is not UTF-8 text.") from problem
    except (OSError, EOFError, zlib.error) as problem:
        raise Failure(ITEM_READER_FAILED, f"The dataset {place.source} cannot be read: {problem}") from problem


@contextmanager
def _zstd(stream: BinaryIO, place: Place) -> Iterator[BinaryIO]:
    try:
        import zstandard
    except ImportError as missing:
        cause = f"Reading {place.source} needs the package zstandard; install it with: {EXTRA}"
        raise Failure(ITEM_READER_FAILED, cause) from missing
    reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True, closefd=False)
    try:
        with reader:
            yield cast(BinaryIO, reader)
    except zstandard.ZstdError as problem:
        raise OSError(str(problem)) from problem
