"""Job records: one JSON file per job, written atomically, so that jobs survive a restart and other processes see them.

`<root>/<kind>/<name>/record.json` holds the Describe document in the API's wire form (timestamps as seconds since the
epoch), the tags, and which process owns the job. A name is taken by moving its directory to its place, which no two
processes can.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from asl_runner.errors import WorkspaceError
from asl_runner.history.ownership import Owner, is_alive, sweep

Document: TypeAlias = dict[str, Any]

RECORD_FILE = "record.json"
LOG_FILE = "log"
"""What a job's containers print."""
OWNERS = ".owners"


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One job or model. Never changed in place: `Records.update` replaces it, so a reader may keep what it got."""

    kind: str
    name: str
    document: Document
    """The Describe document, wire form."""
    tags: dict[str, str] = {}
    owner: str | None = None
    """The token of the process that runs the job; None for what does not run (models)."""


class Records:
    """All records below one directory. Safe for threads; other processes may read and create at the same time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._mine: dict[tuple[str, str], Record] = {}
        self._lock = threading.RLock()
        self._owner: Owner | None = None

    @property
    def owner(self) -> str:
        """The token this process owns its jobs by."""
        with self._lock:
            if self._owner is None:
                sweep(self.root / OWNERS)
                self._owner = Owner(self.root / OWNERS)
            return self._owner.token

    def release(self) -> None:
        """Gives up ownership: jobs of this process that have not ended are orphans from now on."""
        with self._lock:
            if self._owner is not None:
                self._owner.release()
                self._owner = None

    def directory(self, kind: str, name: str) -> Path:
        """The directory of one job; `name` must have passed the API's name pattern."""
        return self.root / kind / name

    def create(self, record: Record) -> Path:
        """Takes the name and writes the record; returns the job's directory.

        Raises `FileExistsError` when the name is taken and `WorkspaceError` when the directory cannot be written.
        """
        directory = self.directory(record.kind, record.name)
        # Made aside and moved to its place complete: a directory without a record would hold the name for ever.
        made = directory.with_name(f".{record.name}.{uuid.uuid4().hex}")
        try:
            made.mkdir(parents=True)
            (made / RECORD_FILE).write_bytes(_encode(record))
            with self._lock:
                made.rename(directory)
                self._remember(record)
        except OSError as error:
            shutil.rmtree(made, ignore_errors=True)
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise FileExistsError(directory) from error
            raise WorkspaceError(f"cannot create the job directory {directory}: {error.strerror}") from error
        return directory

    def read(self, kind: str, name: str) -> Record | None:
        """The record as it is now; None when there is no such job."""
        with self._lock:
            mine = self._mine.get((kind, name))
        return mine if mine is not None else self._load(kind, name)

    def update(self, kind: str, name: str, change: Callable[[Document], Document]) -> Record:
        """Replaces the document by `change(document)` (a new object) and writes it. Raises `KeyError` when unknown."""
        with self._lock:
            record = self.read(kind, name)
            if record is None:
                raise KeyError(name)
            updated = msgspec.structs.replace(record, document=change(record.document))
            self._put(updated)
            return updated

    def adopt(self, kind: str, name: str) -> Record:
        """Makes this process the owner of a record. Raises `KeyError` when unknown."""
        with self._lock:
            record = self.read(kind, name)
            if record is None:
                raise KeyError(name)
            updated = msgspec.structs.replace(record, owner=self.owner)
            self._put(updated)
            return updated

    def tag(self, kind: str, name: str, tags: dict[str, str]) -> Record:
        """Adds tags, replacing those of the same key."""
        with self._lock:
            record = self.read(kind, name)
            if record is None:
                raise KeyError(name)
            updated = msgspec.structs.replace(record, tags={**record.tags, **tags})
            self._put(updated)
            return updated

    def untag(self, kind: str, name: str, keys: Collection[str]) -> Record:
        """Takes tags away; nothing happens for keys there are not."""
        with self._lock:
            record = self.read(kind, name)
            if record is None:
                raise KeyError(name)
            left = {key: value for key, value in record.tags.items() if key not in keys}
            updated = msgspec.structs.replace(record, tags=left)
            self._put(updated)
            return updated

    def delete(self, kind: str, name: str) -> bool:
        """Removes a record with its directory; False when there was none."""
        with self._lock:
            known = self.read(kind, name) is not None
            self._mine.pop((kind, name), None)
        if known:
            directory = self.directory(kind, name)
            # Moved away in one step: the name is free at once, and nobody sees a part of what is being removed.
            leaving = directory.with_name(f".{name}.{uuid.uuid4().hex}")
            with contextlib.suppress(OSError):
                directory.rename(leaving)
                directory = leaving
            shutil.rmtree(directory, ignore_errors=True)
        return known

    def all(self, kind: str, prefix: str = "") -> Iterator[Record]:
        """Every record of a kind whose name starts with `prefix`, in no order."""
        folder = self.root / kind
        entries = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        for name in entries:
            if name.startswith(".") or not name.startswith(prefix):
                continue
            record = self.read(kind, name)
            if record is not None:
                yield record

    def is_orphan(self, record: Record) -> bool:
        """Whether the process that ran this job is gone."""
        return record.owner is not None and self.is_gone(record.owner)

    def is_gone(self, owner: str) -> bool:
        """Whether the process with this token is gone."""
        return not is_alive(self.root / OWNERS, owner)

    def _put(self, record: Record) -> None:
        # Remembered first: on a full disk the job still ends, for those who wait for it in this process.
        self._remember(record)
        write_atomically(self.directory(record.kind, record.name) / RECORD_FILE, _encode(record))

    def _remember(self, record: Record) -> None:
        # A record of this process changes only here, so it need not be read back; other records are read each time.
        if self._owner is not None and record.owner == self._owner.token:
            self._mine[(record.kind, record.name)] = record

    def _load(self, kind: str, name: str) -> Record | None:
        path = self.directory(kind, name) / RECORD_FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=Record)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise WorkspaceError(f"cannot read the job record {path}: {error}") from error


def _encode(record: Record) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=2)


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file so that a reader sees the old content or the new one, never a part. Raises `WorkspaceError`."""
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise WorkspaceError(f"cannot write {path}: {error.strerror}") from error
