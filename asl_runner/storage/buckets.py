"""S3 buckets as directories and their objects as plain files."""

from __future__ import annotations

import contextlib
import mimetypes
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from asl_runner.storage import keys
from asl_runner.storage.lock import RootLock
from asl_runner.storage.metadata import ObjectMetadata, Sidecar, Sidecars, file_md5
from asl_runner.storage.names import BucketNotEmpty, NoSuchBucket, NoSuchKey, check_bucket_name, is_bucket_name
from asl_runner.storage.staging import remove_abandoned
from asl_runner.storage.tree import ObjectTree, storage_error

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
"""What S3 answers for an object whose type nobody named."""

_BLOCK = 1 << 20
_BEYOND = chr(0x10FFFF)
"""Appended to a prefix, the place behind (all but absurd) keys that start with it: their directories are not read."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as it was when looked at. `size` is in bytes, `mtime_ns` in nanoseconds since 1970."""

    bucket: str
    key: str
    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """An object with all that S3 answers to HEAD. `etag` is without quotes, `modified` in seconds since 1970."""

    info: ObjectInfo
    etag: str
    content_type: str
    metadata: ObjectMetadata

    @property
    def size(self) -> int:
        return self.info.size

    @property
    def modified(self) -> float:
        return self.info.mtime_ns / 1e9


class CommonPrefix(NamedTuple):
    """What S3 lists in place of all keys that share a beginning up to the delimiter."""

    prefix: str


class Buckets:
    """All buckets of a workspace: `root/<bucket>/<key>` is the object, as a plain file.

    Files put there by hand are objects. Metadata is optional and kept aside, in `root/.metadata`; half-written files
    are in `root/.staging`. Neither is a bucket, since a bucket's name starts with a letter or digit. Writes are atomic,
    and threads and processes may share a root. How keys become paths: `asl_runner.storage.keys`.
    """

    def __init__(self, root: Path) -> None:
        """`root` is created when first written to."""
        self.root = Path(os.path.realpath(root))
        self._exclusive = RootLock(self.root)
        self._swept = False

    # buckets

    def create_bucket(self, bucket: str) -> Path:
        """Make the bucket's directory (nothing happens if it exists) and return it. Raises InvalidBucketName."""
        directory = self._directory(bucket)
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"Cannot create the bucket {bucket}") from error
        return directory

    def delete_bucket(self, bucket: str) -> None:
        """Remove an empty bucket. Raises NoSuchBucket, BucketNotEmpty."""
        directory = self._existing(bucket)
        if next(self.list(bucket), None) is not None:
            raise BucketNotEmpty(f"The bucket {bucket} still holds objects; delete them first.")
        shutil.rmtree(directory)
        shutil.rmtree(self._metadata_directory(bucket), ignore_errors=True)

    def buckets(self) -> list[str]:
        """The names of all buckets, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if self._is_bucket(path))

    def exists(self, bucket: str) -> bool:
        """Whether there is such a bucket."""
        return self._is_bucket(self.root / bucket) if bucket else False

    # directories

    def download(self, bucket: str, prefix: str, directory: Path) -> list[Path]:
        """Copy every object with the prefix into a directory, as SageMaker fills a channel; returns the new files.

        The one object whose key is the prefix goes under its last segment; others keep the path they have beyond the
        prefix. Raises NoSuchBucket; the list is empty if nothing matches.
        """
        directory.mkdir(parents=True, exist_ok=True)
        tree = ObjectTree(Path(os.path.realpath(directory)), self._exclusive)
        written = []
        for info in self.list(bucket, prefix):
            relative = _relative_key(info.key, prefix)
            if relative:
                staged = self.stage(info.path)
                written.append(Path(tree.place(relative, staged)))
        return written

    def upload(self, directory: Path, bucket: str, prefix: str, *, create: bool = True) -> list[ObjectInfo]:
        """Store every regular file below a directory under `prefix/<path below the directory>`; returns the objects.

        Raises NoSuchBucket (only without `create`), InvalidKey, WorkspaceError.
        """
        self._writable(bucket, create)
        start = prefix if not prefix or prefix.endswith("/") else prefix + "/"
        tree = ObjectTree(Path(os.path.realpath(directory)), self._exclusive)
        return [self.put(bucket, start + key, Path(path)) for key, path in tree.walk()]

    # objects

    def path(self, bucket: str, key: str) -> Path:
        """The file that holds the object, for reading. Raises NoSuchBucket, NoSuchKey, InvalidKey."""
        found = self._tree(bucket).locate(key)
        if found is None:
            raise NoSuchKey(f"There is no object s3://{bucket}/{key}.")
        return Path(found)

    def info(self, bucket: str, key: str) -> ObjectInfo:
        """Where the object is, its size and its age. Raises NoSuchBucket, NoSuchKey, InvalidKey."""
        path = self.path(bucket, key)
        try:
            status = path.stat()
        except FileNotFoundError:
            raise NoSuchKey(f"There is no object s3://{bucket}/{key}.") from None
        return ObjectInfo(bucket, key, path, status.st_size, status.st_mtime_ns)

    def head(self, bucket: str, key: str) -> ObjectHead:
        """The object with its metadata. Raises NoSuchBucket, NoSuchKey, InvalidKey."""
        return self.describe(self.info(bucket, key))

    def describe(self, info: ObjectInfo) -> ObjectHead:
        """The metadata of an object that was just listed; the MD5 of a large one is computed once and then kept."""
        head, stream = self._read(info.bucket, info.key, info.path)
        stream.close()
        return head

    def read(self, bucket: str, key: str) -> tuple[ObjectHead, BinaryIO]:
        """The object's metadata and its bytes, both of one moment, however often it is replaced meanwhile.

        Raises NoSuchBucket, NoSuchKey, InvalidKey.
        """
        return self._read(bucket, key, self.path(bucket, key))

    def open(self, bucket: str, key: str) -> BinaryIO:
        """The object's bytes as a file open for reading. Raises NoSuchBucket, NoSuchKey, InvalidKey."""
        return _open(bucket, key, self.path(bucket, key))

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes | Path | BinaryIO,
        metadata: ObjectMetadata | None = None,
        *,
        create: bool = False,
    ) -> ObjectInfo:
        """Store bytes, the contents of a file, or the rest of an open file as the object, in one step.

        With `create` a missing bucket is made. Raises NoSuchBucket, InvalidKey, WorkspaceError.
        """
        self._writable(bucket, create)
        keys.check(key)
        staged = self.stage(data)
        try:
            return self.commit(bucket, key, staged, metadata)
        finally:
            staged.unlink(missing_ok=True)

    def put_file(
        self, bucket: str, key: str, path: Path, metadata: ObjectMetadata | None = None, *, create: bool = True
    ) -> ObjectInfo:
        """Copy a file into the bucket, which is made if it is missing. Raises as `put` does."""
        return self.put(bucket, key, path, metadata, create=create)

    def delete(self, bucket: str, key: str) -> bool:
        """Remove the object; False if there was none, which S3 does not count as an error. Raises NoSuchBucket."""
        with self._exclusive():
            removed = self._tree(bucket).remove(key)
            self._sidecars(bucket).remove(key)
        return removed

    def list(self, bucket: str, prefix: str = "", *, start_after: str = "") -> Iterator[ObjectInfo]:
        """The objects whose key starts with the prefix and is beyond `start_after`, by the keys' UTF-8 bytes.

        Raises NoSuchBucket.
        """
        for key, path in self._tree(bucket).walk(prefix, start_after):
            try:
                status = os.stat(path)
            except FileNotFoundError:
                continue
            yield ObjectInfo(bucket, key, Path(path), status.st_size, status.st_mtime_ns)

    def list_grouped(
        self, bucket: str, prefix: str = "", *, delimiter: str, start_after: str = ""
    ) -> Iterator[ObjectInfo | CommonPrefix]:
        """As `list`, with all keys that have the delimiter beyond the prefix folded into their CommonPrefix.

        A common prefix equal to `start_after` is left out, so that the last item of a page starts the next one.
        """
        last = start_after if start_after[len(prefix) :].endswith(delimiter) else None
        walk = self.list(bucket, prefix, start_after=start_after + _BEYOND if last else start_after)
        while (info := next(walk, None)) is not None:
            end = info.key.find(delimiter, len(prefix))
            if end < 0:
                yield info
                continue
            common = info.key[: end + len(delimiter)]
            if common != last:
                last = common
                yield CommonPrefix(common)
                walk = self.list(bucket, prefix, start_after=common + _BEYOND)

    # two-step writing, for who learns the metadata after the bytes

    def stage(self, data: bytes | Path | BinaryIO) -> Path:
        """Write the bytes to a file of their own, to be given to `commit`. Raises WorkspaceError."""
        staged = self.staging_path()
        try:
            if isinstance(data, Path):
                shutil.copyfile(data, staged)
            else:
                with staged.open("xb") as stream:
                    if isinstance(data, bytes | bytearray | memoryview):
                        stream.write(data)
                    else:
                        shutil.copyfileobj(data, stream, _BLOCK)
        except OSError as error:
            with contextlib.suppress(OSError):
                staged.unlink(missing_ok=True)
            # A copy that breaks off names both files; only the source, when it cannot be read at all.
            if isinstance(data, Path) and error.filename == str(data) and error.filename2 is None:
                raise
            raise storage_error(error, "Cannot write an object") from error
        return staged

    def staging_path(self) -> Path:
        """A path of its own for a file in the making, on the file system of the buckets."""
        directory = self.root / ".staging"
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, "Cannot write an object") from error
        if not self._swept:
            self._swept = True
            remove_abandoned(directory)
        return directory / uuid.uuid4().hex

    def commit(
        self, bucket: str, key: str, staged: Path, metadata: ObjectMetadata | None = None, *, md5: str | None = None
    ) -> ObjectInfo:
        """Make the staged file the object, in one step. `md5` spares computing it later."""
        tree = self._tree(bucket)
        keys.check(key)
        status = staged.stat()
        with self._exclusive():
            # The document names the file it belongs to, so it may come first: until the rename it fits no file.
            if metadata is not None or md5 is not None:
                described = Sidecar(key, status.st_size, status.st_mtime_ns, md5, metadata or ObjectMetadata())
                self._save(bucket, described)
            path = Path(tree.place(key, staged))
        return ObjectInfo(bucket, key, path, status.st_size, status.st_mtime_ns)

    def set_metadata(self, head: ObjectHead, metadata: ObjectMetadata) -> None:
        """Replace the metadata of an object that stays as it is; nothing happens if it was replaced meanwhile."""
        info = head.info
        md5 = None if head.metadata.etag else head.etag
        self._save_if_current(info, Sidecar(info.key, info.size, info.mtime_ns, md5, metadata))

    # inside

    def _read(self, bucket: str, key: str, path: Path) -> tuple[ObjectHead, BinaryIO]:
        stream = _open(bucket, key, path)
        status = os.fstat(stream.fileno())
        sidecar = self._sidecars(bucket).find(key)
        if sidecar is not None and not sidecar.is_of(status):
            # Either the object is just being replaced, or its file was changed by hand: with the lock it is certain.
            stream.close()
            with self._exclusive():
                path = self.path(bucket, key)
                stream = _open(bucket, key, path)
                status = os.fstat(stream.fileno())
                sidecar = self._sidecars(bucket).find(key)
        info = ObjectInfo(bucket, key, path, status.st_size, status.st_mtime_ns)
        if sidecar is None or not sidecar.is_of(status) or not (sidecar.md5 or sidecar.metadata.etag):
            is_worth_keeping = sidecar is not None or info.size > _BLOCK
            sidecar = _refreshed(sidecar, info, stream)
            if is_worth_keeping:
                self._save_if_current(info, sidecar)
        guessed = mimetypes.guess_type(key)[0] or DEFAULT_CONTENT_TYPE
        metadata = sidecar.metadata
        head = ObjectHead(info, metadata.etag or sidecar.md5 or "", metadata.content_type or guessed, metadata)
        return head, stream

    def _save_if_current(self, info: ObjectInfo, sidecar: Sidecar) -> None:
        with self._exclusive():
            try:
                status = info.path.stat()
            except FileNotFoundError:
                return
            if sidecar.is_of(status):
                self._save(info.bucket, sidecar)

    def _save(self, bucket: str, sidecar: Sidecar) -> None:
        try:
            self._sidecars(bucket).write(sidecar, self.staging_path())
        except OSError as error:
            raise storage_error(error, f"Cannot write the metadata of {sidecar.key!r}") from error

    def _directory(self, bucket: str) -> Path:
        check_bucket_name(bucket)
        return self.root / bucket

    def _is_bucket(self, path: Path) -> bool:
        return is_bucket_name(path.name) and path.is_dir() and not path.is_symlink()

    def _existing(self, bucket: str) -> Path:
        directory = self.root / bucket
        if not self._is_bucket(directory) or directory.name != bucket:
            known = ", ".join(self.buckets()) or "none yet"
            raise NoSuchBucket(f"There is no bucket {bucket!r} in {self.root} (buckets there: {known}).")
        return directory

    def _writable(self, bucket: str, create: bool) -> Path:
        return self.create_bucket(bucket) if create else self._existing(bucket)

    def _tree(self, bucket: str) -> ObjectTree:
        return ObjectTree(self._existing(bucket), self._exclusive)

    def _metadata_directory(self, bucket: str) -> Path:
        return self.root / ".metadata" / bucket

    def _sidecars(self, bucket: str) -> Sidecars:
        return Sidecars(self._metadata_directory(bucket))


def _open(bucket: str, key: str, path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise NoSuchKey(f"The object s3://{bucket}/{key} was just deleted.") from None


def _refreshed(sidecar: Sidecar | None, info: ObjectInfo, stream: BinaryIO) -> Sidecar:
    """The sidecar of a file whose MD5 is not known yet; what an older one says holds on if the bytes are the same."""
    md5 = file_md5(stream.fileno())
    blank = Sidecar(info.key, info.size, info.mtime_ns, md5)
    if sidecar is None:
        return blank
    same = sidecar.md5 == md5 or (sidecar.md5 is None and sidecar.mtime_ns == info.mtime_ns)
    return msgspec.structs.replace(blank, metadata=sidecar.metadata) if same and sidecar.size == info.size else blank


def _relative_key(key: str, prefix: str) -> str:
    """The key below the directory the prefix stands for (SageMaker reference, 3.5)."""
    if key == prefix:
        return key.rsplit("/", 1)[-1]
    beyond = key[len(prefix) :]
    if not prefix or prefix.endswith("/"):
        return beyond
    return beyond[1:] if beyond.startswith("/") else key[prefix.rfind("/") + 1 :]
