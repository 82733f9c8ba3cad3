"""The objects of S3 as distributed Maps need them: opened, listed, written. Those of the workspace are here.

Everything blocks, and may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol
from uuid import uuid4

from msgspec import Struct

from asl_runner.errors import NotFound, UsageError, WorkspaceError
from asl_runner.expressions.environment import Json
from asl_runner.resources.aws.errors import Refusal, sdk_cause
from asl_runner.storage.metadata import ObjectMetadata
from asl_runner.storage.names import InvalidBucketName, NoSuchBucket

if TYPE_CHECKING:
    from asl_runner.storage.buckets import Buckets


class ObjectsRefused(Exception):
    """S3 refused a call, or could not be reached; `str()` is the cause, as the SDK gives it."""

    @classmethod
    def by(cls, refusal: Refusal) -> ObjectsRefused:
        """What S3 answered."""
        return cls(sdk_cause("S3", refusal))


class Listed(Struct, frozen=True):
    """An object in a listing. `modified` is in seconds since the epoch, `etag` in quotes."""

    key: str
    etag: str
    modified: int
    size: int
    storage_class: str = "STANDARD"


class Objects(Protocol):
    """The objects of one account."""

    def open(self, bucket: str, key: str, more: Mapping[str, Json]) -> BinaryIO:
        """The bytes of an object; `more` are further parameters of GetObject. Raises `ObjectsRefused`."""

    def list(self, bucket: str, prefix: str, more: Mapping[str, Json]) -> Iterator[Listed]:
        """The objects with a prefix; `more` are further parameters of ListObjectsV2. Raises `ObjectsRefused`."""

    def put(self, bucket: str, key: str, data: bytes | Path) -> None:
        """Writes an object: these bytes, or those of a file. Raises `ObjectsRefused`."""


class WorkspaceObjects:
    """The workspace's own objects, which are files. It keeps no versions: a VersionId means the object as it is."""

    def __init__(self, buckets: Buckets, account: str) -> None:
        self._buckets = buckets
        self._account = account

    def open(self, bucket: str, key: str, more: Mapping[str, Json]) -> BinaryIO:
        """The bytes of an object. Raises `ObjectsRefused`."""
        self._check_owner(more)
        try:
            return self._buckets.open(bucket, key)
        except (NotFound, UsageError) as problem:
            raise ObjectsRefused.by(_refusal(problem)) from problem

    def list(self, bucket: str, prefix: str, more: Mapping[str, Json]) -> Iterator[Listed]:
        """The objects with a prefix. Raises `ObjectsRefused`."""
        self._check_owner(more)
        try:
            for info in self._buckets.list(bucket, prefix, start_after=more.get("StartAfter", "")):
                etag = f'"{self._buckets.describe(info).etag}"'
                yield Listed(info.key, etag, info.mtime_ns // 1_000_000_000, info.size)
        except (NotFound, UsageError) as problem:
            raise ObjectsRefused.by(_refusal(problem)) from problem

    def put(self, bucket: str, key: str, data: bytes | Path) -> None:
        """Writes an object, at once or not at all. Raises `ObjectsRefused`."""
        try:
            self._buckets.put(bucket, key, data, ObjectMetadata(content_type=CONTENT_TYPE))
        except (NotFound, UsageError) as problem:
            raise ObjectsRefused.by(_refusal(problem)) from problem
        except WorkspaceError as problem:
            raise ObjectsRefused(str(problem)) from problem

    def _check_owner(self, more: Mapping[str, Json]) -> None:
        if more.get("ExpectedBucketOwner", self._account) != self._account:
            raise ObjectsRefused.by(_answer("AccessDenied", "Access Denied", 403))


CONTENT_TYPE = "application/json"
"""Of everything a ResultWriter writes."""


def _refusal(problem: NotFound | UsageError) -> Refusal:
    if isinstance(problem, NoSuchBucket):
        return _answer("NoSuchBucket", "The specified bucket does not exist", 404)
    if isinstance(problem, NotFound):
        return _answer("NoSuchKey", "The specified key does not exist.", 404)
    if isinstance(problem, InvalidBucketName):
        return _answer("InvalidBucketName", "The specified bucket is not valid.", 400)
    return _answer("InvalidArgument", str(problem), 400)


def _answer(code: str, message: str, status: int) -> Refusal:
    return Refusal(code, message, status, str(uuid4()))
