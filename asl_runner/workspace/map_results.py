"""The results of a map run in S3: files by how the child executions ended, and a manifest that names them.

Source: reference section 11, ResultWriter, and the developer guide. A redrive writes beside what is there already, into
a folder of its own; its manifest names the results of successes of all attempts (recorded by others).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, TypeVar

import msgspec

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact, compact_bytes
from asl_runner.history import map_runs
from asl_runner.history.map_runs import MapRunRecord
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.store import Store
from asl_runner.interpreter.context import iso_time
from asl_runner.interpreter.map_runs import Batch, WriterProblem
from asl_runner.interpreter.results import Destination, Form, entries
from asl_runner.resources.datasets.objects import Objects, ObjectsRefused

T = TypeVar("T")

LARGEST_FILE = 5 << 30
"""Bytes after which results go on in another file. Source: developer guide, "ResultWriter"."""

_KINDS = ("FAILED", "PENDING", "SUCCEEDED")


def child_record(record: ExecutionRecord) -> dict[str, Json]:
    """A child execution as it stands in results; the names are sorted (developer guide)."""
    succeeded = record.status == "SUCCEEDED"
    found = {
        "Cause": record.cause,
        "Error": record.error,
        "ExecutionArn": record.arn,
        "Input": record.input.decode(),
        "InputDetails": {"Included": True},
        "Name": record.name,
        "Output": None if record.output is None else record.output.decode(),
        "OutputDetails": {"Included": True} if succeeded else None,
        "RedriveCount": record.redrive_count,
        "RedriveStatus": "NOT_REDRIVABLE" if succeeded else "REDRIVABLE_BY_MAP_RUN",
        "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven" if succeeded else None,
        "StartDate": iso_time(record.start),
        "StateMachineArn": record.machine_arn,
        "Status": record.status,
        "StopDate": None if record.stop is None else iso_time(record.stop),
    }
    return {name: value for name, value in found.items() if value is not None}


class MapResults:
    """Exports the results of one map run."""

    def __init__(self, record: MapRunRecord, destination: Destination, objects: Objects, directory: Path) -> None:
        """`directory` is where files are made before they are objects."""
        self._record = record
        self._destination = destination
        self._objects = objects
        self._directory = directory

    async def check(self) -> None:
        """Writes a manifest that names nothing yet. Raises `WriterProblem` (reported)."""
        try:
            await _in_thread(lambda: self._put_manifest({kind: [] for kind in _KINDS}))
        except ObjectsRefused as refused:
            raise WriterProblem(
                f"Failed to write a test manifest into the specified output bucket. | Message from S3: {refused}"
            ) from refused

    async def write(self, store: Store, pending: AsyncIterator[list[Batch]]) -> str:
        """Writes everything; gives the manifest's key. Raises `WriterProblem`, and what `pending` raises."""
        with TemporaryDirectory(prefix="results-", dir=self._directory) as directory:
            files = _Files(Path(directory), self._destination.form.output_type == "JSONL", self._put)
            try:
                await _in_thread(lambda: store.read(lambda tables: self._add_ended(tables, files)))
                async for batches in pending:
                    await _in_thread(partial(_add_pending, batches, files))
                return await _in_thread(lambda: self._put_manifest(files.finish()))
            except ObjectsRefused as refused:
                raise WriterProblem(str(refused)) from refused
            finally:
                files.close()

    def _add_ended(self, tables: sqlite3.Connection, files: _Files) -> None:
        since = self._record.redrive_time
        files.mention("SUCCEEDED", self._earlier_successes())
        form = self._destination.form
        for child in map_runs.ended_children(tables, self._record.arn):
            if child.status != "SUCCEEDED":
                files.add("FAILED", child_record(child))
            elif since is None or child.stop is None or child.stop >= since:
                for entry in _entries(form, child):
                    files.add("SUCCEEDED", entry)

    def _earlier_successes(self) -> list[Json]:
        """What the manifest of the attempt before names."""
        attempt = self._record.redrive_count
        if attempt == 0:
            return []
        try:
            with self._objects.open(self._destination.bucket, self._key("manifest.json", attempt - 1), {}) as stream:
                found: list[Json] = msgspec.json.decode(stream.read())["ResultFiles"]["SUCCEEDED"]
        except (ObjectsRefused, msgspec.DecodeError, KeyError, TypeError):
            # Somebody tidied up: then there is nothing left to name.
            return []
        return found

    def _put(self, name: str, data: Path) -> Json:
        """Writes a file; gives what the manifest says of it."""
        size = data.stat().st_size
        key = self._key(name, self._record.redrive_count)
        self._objects.put(self._destination.bucket, key, data)
        return {"Key": key, "Size": size}

    def _put_manifest(self, files: Mapping[str, Json]) -> str:
        manifest = {
            "DestinationBucket": self._destination.bucket,
            "MapRunArn": self._record.arn,
            "ResultFiles": files,
        }
        key = self._key("manifest.json", self._record.redrive_count)
        self._objects.put(self._destination.bucket, key, compact_bytes(manifest))
        return key

    def _key(self, name: str, attempt: int) -> str:
        prefix = self._destination.prefix
        folder = f"{prefix}/" if prefix and not prefix.endswith("/") else prefix
        id = self._record.arn.rpartition(":")[2]
        return f"{folder}{id}/Redrive-{attempt}/{name}" if attempt else f"{folder}{id}/{name}"


def _entries(form: Form, child: ExecutionRecord) -> list[Json]:
    if form.transformation == "NONE":
        return [child_record(child)]
    return entries(form, msgspec.json.decode(child.output or b"null"))


def _add_pending(batches: Iterable[Batch], files: _Files) -> None:
    for input, _ in batches:
        described = {"Input": compact(input), "InputDetails": {"Included": True}, "Status": "PENDING"}
        files.add("PENDING", described)


class _Files:
    """The files under way, one of each kind, and what has been written of them."""

    def __init__(self, directory: Path, are_lines: bool, put: Callable[[str, Path], Json]) -> None:
        self._directory = directory
        self._put = put
        self._suffix = "jsonl" if are_lines else "json"
        self._begin, self._between, self._end = (b"", b"\n", b"\n") if are_lines else (b"[", b",", b"]")
        self._open: dict[str, BinaryIO] = {}
        self._written: dict[str, list[Json]] = {kind: [] for kind in _KINDS}
        self._numbers = dict.fromkeys(_KINDS, 0)

    def mention(self, kind: str, files: Iterable[Json]) -> None:
        """These files are there already."""
        self._written[kind].extend(files)

    def add(self, kind: str, entry: Json) -> None:
        """Adds an entry, in another file where this one is full. Raises `ObjectsRefused`."""
        text = compact_bytes(entry)
        file = self._open.get(kind)
        if file is not None and file.tell() + len(self._between) + len(text) + len(self._end) > LARGEST_FILE:
            self._finish(kind)
            file = None
        if file is None:
            file = self._open[kind] = self._path(kind).open("xb")
            file.write(self._begin)
        else:
            file.write(self._between)
        file.write(text)

    def finish(self) -> Mapping[str, Json]:
        """Writes what is under way; gives all files by kind, as the manifest names them. Raises `ObjectsRefused`."""
        for kind in list(self._open):
            self._finish(kind)
        return self._written

    def close(self) -> None:
        """Lets go of files that could not be finished."""
        for file in self._open.values():
            file.close()

    def _finish(self, kind: str) -> None:
        with self._open.pop(kind) as file:
            file.write(self._end)
        path = self._path(kind)
        self._written[kind].append(self._put(path.name, path))
        path.unlink()
        self._numbers[kind] += 1

    def _path(self, kind: str) -> Path:
        return self._directory / f"{kind}_{self._numbers[kind]}.{self._suffix}"


async def _in_thread(work: Callable[[], T]) -> T:
    """What blocking work gives. It is waited for also when that is interrupted: its files are about to go."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
