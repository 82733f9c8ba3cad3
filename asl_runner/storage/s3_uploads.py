"""Uploads in parts: every part is a file of its own until the upload is completed, so none is held in memory."""

from __future__ import annotations

import base64
import binascii
import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML, NoSuchUpload
from moto.settings import S3_UPLOAD_PART_MIN_SIZE

from asl_runner.storage.buckets import Buckets
from asl_runner.storage.s3_objects import BLOCK, Content, stage_content
from asl_runner.storage.tree import storage_error


class Upload(msgspec.Struct, frozen=True):
    """What was said when the upload began. `metadata` are the request's headers, in lower case."""

    id: str
    bucket: str
    key_name: str
    metadata: dict[str, str]
    storage: str | None = None
    tags: dict[str, str] | None = None
    acl: str | None = None
    encryption: str | None = None
    kms_key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One uploaded part: its number, its MD5 and the file that holds it."""

    number: int
    md5: str
    path: Path


@dataclass(frozen=True, slots=True)
class Assembled:
    """All parts in one staged file. `checksum` is (type, base64 text, number of parts), None if none is asked for."""

    path: Path
    etag: str
    md5: str
    checksum: tuple[str, str, int] | None


class Uploads:
    """The uploads in progress, as directories under `root/.uploads`."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._root = buckets.root / ".uploads"

    def begin(self, upload: Upload) -> None:
        """Start an upload under its id. Raises WorkspaceError."""
        try:
            self._directory(upload.id).mkdir(parents=True)
            (self._directory(upload.id) / "upload.json").write_bytes(msgspec.json.encode(upload))
        except OSError as error:
            raise storage_error(error, f"Cannot begin the upload of {upload.key_name!r}") from error

    def find(self, bucket: str, upload_id: str) -> Upload:
        """The upload; raises moto's NoSuchUpload if it is unknown, completed or aborted."""
        try:
            upload = msgspec.json.decode((self._directory(upload_id) / "upload.json").read_bytes(), type=Upload)
        except (FileNotFoundError, NotADirectoryError):
            raise NoSuchUpload(upload_id=upload_id) from None
        if upload.bucket != bucket:
            raise NoSuchUpload(upload_id=upload_id)
        return upload

    def of_bucket(self, bucket: str) -> list[Upload]:
        """All uploads in progress for a bucket, by key."""
        names = sorted(path.parent.name for path in self._root.glob("*/upload.json"))
        found = (msgspec.json.decode((self._root / name / "upload.json").read_bytes(), type=Upload) for name in names)
        return sorted((upload for upload in found if upload.bucket == bucket), key=lambda upload: upload.key_name)

    def put_part(self, upload: Upload, number: int, data: bytes | Content) -> Part:
        """Keep one part, in place of an earlier one with this number. Raises WorkspaceError."""
        staged = self._buckets.staging_path()
        try:
            md5 = stage_content(data, staged)
            path = self._directory(upload.id) / f"{number:05}-{md5}"
            earlier = [part.path for part in self.parts(upload) if part.number == number]
            staged.replace(path)
        except OSError as error:
            staged.unlink(missing_ok=True)
            raise storage_error(error, f"Cannot keep a part of {upload.key_name!r}") from error
        for old in earlier:
            if old != path:
                old.unlink(missing_ok=True)
        return Part(number, md5, path)

    def parts(self, upload: Upload) -> list[Part]:
        """The parts that have arrived, by number."""
        names = sorted(path.name for path in self._directory(upload.id).glob("?????-*"))
        return [Part(int(name[:5]), name[6:], self._directory(upload.id) / name) for name in names]

    def assemble(self, upload: Upload, wanted: Iterable[tuple[int, str]]) -> Assembled:
        """Write the wanted (number, ETag) parts one after the other into a staged file.

        Raises moto's InvalidPart, EntityTooSmall, MalformedXML as S3 answers them; WorkspaceError.
        """
        parts = self._choose(upload, wanted)
        staged = self._buckets.staging_path()
        whole = hashlib.md5(usedforsecurity=False)
        checksum = _Checksum.for_upload(upload)
        try:
            with staged.open("xb") as stream:
                for part in parts:
                    for block in _blocks(part.path):
                        stream.write(block)
                        whole.update(block)
                        checksum.update(block)
                    checksum.end_part()
        except OSError as error:
            staged.unlink(missing_ok=True)
            raise storage_error(error, f"Cannot put the parts of {upload.key_name!r} together") from error
        of_parts = hashlib.md5(b"".join(bytes.fromhex(part.md5) for part in parts), usedforsecurity=False)
        return Assembled(staged, f"{of_parts.hexdigest()}-{len(parts)}", whole.hexdigest(), checksum.result())

    def end(self, upload: Upload) -> None:
        """Forget the upload and its parts."""
        shutil.rmtree(self._directory(upload.id), ignore_errors=True)

    def _choose(self, upload: Upload, wanted: Iterable[tuple[int, str]]) -> list[Part]:
        present = {part.number: part for part in self.parts(upload)}
        chosen: list[Part] = []
        for number, etag in wanted:
            part = present.get(number)
            if part is None or part.md5 != etag.replace('"', ""):
                raise InvalidPart
            if chosen and chosen[-1].path.stat().st_size < S3_UPLOAD_PART_MIN_SIZE:
                raise EntityTooSmall
            chosen.append(part)
        if not chosen:
            raise MalformedXML
        return chosen

    def _directory(self, upload_id: str) -> Path:
        try:
            return self._root / uuid.UUID(hex=upload_id).hex
        except ValueError:
            raise NoSuchUpload(upload_id=upload_id) from None


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            yield block


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    """CRC32 with the interface of hashlib."""

    def __init__(self, data: bytes = b"") -> None:
        self._value = binascii.crc32(data)

    def update(self, data: bytes) -> None:
        self._value = binascii.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_DIGESTS: dict[str, Callable[[], Any]] = {"CRC32": _Crc32, "SHA1": hashlib.sha1, "SHA256": hashlib.sha256}


class _Checksum:
    """The additional checksum of an upload, over the whole (FULL_OBJECT) or over its parts' digests (COMPOSITE).

    Algorithms the standard library lacks (CRC32C, CRC64NVME) are left out rather than answered wrongly; S3 answers a
    checksum only when it has one. Source: Amazon S3 User Guide, "Checking object integrity".
    """

    def __init__(self, new: Callable[[], _Digest] | None, kind: str) -> None:
        self._new, self._kind = new, kind
        self._current = new() if new else None
        self._of_parts: list[bytes] = []

    @classmethod
    def for_upload(cls, upload: Upload) -> _Checksum:
        kind = upload.metadata.get("x-amz-checksum-type") or "COMPOSITE"
        return cls(_DIGESTS.get(upload.metadata.get("x-amz-checksum-algorithm", "")), kind)

    def update(self, block: bytes) -> None:
        if self._current:
            self._current.update(block)

    def end_part(self) -> None:
        if self._new and self._current and self._kind == "COMPOSITE":
            self._of_parts.append(self._current.digest())
            self._current = self._new()

    def result(self) -> tuple[str, str, int] | None:
        if not self._new or not self._current:
            return None
        digest = self._current
        if self._kind == "COMPOSITE":
            digest.update(b"".join(self._of_parts))
        return self._kind, base64.b64encode(digest.digest()).decode(), max(1, len(self._of_parts))
