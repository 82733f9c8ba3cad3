"""moto's S3 backend, continued: uploads in parts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from moto.s3 import notifications

from asl_runner.storage.names import NoSuchKey
from asl_runner.storage.s3_backend import FileBackend, S3State
from asl_runner.storage.s3_objects import ENCRYPTION, Content, FileKey, acl_from_text, acl_text
from asl_runner.storage.s3_uploads import Part, Upload


class PartsBackend(FileBackend):
    """All of S3 for one request."""

    def __init__(self, state: S3State, partition: str) -> None:
        super().__init__(state, partition)
        self._completed: list[Upload] = []

    def commit(self) -> None:
        super().commit()
        for upload in self._completed:
            self._uploads.end(upload)

    def create_multipart_upload(
        self,
        bucket_name: str,
        key_name: str,
        metadata: Any,
        storage_type: str,
        tags: dict[str, str],
        acl: Any,
        sse_encryption: str,
        kms_key_id: str,
    ) -> Upload:
        self.get_bucket(bucket_name)
        headers = {name.lower(): str(value) for name, value in metadata.items()}
        allowed = acl_text(acl) if acl else None
        upload = Upload(
            uuid.uuid4().hex, bucket_name, key_name, headers, storage_type, tags, allowed, sse_encryption, kms_key_id
        )
        self._uploads.begin(upload)
        return upload

    def abort_multipart_upload(self, bucket_name: str, multipart_id: str) -> None:
        self._uploads.end(self._upload(bucket_name, multipart_id))

    def list_multipart_uploads(self, bucket_name: str) -> dict[str, Upload]:
        self.get_bucket(bucket_name)
        return {upload.id: upload for upload in self._uploads.of_bucket(bucket_name)}

    def list_parts(
        self, bucket_name: str, multipart_id: str, part_number_marker: int = 0, max_parts: int = 1000
    ) -> list[FileKey]:
        upload = self._upload(bucket_name, multipart_id)
        parts = [part for part in self._uploads.parts(upload) if part.number > part_number_marker]
        return [self._part_key(bucket_name, part) for part in parts[:max_parts]]

    def is_truncated(self, bucket_name: str, multipart_id: str, next_part_number_marker: int) -> bool:
        upload = self._upload(bucket_name, multipart_id)
        return any(part.number > next_part_number_marker for part in self._uploads.parts(upload))

    def upload_part(self, bucket_name: str, multipart_id: str, part_id: int, value: bytes | Content) -> FileKey:
        upload = self._upload(bucket_name, multipart_id)
        return self._part_key(bucket_name, self._uploads.put_part(upload, part_id, value))

    def upload_part_copy(
        self,
        dest_bucket_name: str,
        multipart_id: str,
        part_id: int,
        src_bucket_name: str,
        src_key_name: str,
        src_version_id: str | None,
        start_byte: int | None,
        end_byte: int | None,
    ) -> FileKey:
        source = self.get_object(src_bucket_name, src_key_name, src_version_id)
        if source is None:
            raise NoSuchKey(f"There is no object s3://{src_bucket_name}/{src_key_name}.")
        source.is_lazy = True
        whole = source.value
        value = whole if start_byte is None or end_byte is None else whole[start_byte : end_byte + 1]
        return self.upload_part(dest_bucket_name, multipart_id, part_id, value)

    def complete_multipart_upload(
        self, bucket_name: str, multipart_id: str, body: Iterator[tuple[int, str]]
    ) -> FileKey:
        bucket = self.get_bucket(bucket_name)
        upload = self._upload(bucket_name, multipart_id)
        made = self._uploads.assemble(upload, body)
        key = self._stage(bucket_name, upload.key_name, made.path, made.etag, made.md5)
        key.set_metadata(dict(upload.metadata))
        key._storage_class = upload.storage or "STANDARD"
        key.encryption, key.kms_key_id = upload.encryption or ENCRYPTION, upload.kms_key_id
        key.acl = acl_from_text(upload.acl) if upload.acl else bucket.acl
        if made.checksum:
            key.checksum_algorithm = upload.metadata.get("x-amz-checksum-algorithm")
            key.checksum_type, key.checksum_value, key.checksum_parts = made.checksum
        self.put_object_tagging(key, upload.tags)
        self._completed.append(upload)
        event = notifications.S3NotificationEvent.OBJECT_CREATED_COMPLETE_MULTIPART_UPLOAD_EVENT
        notifications.send_event(self.account_id, event, bucket, key)
        return key

    def _upload(self, bucket_name: str, upload_id: str) -> Upload:
        self.get_bucket(bucket_name)
        return self._uploads.find(bucket_name, upload_id)

    def _part_key(self, bucket: str, part: Part) -> FileKey:
        return self._file_key(bucket, part.number, part.path, part.md5)
