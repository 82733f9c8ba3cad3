"""Names of buckets and objects: what is allowed, `s3://` URIs, and what is said when something is not there."""

from __future__ import annotations

import re
from typing import NamedTuple

from asl_runner.errors import NotFound, UsageError

_BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")


class NoSuchBucket(NotFound):
    """There is no bucket of this name in the workspace."""


class NoSuchKey(NotFound):
    """The bucket holds no object with this key."""


class InvalidBucketName(UsageError):
    """S3 does not allow this name for a bucket."""


class BucketNotEmpty(UsageError):
    """A bucket that holds objects is not deleted."""


class S3Uri(NamedTuple):
    """`s3://bucket/key`, taken apart; the key may be empty or a prefix."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse_uri(uri: str) -> S3Uri:
    """Take `s3://bucket/key` apart. Raises UsageError when the text is no such URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise UsageError(f"{uri!r} is not an S3 URI; expected the form s3://bucket/key.")
    return S3Uri(bucket, key)


def is_bucket_name(name: str) -> bool:
    """Whether S3 allows the name (Amazon S3 User Guide, "General purpose bucket naming rules")."""
    return _BUCKET_NAME.fullmatch(name) is not None


def check_bucket_name(name: str) -> None:
    """Raise InvalidBucketName unless S3 allows the name."""
    if not is_bucket_name(name):
        raise InvalidBucketName(
            f"{name!r} is not a name for a bucket; S3 wants 3 to 63 lower-case letters, digits, hyphens and single "
            "dots, with a letter or digit first and last."
        )
