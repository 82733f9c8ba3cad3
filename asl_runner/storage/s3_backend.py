"""moto's S3 backend over the workspace's buckets: one short-lived instance per request, nothing kept in memory."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from moto.s3 import notifications
from moto.s3.exceptions import BucketAlreadyExists, InvalidContinuationToken, MissingBucket, S3ClientError
from moto.s3.models import STORAGE_CLASS, InvalidStorageClass, S3Backend

from asl_runner.storage.buckets import Buckets, CommonPrefix, ObjectHead, ObjectInfo
from asl_runner.storage.metadata import ObjectMetadata
from asl_runner.storage.names import NoSuchKey, check_bucket_name
from asl_runner.storage.s3_objects import ENCRYPTION, Content, FileBucket, FileKey, stage_content
from asl_runner.storage.s3_uploads import Uploads
from asl_runner.storage.tree import storage_error

_Event = notifications.S3NotificationEvent


class S3State:
    """What all requests share: the buckets' files and their configuration, which lasts as long as the server."""

    def __init__(self, buckets: Buckets, *, account: str, region: str) -> None:
        self.buckets, self.account, self.region = buckets, account, region
        self.uploads = Uploads(buckets)
        self.configurations: dict[str, FileBucket] = {}


class FileBackend(S3Backend):  # type: ignore[misc]
    """S3 for one request. Objects it makes or changes are written by `commit`, in one step each, or not at all."""

    def __init__(self, state: S3State, partition: str) -> None:
        super().__init__(partition, state.account)
        self._state, self._buckets, self._uploads = state, state.buckets, state.uploads
        self._seen: dict[tuple[str, str], tuple[FileKey, ObjectHead, ObjectMetadata]] = {}
        self._staged: dict[tuple[str, str], tuple[FileKey, str]] = {}
        self.quotes_prefixes = False

    def commit(self) -> None:
        """Write what the request has made and changed. Raises WorkspaceError."""
        for (bucket, name), (key, md5) in self._staged.items():
            self._buckets.commit(bucket, name, key.path, key.describe(), md5=md5)
        self._staged.clear()
        for key, head, before in self._seen.values():
            after = key.describe()
            if after != before:
                self._buckets.set_metadata(head, after)
        self._seen.clear()

    def discard(self) -> None:
        """Drop what was not committed."""
        for key, _ in self._staged.values():
            key.path.unlink(missing_ok=True)

    def reset(self) -> None:
        """Nothing to reset: the files are the state."""

    # buckets

    def create_bucket(self, bucket_name: str, region_name: str, bucket_namespace: str | None = None) -> FileBucket:
        check_bucket_name(bucket_name)
        if self._buckets.exists(bucket_name):
            raise BucketAlreadyExists(bucket=bucket_name)
        self._buckets.create_bucket(bucket_name)
        bucket = self._configuration(bucket_name)
        bucket.region_name, bucket.bucket_namespace = region_name, bucket_namespace
        return bucket

    def list_buckets(
        self, prefix: str | None = None, bucket_region: str | None = None, max_buckets: str | None = None
    ) -> list[FileBucket]:
        found = [self._configuration(name) for name in self._buckets.buckets() if name.startswith(prefix or "")]
        chosen = [bucket for bucket in found if bucket_region in (None, bucket.region_name)]
        return chosen[: int(max_buckets)] if max_buckets else chosen

    def get_bucket(self, bucket_name: str) -> FileBucket:
        if not self._buckets.exists(bucket_name):
            raise MissingBucket(bucket=bucket_name)
        return self._configuration(bucket_name)

    def delete_bucket(self, bucket_name: str) -> FileBucket | None:
        bucket = self.get_bucket(bucket_name)
        if next(self._buckets.list(bucket_name), None) is not None:
            return None
        self._buckets.delete_bucket(bucket_name)
        self._state.configurations.pop(bucket_name, None)
        return bucket

    def put_bucket_versioning(self, bucket_name: str, status: str) -> None:
        if status == "Enabled":
            raise S3ClientError("NotImplemented", "Buckets of a local workspace keep one version of each object.")

    def put_bucket_tagging(self, bucket_name: str, tags: dict[str, str]) -> None:
        super().put_bucket_tagging(bucket_name, tags)
        self.get_bucket(bucket_name).tags = dict(tags)

    def get_bucket_tagging(self, bucket_name: str) -> dict[str, list[dict[str, str]]]:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.get_bucket(bucket_name).tags.items()]}

    def delete_bucket_tagging(self, bucket_name: str) -> None:
        self.get_bucket(bucket_name).tags = {}

    def _configuration(self, name: str) -> FileBucket:
        known = self._state.configurations.get(name)
        if known is None:
            created = (self._buckets.root / name).stat().st_mtime
            known = FileBucket(name, self._state.account, self._state.region, created)
            known.keys = _KeyFiles(self, name)
            known = self._state.configurations.setdefault(name, known)
        return known

    # objects

    def put_object(
        self,
        bucket_name: str,
        key_name: str,
        value: bytes | Content,
        storage: str | None = None,
        etag: str | None = None,
        multipart: object = None,
        encryption: str | None = None,
        kms_key_id: str | None = None,
        bucket_key_enabled: Any = None,
        lock_mode: str | None = None,
        lock_legal_status: str | None = None,
        lock_until: str | None = None,
        checksum_value: str | None = None,
        request_method: str | None = "PUT",
        disable_notification: bool | None = False,
    ) -> FileKey:
        if storage is not None and storage not in STORAGE_CLASS:
            raise InvalidStorageClass(storage=storage)
        bucket = self.get_bucket(bucket_name)
        staged = self._buckets.staging_path()
        try:
            md5 = stage_content(value, staged)
        except OSError as error:
            staged.unlink(missing_ok=True)
            raise storage_error(error, f"Cannot write the object {key_name!r}") from error
        key = self._stage(bucket_name, key_name, staged, etag or md5, md5)
        rule = (bucket.encryption or {}).get("Rule", {})
        usual = rule.get("ApplyServerSideEncryptionByDefault", {})
        key._storage_class = storage or "STANDARD"
        key.encryption = encryption or usual.get("SSEAlgorithm") or ENCRYPTION
        key.kms_key_id = kms_key_id or usual.get("KMSMasterKeyID")
        key.bucket_key_enabled = bucket_key_enabled or rule.get("BucketKeyEnabled")
        key.lock_mode, key.lock_legal_status, key.lock_until = lock_mode, lock_legal_status, lock_until
        key.checksum_value = checksum_value
        if not disable_notification:
            posted = request_method == "POST"
            event = _Event.OBJECT_CREATED_POST_EVENT if posted else _Event.OBJECT_CREATED_PUT_EVENT
            notifications.send_event(self.account_id, event, bucket, key)
        return key

    def get_object(
        self,
        bucket_name: str,
        key_name: str,
        version_id: str | None = None,
        part_number: str | None = None,
        return_delete_marker: bool = False,
    ) -> FileKey | None:
        self.get_bucket(bucket_name)
        place = (bucket_name, key_name)
        if version_id not in (None, "null"):
            return None
        if place in self._staged:
            return self._staged[place][0]
        if place not in self._seen:
            try:
                head, stream = self._buckets.read(bucket_name, key_name)
            except NoSuchKey:
                return None
            key = self._key(head, Content.of(stream))
            self._seen[place] = key, head, key.describe()
        return self._seen[place][0]

    def delete_object(
        self, bucket_name: str, key_name: str, version_id: str | None = None, bypass: bool = False
    ) -> tuple[bool, dict[str, Any]]:
        bucket = self.get_bucket(bucket_name)
        key = self.get_object(bucket_name, key_name)
        self._seen.pop((bucket_name, key_name), None)
        if key is None or not self._buckets.delete(bucket_name, key_name):
            return False, {}
        notifications.send_event(self.account_id, _Event.OBJECT_REMOVED_DELETE_EVENT, bucket, key)
        return True, {}

    def copy_object(self, src_key: FileKey, dest_bucket_name: str, dest_key_name: str, **options: Any) -> None:
        src_key.is_lazy = True
        super().copy_object(src_key, dest_bucket_name, dest_key_name, **options)
        self._staged[dest_bucket_name, dest_key_name][0].tags = dict(src_key.tags)

    def put_object_tagging(self, key: FileKey, tags: dict[str, str] | None) -> FileKey:
        super().put_object_tagging(key, tags)
        key.tags = dict(tags or {})
        return key

    def get_object_tagging(self, key: FileKey) -> dict[str, list[dict[str, str]]]:
        return {"Tags": [{"Key": name, "Value": value} for name, value in key.tags.items()]}

    def delete_object_tagging(self, bucket_name: str, key_name: str, version_id: str | None = None) -> None:
        super().delete_object_tagging(bucket_name, key_name, version_id)
        if key := self.get_object(bucket_name, key_name, version_id):
            key.tags = {}

    def _load(self, info: ObjectInfo) -> FileKey:
        return self._key(self._buckets.describe(info), None)

    def _key(self, head: ObjectHead, content: Content | None) -> FileKey:
        info = head.info
        key = FileKey(
            self, info.bucket, info.key, info.path, etag=head.etag, metadata=head.metadata, size=head.size,
            modified=head.modified, content=content,
        )  # fmt: skip
        key._metadata["content-type"] = head.content_type
        return key

    def _stage(self, bucket: str, name: str, path: Path, etag: str, md5: str) -> FileKey:
        key = self._file_key(bucket, name, path, etag)
        self._seen.pop((bucket, name), None)
        self._staged[bucket, name] = key, md5
        return key

    def _file_key(self, bucket: str, name: str | int, path: Path, etag: str) -> FileKey:
        status = path.stat()
        return FileKey(
            self,
            bucket,
            name,
            path,
            etag=etag,
            metadata=ObjectMetadata(),
            size=status.st_size,
            modified=status.st_mtime,
        )

    # listings

    def list_objects(
        self, bucket: FileBucket, prefix: str | None, delimiter: str | None, marker: str | None, max_keys: int | None
    ) -> tuple[list[FileKey], list[str], bool, str | None]:
        page, truncated = self._page(bucket.name, prefix, delimiter, marker or "", max_keys)
        found = [item for item in page if isinstance(item, FileKey)]
        folders = [item for item in page if isinstance(item, str)]
        # Source: Amazon S3 API Reference, ListObjects: NextMarker comes with a delimiter only.
        marker = _name(page[-1]) if truncated and delimiter else None
        if self.quotes_prefixes:
            return found, [quote(folder) for folder in folders], truncated, quote(marker) if marker else None
        return found, folders, truncated, marker

    def list_objects_v2(
        self,
        bucket: FileBucket,
        prefix: str | None,
        delimiter: str | None,
        continuation_token: str | None,
        start_after: str | None,
        max_keys: int,
    ) -> tuple[list[FileKey | str], bool, str | None]:
        after = _from_token(continuation_token) if continuation_token else start_after or ""
        page, truncated = self._page(bucket.name, prefix, delimiter, after, max_keys)
        return page, truncated, _to_token(_name(page[-1])) if truncated else None

    def _page(
        self, bucket: str, prefix: str | None, delimiter: str | None, after: str, max_keys: int | None
    ) -> tuple[list[FileKey | str], bool]:
        if max_keys == 0:
            return [], False
        items: Iterator[ObjectInfo | CommonPrefix] = (
            self._buckets.list_grouped(bucket, prefix or "", delimiter=delimiter, start_after=after)
            if delimiter
            else self._buckets.list(bucket, prefix or "", start_after=after)
        )
        page: list[FileKey | str] = []
        for item in islice(items, max_keys):
            try:
                page.append(item.prefix if isinstance(item, CommonPrefix) else self._load(item))
            except (NoSuchKey, FileNotFoundError):
                continue
        return page, bool(page) and next(items, None) is not None


class _KeyFiles:
    """The little of moto's key store that its own code still asks a bucket for."""

    def __init__(self, backend: FileBackend, bucket: str) -> None:
        self._backend, self._bucket = backend, bucket

    def iterlists(self) -> Iterator[tuple[str, list[FileKey]]]:
        """Each key with its versions, of which there is one."""
        for info in self._backend._buckets.list(self._bucket):
            yield info.key, [self._backend._load(info)]

    def item_size(self) -> int:
        return sum(info.size for info in self._backend._buckets.list(self._bucket))

    def __len__(self) -> int:
        return sum(1 for _ in self._backend._buckets.list(self._bucket))


def _name(item: FileKey | str) -> str:
    return item if isinstance(item, str) else str(item.name)


def _to_token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def _from_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, UnicodeEncodeError):
        raise InvalidContinuationToken from None
