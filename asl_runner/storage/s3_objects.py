"""moto's idea of an object and a bucket, with the bytes left in their files."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from moto.moto_api._internal.managed_state_model import ManagedState
from moto.s3.models import FakeAcl, FakeBucket, FakeGrant, FakeGrantee, FakeKey, get_canned_acl, s3_backends
from moto.utilities.utils import LowercaseDict

from asl_runner.storage.buckets import DEFAULT_CONTENT_TYPE
from asl_runner.storage.metadata import ObjectMetadata

if TYPE_CHECKING:
    from asl_runner.storage.s3_backend import FileBackend

BLOCK = 1 << 20
_USER = "x-amz-meta-"
_HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires", "x-robots-tag")
_ATTRIBUTES = (
    "_storage_class",
    "website_redirect_location",
    "encryption",
    "kms_key_id",
    "bucket_key_enabled",
    "lock_mode",
    "lock_legal_status",
    "lock_until",
    "checksum_algorithm",
    "checksum_value",
    "checksum_type",
    "checksum_parts",
)
"""Attributes of moto's object that are kept in the sidecar, under the same name."""
ENCRYPTION = "AES256"
"""What S3 says of every object since January 2023, unless it was asked for other keys."""
_USUAL: dict[str, object] = {"_storage_class": "STANDARD", "encryption": ENCRYPTION}


class _Handle:
    """A file held open, to be read to its end even when another takes its place; closed with its last user."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.descriptor = stream.fileno()

    def __del__(self) -> None:
        self._stream.close()


class Content:
    """Bytes of an open file, from `start` up to `stop`, read only when they are sent."""

    def __init__(self, handle: _Handle, start: int, stop: int) -> None:
        self._handle, self._start, self._stop = handle, start, stop

    @classmethod
    def of(cls, stream: BinaryIO) -> Content:
        """All bytes of an open file, which is closed when they are not needed any more."""
        return cls(_Handle(stream), 0, os.fstat(stream.fileno()).st_size)

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, piece: slice) -> Content:
        start, stop, _ = piece.indices(len(self))
        return Content(self._handle, self._start + start, self._start + max(start, stop))

    def __iter__(self) -> Iterator[bytes]:
        position = self._start
        while position < self._stop:
            block = os.pread(self._handle.descriptor, min(BLOCK, self._stop - position), position)
            if not block:
                return
            position += len(block)
            yield block


class FileKey(FakeKey):  # type: ignore[misc]
    """An object, or a part of one, whose bytes are the file at `path`."""

    def __new__(cls, *_args: object, **_named: object) -> FileKey:
        # moto's own __new__ keeps every instance alive for its dashboard.
        return object.__new__(cls)

    def __init__(
        self,
        backend: FileBackend,
        bucket: str,
        name: str | int,
        path: Path,
        *,
        etag: str,
        metadata: ObjectMetadata,
        size: int,
        modified: float,
        content: Content | None = None,
    ) -> None:
        # FakeKey.__init__ is left out on purpose: it opens a temporary file and builds an access control list that
        # moto never lets go, for every object of every listing.
        ManagedState.__init__(self, "s3::keyrestore", transitions=[(None, "IN_PROGRESS"), ("IN_PROGRESS", "RESTORED")])
        self.name, self.bucket_name, self.path = name, bucket, path
        self.account_id, self.region_name, self.partition = backend.account_id, backend.partition, backend.partition
        self.contentsize = size
        self.content = content
        self.last_modified = datetime.datetime.fromtimestamp(modified, datetime.UTC).replace(tzinfo=None)
        self._etag = etag
        self._version_id, self._is_versioned = "null", False
        self._expiry: datetime.datetime | None = None
        self.multipart = None
        self.is_lazy = False
        self.tags = dict(metadata.tags)
        self._metadata = LowercaseDict(metadata.headers)
        self._metadata.update({_USER + name: value for name, value in metadata.user.items()})
        self._metadata["content-type"] = metadata.content_type or DEFAULT_CONTENT_TYPE
        for attribute in _ATTRIBUTES:
            setattr(self, attribute, metadata.attributes.get(attribute, _USUAL.get(attribute)))
        self._acl_text = str(metadata.attributes.get("acl", _PRIVATE))
        self._acl: Any = None

    @property
    def acl(self) -> Any:
        """The access control list; built when asked for."""
        if self._acl is None:
            self._acl = acl_from_text(self._acl_text)
        return self._acl

    @acl.setter
    def acl(self, acl: Any) -> None:
        self._acl, self._acl_text = acl, acl_text(acl)

    def describe(self) -> ObjectMetadata:
        """What the sidecar has to say of the object."""
        headers = {name.lower(): str(value) for name, value in self._metadata.items()}
        attributes: dict[str, str | int] = {
            name: value
            for name in _ATTRIBUTES
            if (value := getattr(self, name)) not in (None, "") and value != _USUAL.get(name)
        }
        if self._acl_text != _PRIVATE:
            attributes["acl"] = self._acl_text
        return ObjectMetadata(
            content_type=headers.get("content-type"),
            user={name[len(_USER) :]: value for name, value in headers.items() if name.startswith(_USER)},
            headers={name: headers[name] for name in _HEADERS if name in headers},
            tags=self.tags,
            etag=self._etag if "-" in self._etag else None,
            attributes=attributes,
        )

    @property
    def value(self) -> bytes | Content:
        """The bytes; as Content, which reads them when sent, where the response can take it."""
        if not self.contentsize:
            return b""
        content = self.content or Content.of(self.path.open("rb"))
        return content if self.is_lazy else b"".join(content)

    @value.setter
    def value(self, _value: bytes) -> None:
        self.contentsize = 0

    @property
    def response_dict(self) -> dict[str, Any]:
        headers: dict[str, Any] = super().response_dict
        if self.tags:
            headers["x-amz-tagging-count"] = str(len(self.tags))
        return headers

    def __deepcopy__(self, _memo: object) -> FileKey:
        return self

    def dispose(self, garbage: bool = False) -> None:
        """Nothing to give back: the file is the object."""

    def __del__(self) -> None:
        """Nothing to give back."""


class FileBucket(FakeBucket):  # type: ignore[misc]
    """A bucket's configuration (policy, CORS, notifications, ...), which lasts as long as the server."""

    def __new__(cls, *_args: object, **_named: object) -> FileBucket:
        return object.__new__(cls)

    def __init__(self, name: str, account: str, region: str, created: float) -> None:
        known = name in s3_backends.bucket_accounts
        super().__init__(name, account, region)
        if not known:
            # The names of moto's own, in-memory buckets stay free of ours.
            s3_backends.bucket_accounts.pop(name, None)
        self.creation_date = datetime.datetime.fromtimestamp(created, datetime.UTC)
        self.tags: dict[str, str] = {}


def stage_content(data: bytes | str | Content, target: Path) -> str:
    """Write the bytes to a new file and return their MD5 in hexadecimal."""
    digest = hashlib.md5(usedforsecurity=False)
    blocks = data if isinstance(data, Content) else [data.encode() if isinstance(data, str) else data]
    with target.open("xb") as stream:
        for block in blocks:
            digest.update(block)
            stream.write(block)
    return digest.hexdigest()


def acl_text(acl: Any) -> str:
    """An access control list as JSON: `[[[[id, uri, name], ...], [permission, ...]], ...]`."""
    grants = acl.grants if acl else []
    return json.dumps(
        [[[[g.id, g.uri, g.display_name] for g in grant.grantees], grant.permissions] for grant in grants]
    )


def acl_from_text(text: str) -> Any:
    """The access control list that `acl_text` wrote."""
    grants = [([FakeGrantee(*who) for who in grantees], allowed) for grantees, allowed in json.loads(text)]
    return FakeAcl([FakeGrant(grantees, allowed) for grantees, allowed in grants])


_PRIVATE = acl_text(get_canned_acl("private"))
