"""Keeps a prefix of a bucket like a directory: what a running program writes is uploaded as it appears."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from asl_runner.errors import AslRunnerError
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.names import S3Uri

INTERVAL_SECONDS = 1.0


class Mirror:
    """One directory and the prefix below which its files are objects; symbolic links are not followed."""

    def __init__(self, buckets: Buckets, directory: Path, target: S3Uri) -> None:
        self._buckets = buckets
        self._directory = directory
        self._target = target
        self._seen: dict[str, tuple[int, int]] = {}

    def sync(self) -> None:
        """Uploads every file that is new or changed. Raises `AslRunnerError` when the bucket cannot be written."""
        for name, path in _files(self._directory):
            # A program may take its file away, or go on writing it: the next round has it as it is then.
            with suppress(FileNotFoundError):
                status = path.stat()
                mark = (status.st_mtime_ns, status.st_size)
                if self._seen.get(name) != mark:
                    self._upload(name, path)
                    self._seen[name] = mark

    def known(self) -> None:
        """Takes the files that are there now for uploaded: they came from the bucket."""
        for name, path in _files(self._directory):
            status = path.stat()
            self._seen[name] = (status.st_mtime_ns, status.st_size)

    def _upload(self, name: str, path: Path) -> None:
        prefix = self._target.key.rstrip("/")
        self._buckets.put(self._target.bucket, f"{prefix}/{name}" if prefix else name, path, create=True)


@contextmanager
def kept_in_step(mirrors: Iterable[Mirror]) -> Iterator[None]:
    """Uploads to all of them every second while the block runs, and once more at its end.

    Raises `AslRunnerError` at the end of a block that went well when a bucket cannot be written.
    """
    mirrors = tuple(mirrors)
    done = threading.Event()

    def follow() -> None:
        while not done.wait(INTERVAL_SECONDS):
            # What cannot be written is tried again, and told at the end.
            with suppress(AslRunnerError):
                for mirror in mirrors:
                    mirror.sync()

    thread = threading.Thread(target=follow, name="mirror", daemon=True)
    if mirrors:
        thread.start()
    try:
        yield
    finally:
        done.set()
        if mirrors:
            thread.join()
        for mirror in mirrors:
            mirror.sync()


def _files(directory: Path) -> Iterator[tuple[str, Path]]:
    """The regular files below a directory, with their names relative to it."""
    for folder, _, names in os.walk(directory):
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(directory).as_posix(), path
