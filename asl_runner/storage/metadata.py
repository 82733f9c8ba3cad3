"""What is known of an object besides its bytes: optional, kept aside, and believed only while it fits the file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

_BLOCK = 1 << 20


class ObjectMetadata(msgspec.Struct, frozen=True, omit_defaults=True):
    """Metadata of an object as S3 keeps them.

    `content_type` None means guessed from the key's suffix. `user` holds `x-amz-meta-*` without that prefix, `headers`
    the other headers S3 stores (`cache-control`, ...), all names in lower case. `etag` is without quotes and set
    only when it is not the MD5 of the bytes (an upload in parts). `attributes` is for the S3 protocol: storage class,
    encryption, checksums.
    """

    content_type: str | None = None
    user: dict[str, str] = {}
    headers: dict[str, str] = {}
    tags: dict[str, str] = {}
    etag: str | None = None
    attributes: dict[str, str | int] = {}


class Sidecar(msgspec.Struct, frozen=True, omit_defaults=True):
    """The document kept for one object: which file it describes, and how."""

    key: str
    size: int
    mtime_ns: int
    md5: str | None = None
    metadata: ObjectMetadata = ObjectMetadata()

    def is_of(self, status: os.stat_result) -> bool:
        """Whether this file is the one described, by its size and modification time."""
        return self.size == status.st_size and self.mtime_ns == status.st_mtime_ns


class Sidecars:
    """The documents of one bucket, one small JSON file per object, named by a digest of its key.

    A document is believed only while the object's file still has the size and the modification time it names, or, if
    only the time differs (the workspace was copied), the same MD5. A file replaced by hand thus loses its old metadata.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(self, key: str) -> Sidecar | None:
        """The document kept for the key, whatever file it describes; an unreadable one counts as absent."""
        try:
            found = msgspec.json.decode(self._path(key).read_bytes(), type=Sidecar)
        except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
            return None
        return found if found.key == key else None

    def write(self, sidecar: Sidecar, staging: Path) -> None:
        """Store the document atomically. `staging` is a path that does not exist yet, on the same file system."""
        target = self._path(sidecar.key)
        staging.write_bytes(msgspec.json.encode(sidecar))
        try:
            os.replace(staging, target)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging, target)

    def remove(self, key: str) -> None:
        """Forget the document, if there is one."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._directory / digest[:2] / f"{digest[2:34]}.json"


def file_md5(descriptor: int) -> str:
    """The MD5 of an open file in hexadecimal, which is the ETag of an object that was put in one piece."""
    digest = hashlib.md5(usedforsecurity=False)
    position = 0
    while block := os.pread(descriptor, _BLOCK, position):
        digest.update(block)
        position += len(block)
    return digest.hexdigest()
