"""Functions made through Lambda's API, kept below one folder: `NAME/function.json`, and the code beside it.

Every run that has a function may read them, so what only changes need is imported there.

A function is `$LATEST`, numbered versions that never change, and aliases that point at versions. What the API shows of
each is kept as the API writes it; `find` makes the runnable `Function` of it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from asl_runner.errors import WorkspaceError
from asl_runner.functions.arn import LATEST, FunctionArn
from asl_runner.functions.registry import Function

Document: TypeAlias = dict[str, Any]

RECORD = "function.json"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a function."""

    document: Document
    """The FunctionConfiguration, wire form."""
    code: str
    """The folder of its code: absolute, or below the function's own folder."""


class Created(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One function with its versions and aliases; replaced, never changed."""

    name: str
    latest: Snapshot
    versions: dict[str, Snapshot] = {}
    aliases: dict[str, Document] = {}
    """AliasConfiguration documents by name."""
    tags: dict[str, str] = {}
    policy: dict[str, dict[str, Document]] = {}
    """Statements of its resource policies: by qualifier (empty for none), then by id."""
    last_version: int = 0

    def snapshot(self, qualifier: str) -> Snapshot | None:
        """What a version or alias stands for; an alias of two versions picks one by its weights."""
        if qualifier in ("", LATEST):
            return self.latest
        alias = self.aliases.get(qualifier)
        return self.versions.get(_routed(alias) if alias is not None else qualifier)


class Code(msgspec.Struct, frozen=True):
    """A deployment package in its place."""

    folder: str
    sha256: str
    """In base64, as the API shows it."""
    size: int


class CreatedFunctions:
    """The functions below one folder. Other processes may read them meanwhile, and see every change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, tuple[int, Created]] = {}
        self._functions: dict[tuple[str, str], tuple[Snapshot, Function]] = {}
        self._lock = threading.RLock()

    def names(self) -> list[str]:
        """The names of all, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(entry.name for entry in self.folder.iterdir() if (entry / RECORD).is_file())

    def all(self) -> Iterator[Created]:
        """Every function, by name."""
        for name in self.names():
            if (created := self.get(name)) is not None:
                yield created

    def get(self, name: str) -> Created | None:
        """The function of that name. Raises `WorkspaceError` when its record cannot be read."""
        path = self.folder / name / RECORD
        try:
            stamp = path.stat().st_mtime_ns
            known = self._read.get(name)
            if known is None or known[0] != stamp:
                known = stamp, msgspec.json.decode(path.read_bytes(), type=Created)
                self._read[name] = known
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WorkspaceError(f"cannot read the function's record {path}: {error}") from error
        return known[1]

    def put(self, created: Created) -> None:
        """Keeps a function, new or changed. Raises `WorkspaceError`."""
        path = self.folder / created.name / RECORD
        part = path.with_name(f".{RECORD}.{uuid.uuid4().hex}")
        with self._lock:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                part.write_bytes(msgspec.json.format(msgspec.json.encode(created), indent=2))
                part.replace(path)
                self._read[created.name] = path.stat().st_mtime_ns, created
            except OSError as error:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)
                raise WorkspaceError(f"cannot write {path}: {error.strerror}") from error

    def delete(self, name: str) -> None:
        """Removes a function, its versions and its code."""
        import shutil

        with self._lock:
            self._read.pop(name, None)
            (self.folder / name / RECORD).unlink(missing_ok=True)
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def add_code(self, name: str, archive: bytes) -> Code:
        """Unpacks a deployment package for a function. Raises `BadArchive`, `WorkspaceError`."""
        import base64
        import hashlib
        import shutil

        from asl_runner.functions.archives import unzip

        digest = hashlib.sha256(archive).digest()
        folder = f"code/{digest.hex()[:32]}"
        place = self.folder / name / folder
        if not place.is_dir():
            # Made aside and moved to its place complete.
            made = place.with_name(f".{uuid.uuid4().hex}")
            try:
                unzip(archive, made)
                made.rename(place)
            except OSError as error:
                shutil.rmtree(made, ignore_errors=True)
                if not place.is_dir():
                    raise WorkspaceError(f"cannot unpack into {place}: {error.strerror or error}") from error
        return Code(folder, base64.b64encode(digest).decode(), len(archive))

    def sweep(self) -> None:
        """Removes code that no version has any more, and what a killed process left. For the start of a server."""
        import shutil

        for created in self.all():
            used = {each.code.removeprefix("code/") for each in (created.latest, *created.versions.values())}
            place = self.folder / created.name / "code"
            for entry in place.iterdir() if place.is_dir() else ():
                if entry.name not in used:
                    shutil.rmtree(entry, ignore_errors=True)

    def root(self, name: str, snapshot: Snapshot) -> Path:
        """The folder of a version's code."""
        return self.folder / name / snapshot.code

    def find(self, arn: FunctionArn) -> Function | None:
        """The function an ARN names, ready to run; None for one that was not created, or lacks that version."""
        created = self.get(arn.name)
        snapshot = created.snapshot(arn.qualifier) if created is not None else None
        if snapshot is None:
            return None
        key = (arn.arn, snapshot.document["Version"])
        known = self._functions.get(key)
        if known is None or known[0] is not snapshot:
            known = self._functions[key] = snapshot, self._function(arn, snapshot)
        return known[1]

    def _function(self, arn: FunctionArn, snapshot: Snapshot) -> Function:
        document = snapshot.document
        return Function(
            arn=arn,
            root=self.root(arn.name, snapshot),
            handler=document["Handler"],
            environment=document.get("Environment", {}).get("Variables", {}),
            timeout=float(document["Timeout"]),
            memory=document["MemorySize"],
            runtime="process",
            version=document["Version"],
            revision=document["RevisionId"],
            fixed=not os.path.isabs(snapshot.code),
        )


def _routed(alias: Document) -> str:
    """The version an alias sends this invocation to."""
    import random

    weights: dict[str, float] = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    drawn = random.random()
    for version, weight in weights.items():
        if drawn < weight:
            return version
        drawn -= weight
    return str(alias["FunctionVersion"])


def is_local_folder(path: str) -> bool:
    """Whether a path can be a function's code as it lies there."""
    return os.path.isabs(path) and Path(path).is_dir()
