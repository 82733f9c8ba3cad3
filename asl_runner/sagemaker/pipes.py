"""Pipe mode: a channel's data through named pipes, one per epoch, `<channel>_0`, `<channel>_1`, ... (reference 3.2).

Source: developer guide, "Access Training Data", "Provide Dataset Metadata to Training Jobs with an Augmented Manifest".
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
import random
import select
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from asl_runner.errors import AslRunnerError
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.inputs import InputObject
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.names import parse_uri

Record: TypeAlias = "Path | bytes"
"""A piece of a stream: the content of a file, or bytes."""

RECORDIO_MAGIC = 0xCED7230A
_BLOCK = 1 << 16
_LOOK_SECONDS = 0.02


class Stream:
    """What a pipe gives in each epoch: records in their order, or shuffled anew each time by a seed."""

    def __init__(
        self, records: Sequence[Record], *, gzipped: bool = False, recordio: bool = False, seed: int | None = None
    ) -> None:
        self._records = records
        self._gzipped = gzipped
        self._recordio = recordio
        self._seed = seed

    def epoch(self, number: int) -> Iterator[bytes]:
        """The bytes of epoch `number`, from 0. Raises `OSError` or `zlib.error` for files that cannot be read."""
        records = list(self._records)
        if self._seed is not None:
            random.Random(self._seed + number).shuffle(records)
        for record in records:
            yield from self._framed(self._content(record)) if self._recordio else self._content(record)

    def _content(self, record: Record) -> Iterator[bytes]:
        if isinstance(record, bytes):
            yield record
            return
        with gzip.open(record) if self._gzipped else record.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block

    def _framed(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        content = b"".join(blocks)
        yield struct.pack("<II", RECORDIO_MAGIC, len(content)) + content + b"\0" * (-len(content) % 4)


def stream_of(channel: Mapping[str, Any], records: Sequence[Record]) -> Stream:
    """The stream of a channel of `InputDataConfig`, or of a processing input."""
    compressed = channel.get("CompressionType") or channel.get("S3CompressionType")
    shuffle = channel.get("ShuffleConfig")
    return Stream(
        records,
        gzipped=compressed == "Gzip",
        recordio=channel.get("RecordWrapperType") == "RecordIO",
        seed=shuffle["Seed"] if shuffle is not None else None,
    )


def augmented_records(buckets: Buckets, manifest: InputObject, names: Sequence[str]) -> list[Record]:
    """The attributes `names` of each line of an augmented manifest: what `-ref` names, or the value as JSON.

    Raises `JobFailed` for a line that has not all of them and for objects that are not there.
    """
    found: list[Record] = []
    with manifest.path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    entry = json.loads(line)
                    found += [_attribute(buckets, name, entry[name]) for name in names]
                except (ValueError, LookupError, TypeError, AslRunnerError) as error:
                    text = f"Line {number} of the augmented manifest {manifest.key} needs {', '.join(names)}: {error}"
                    raise JobFailed("ClientError", text) from error
    return found


def _attribute(buckets: Buckets, name: str, value: Any) -> Record:
    if name.endswith("-ref"):
        bucket, key = parse_uri(value)
        return buckets.path(bucket, key)
    return (value if isinstance(value, str) else json.dumps(value)).encode()


@contextlib.contextmanager
def fed(pipes: Iterable[Pipe]) -> Iterator[None]:
    """Makes the pipes, and closes them when the block ends."""
    made: list[Pipe] = []
    try:
        for pipe in pipes:
            made.append(pipe)
        yield
    finally:
        for pipe in made:
            pipe.close()


class Pipe:
    """Feeds one channel's pipes from a thread, from the first reader's arrival until `close`."""

    def __init__(self, base: Path, stream: Stream, failed: Callable[[str], object]) -> None:
        """`base` is the channel's path without the epoch; `failed` is told why the data could not be given."""
        self._base = base
        self._stream = stream
        self._failed = failed
        self._done = threading.Event()
        self._make(0)
        self._thread = threading.Thread(target=self._feed, name=f"pipe-{base.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Gives no more; returns when the thread has ended."""
        self._done.set()
        self._thread.join()
        for path in self._base.parent.glob(f"{self._base.name}_*"):
            if path.is_fifo():
                path.unlink()

    def _path(self, epoch: int) -> Path:
        return self._base.with_name(f"{self._base.name}_{epoch}")

    def _make(self, epoch: int) -> None:
        path = self._path(epoch)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)

    def _feed(self) -> None:
        epoch = 0
        try:
            while (descriptor := self._opened(self._path(epoch))) is not None:
                # The next one must be there before the reader has seen the end of this.
                self._make(epoch + 1)
                try:
                    self._write(descriptor, epoch)
                finally:
                    os.close(descriptor)
                epoch += 1
        except (OSError, EOFError, zlib.error) as error:
            self._failed(f"The data of {self._base.name} could not be given to the program: {error}")

    def _opened(self, path: Path) -> int | None:
        """The pipe, once somebody reads it; None when there is nothing more to give."""
        while not self._done.wait(_LOOK_SECONDS):
            try:
                return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return None
                if error.errno != errno.ENXIO:
                    raise
        return None

    def _write(self, descriptor: int, epoch: int) -> None:
        # A reader that has seen enough closes its end; the next epoch begins anew.
        with contextlib.suppress(BrokenPipeError):
            for block in self._stream.epoch(epoch):
                rest = memoryview(block)
                while rest:
                    _, ready, _ = select.select([], [descriptor], [], _LOOK_SECONDS)
                    if self._done.is_set():
                        return
                    if ready:
                        rest = rest[os.write(descriptor, rest[:_BLOCK]) :]
