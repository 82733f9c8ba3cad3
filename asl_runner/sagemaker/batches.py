"""Cutting an input object into the requests of a batch transform, and putting the answers together (reference 6)."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeVar

from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.pipes import RECORDIO_MAGIC

MEGABYTE = 1 << 20
_RECORDIO_LENGTH = (1 << 29) - 1
_LARGEST_RECORD = 1 << 30
"""More than any body may have; a length beyond it is no length."""

Stream: TypeAlias = "BinaryIO | gzip.GzipFile"
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def payloads(
    path: Path, *, split: str, single: bool, limit: int | None, gzipped: bool, apart: bool = True
) -> Iterator[list[bytes]]:
    """The requests of one input object, each as its records, read as they are drawn.

    `split` is `SplitType`; `single` sends one record per request; `limit` is the largest body in bytes, None for any
    size. Unless the records are wanted `apart`, those of a request may come as one piece.
    Raises `JobFailed` for what does not fit and for what is not what `split` and `gzipped` say.
    """
    with gzip.open(path) if gzipped else path.open("rb") as stream:
        if split == "None":
            bodies = _whole(stream, limit)
        elif split == "Line" and limit is not None and not single and not apart:
            bodies = _blocks(stream, limit)
        else:
            bodies = _batched(_SPLITS[split](stream), single, limit)
        while True:
            try:
                body = next(bodies, None)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                text = f"The input is not gzip, which CompressionType says it is: {error}"
                raise JobFailed("ClientError", text) from error
            if body is None:
                return
            yield body


def _whole(stream: Stream, limit: int | None) -> Iterator[list[bytes]]:
    body = stream.read() if limit is None else stream.read(limit + 1)
    if limit is not None and len(body) > limit:
        text = f"The input is larger than MaxPayloadInMB ({limit / MEGABYTE:g} MB); set SplitType to Line, or raise it."
        raise JobFailed("ClientError", text)
    yield [body]


def _batched(records: Iterable[bytes], single: bool, limit: int | None) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for number, record in enumerate(records, start=1):
        if limit is not None and len(record) > limit:
            raise _too_large(number, limit)
        if batch and (single or (limit is not None and size + len(record) > limit)):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    if batch:
        yield batch


def _blocks(stream: Stream, limit: int) -> Iterator[list[bytes]]:
    """As many whole lines as fit, in one piece: what `_batched` puts together of them, without an object for each."""
    rest = b""
    number = 1
    # A byte more than fits tells whether the file goes on; its last line may lack the newline.
    while block := rest + stream.read(limit + 1 - len(rest)):
        end = len(block) if len(block) <= limit else block.rfind(b"\n", 0, limit) + 1
        if not end:
            raise _too_large(number, limit)
        yield [block[:end]]
        number += block.count(b"\n", 0, end)
        rest = block[end:]


def _too_large(number: int, limit: int) -> JobFailed:
    return JobFailed("ClientError", f"Record {number} is larger than MaxPayloadInMB ({limit / MEGABYTE:g} MB).")


def _recordio(stream: Stream) -> Iterator[bytes]:
    """The records of a RecordIO stream, with their frames: a magic number, a length, the content, padding to four."""
    while head := stream.read(8):
        magic, length = struct.unpack("<II", head) if len(head) == 8 else (0, 0)
        if magic != RECORDIO_MAGIC:
            raise JobFailed("ClientError", "The input is not RecordIO, which SplitType says it is.")
        length &= _RECORDIO_LENGTH
        yield head + _exactly(stream, (length + 3) // 4 * 4, "RecordIO")


def _tfrecord(stream: Stream) -> Iterator[bytes]:
    """The records of a TFRecord stream, with their frames: a length, its checksum, the content, its checksum."""
    while head := stream.read(12):
        if len(head) < 12:
            raise JobFailed("ClientError", "The input is not TFRecord, which SplitType says it is.")
        yield head + _exactly(stream, struct.unpack("<Q", head[:8])[0] + 4, "TFRecord")


def _exactly(stream: Stream, size: int, what: str) -> bytes:
    found = stream.read(min(size, _LARGEST_RECORD))
    if len(found) < size:
        raise JobFailed("ClientError", f"The input is not {what}, which SplitType says it is: a record is cut off.")
    return found


_SPLITS: dict[str, Callable[[Stream], Iterable[bytes]]] = {
    "Line": lambda stream: stream,
    "RecordIO": _recordio,
    "TFRecord": _tfrecord,
}


def assembled(answer: bytes, *, lines: bool) -> bytes:
    """One answer as it goes into the output; with `AssembleWith: Line` it ends with exactly one newline."""
    return answer.removesuffix(b"\n") + b"\n" if lines and answer else answer


def in_order(function: Callable[[Item], Answer], items: Iterable[Item], workers: int) -> Iterator[Answer]:
    """`function` of each item, `workers` at a time, answers in the order of the items; items are drawn as needed."""
    if workers <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="transform") as pool:
        waiting: deque[Future[Answer]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
