"""The objects of S3 at AWS, by the SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from asl_runner.expressions.environment import Json
from asl_runner.resources.aws.errors import ATTEMPTS, Refusal
from asl_runner.resources.datasets.objects import CONTENT_TYPE, Listed, ObjectsRefused

if TYPE_CHECKING:
    from asl_runner.resources.aws.clients import AwsClients

T = TypeVar("T")

_BLOCK = 1 << 20


class AwsObjects:
    """The objects the clients' account can reach."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    def open(self, bucket: str, key: str, more: Mapping[str, Json]) -> BinaryIO:
        """The bytes of an object, downloaded to a nameless file first: a connection does not wait for child executions.

        Raises `ObjectsRefused`.
        """
        with ExitStack() as stack:
            file = stack.enter_context(TemporaryFile())
            _asked(lambda: self._download(file, {**more, "Bucket": bucket, "Key": key}))
            stack.pop_all()
        return cast(BinaryIO, file)

    def _download(self, file: Any, request: dict[str, Any]) -> None:
        answer = self._clients.client("s3").get_object(**request)
        with closing(answer["Body"]) as body:
            for block in body.iter_chunks(_BLOCK):
                file.write(block)
        file.seek(0)

    def list(self, bucket: str, prefix: str, more: Mapping[str, Json]) -> Iterator[Listed]:
        """The objects with a prefix, page by page. Raises `ObjectsRefused`."""
        paginator = self._clients.client("s3").get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(**more, Bucket=bucket, Prefix=prefix))
        while (page := _asked(lambda: next(pages, None))) is not None:
            for found in page.get("Contents", ()):
                yield Listed(
                    found["Key"],
                    found["ETag"],
                    int(found["LastModified"].timestamp()),
                    found["Size"],
                    found.get("StorageClass", "STANDARD"),
                )

    def put(self, bucket: str, key: str, data: bytes | Path) -> None:
        """Writes an object. Raises `ObjectsRefused`."""
        client = self._clients.client("s3")
        request = {"Bucket": bucket, "Key": key, "ContentType": CONTENT_TYPE}
        if isinstance(data, bytes):
            _asked(lambda: client.put_object(**request, Body=data))
            return
        with data.open("rb") as file:
            _asked(lambda: client.put_object(**request, Body=file))


def _asked(ask: Callable[[], T]) -> T:
    """What a call gives; what the SDK raises becomes `ObjectsRefused`."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return ask()
    except ClientError as error:
        raise ObjectsRefused.by(Refusal.of(error.response)) from error
    except BotoCoreError as error:
        raise ObjectsRefused(f"Unable to execute HTTP request: {error}{ATTEMPTS}") from error
