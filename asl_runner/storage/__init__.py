"""S3 at home: objects are plain files, served to boto3 clients as well."""

from asl_runner.storage.buckets import Buckets, CommonPrefix, ObjectHead, ObjectInfo
from asl_runner.storage.keys import InvalidKey
from asl_runner.storage.metadata import ObjectMetadata
from asl_runner.storage.names import BucketNotEmpty, InvalidBucketName, NoSuchBucket, NoSuchKey, S3Uri, parse_uri
from asl_runner.storage.server import LocalAws

__all__ = [
    "BucketNotEmpty",
    "Buckets",
    "CommonPrefix",
    "InvalidBucketName",
    "InvalidKey",
    "LocalAws",
    "NoSuchBucket",
    "NoSuchKey",
    "ObjectHead",
    "ObjectInfo",
    "ObjectMetadata",
    "S3Uri",
    "parse_uri",
]
