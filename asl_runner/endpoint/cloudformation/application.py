"""CloudFormation of one workspace as a WSGI application."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from moto.cloudformation.exceptions import ValidationError
from moto.core.request import Request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from asl_runner.endpoint.cloudformation.responses import Responses
from asl_runner.endpoint.cloudformation.stacks import Stacks


class _Request(Request):  # type: ignore[misc]
    from_wsgi_server = True


class CloudFormation:
    """Answers every request that is signed for CloudFormation.

    `client` gives boto3's client of a service on this endpoint; `home` is the workspace's region.
    """

    def __init__(self, client: Callable[[str], Any], *, home: str) -> None:
        self._client, self._home = client, home
        self._stacks: dict[tuple[str, str], Stacks] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = _Request(environ)
        try:
            status, headers, body = Responses(self.stacks)._dispatch(request, request.raw_url, dict(request.headers))
        except HTTPException as error:
            return error.get_response(environ)(environ, start_response)
        return Response(body, status=status, headers=headers)(environ, start_response)

    def stacks(self, region: str, account: str) -> Stacks:
        """The stacks of a region."""
        with self._lock:
            if (region, account) not in self._stacks:
                self._stacks[region, account] = Stacks(
                    region, account, home=self._home, client=self._client, template_at=self.template_at
                )
            return self._stacks[region, account]

    def template_at(self, url: str) -> str:
        """The template at a URL of S3, in the workspace's files. Raises moto's `ValidationError`."""
        bucket, key = _place(url)
        try:
            text: bytes = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
            return text.decode()
        except (ClientError, BotoCoreError, UnicodeDecodeError) as error:
            raise ValidationError(message=f"The template at {url} cannot be read: {error}") from error


def _place(url: str) -> tuple[str, str]:
    """Bucket and key of a URL with the bucket in the path or before the host."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    if parts.scheme == "s3":
        return host, path
    before, s3, _ = host.partition(".s3")
    if s3 and before:
        return before, path
    bucket, _, key = path.partition("/")
    return bucket, key
