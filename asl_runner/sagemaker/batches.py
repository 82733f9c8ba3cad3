"""Cutting an input object into the requests of a batch transform, and putting the answers together (reference 6)."""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar

from asl_runner.sagemaker.errors import JobFailed

MEGABYTE = 1 << 20

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def payloads(path: Path, *, split: str, single: bool, limit: int | None, gzipped: bool) -> Iterator[bytes]:
    """The request bodies of one input object.

    `split` is `SplitType` (`None` or `Line`); `single` sends one record per request; `limit` is the largest body in
    bytes, None for any size. Raises `JobFailed` for what does not fit and for other splits.
    """
    if split not in ("None", "Line"):
        raise JobFailed("ClientError", f"SplitType {split} is not available locally; use Line or None.")
    with gzip.open(path) if gzipped else path.open("rb") as stream:
        bodies = _lines(stream, single, limit) if split == "Line" else _whole(stream, limit)
        while True:
            try:
                body = next(bodies, None)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                text = f"The input is not gzip, which CompressionType says it is: {error}"
                raise JobFailed("ClientError", text) from error
            if body is None:
                return
            yield body


def _whole(stream: BinaryIO | gzip.GzipFile, limit: int | None) -> Iterator[bytes]:
    body = stream.read() if limit is None else stream.read(limit + 1)
    if limit is not None and len(body) > limit:
        text = f"The input is larger than MaxPayloadInMB ({limit / MEGABYTE:g} MB); set SplitType to Line, or raise it."
        raise JobFailed("ClientError", text)
    yield body


def _lines(stream: Iterable[bytes], single: bool, limit: int | None) -> Iterator[bytes]:
    batch: list[bytes] = []
    size = 0
    for number, line in enumerate(stream, start=1):
        if limit is not None and len(line) > limit:
            text = f"Record {number} is larger than MaxPayloadInMB ({limit / MEGABYTE:g} MB)."
            raise JobFailed("ClientError", text)
        if batch and (single or (limit is not None and size + len(line) > limit)):
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield b"".join(batch)


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
