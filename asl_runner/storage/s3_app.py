"""S3 over HTTP: moto's protocol code, answering from the workspace's files, as a WSGI application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import escape

from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    Request,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from moto.s3.exceptions import MissingBucket, MissingKey, S3ClientError
from moto.s3.responses import S3Response
from moto.utilities.utils import get_partition
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from asl_runner.errors import WorkspaceError
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.keys import InvalidKey
from asl_runner.storage.names import InvalidBucketName, NoSuchBucket, NoSuchKey
from asl_runner.storage.s3_backend import S3State
from asl_runner.storage.s3_objects import Content
from asl_runner.storage.s3_parts import PartsBackend

StartResponse = Callable[..., Any]
_XML = "application/xml"


class FileS3Response(S3Response):  # type: ignore[misc]
    """One S3 request. Its changes are written when it has succeeded."""

    def __init__(self, state: S3State) -> None:
        super().__init__()
        self._state = state
        self._backend: PartsBackend | None = None

    @property
    def backend(self) -> PartsBackend:
        if self._backend is None:
            self._backend = PartsBackend(self._state, get_partition(self.region))
        return self._backend

    def get_current_account(self) -> str:
        return self._state.account

    def key_response(self, request: Any, full_url: str, headers: dict[str, Any]) -> Any:
        with self._settled():
            return super().key_response(request, full_url, headers)

    def bucket_response(self, request: Any, full_url: str, headers: Any) -> Any:
        with self._settled():
            return super().bucket_response(request, full_url, headers)

    def list_objects(self) -> Any:
        # moto leaves the common prefixes of the first list API as they are, whatever encoding was asked for.
        self.backend.quotes_prefixes = self.querystring.get("encoding-type", [None])[0] == "url"
        return super().list_objects()

    def _key_response(self, request: Any, full_url: str) -> Any:
        with _as_s3_errors():
            response = super()._key_response(request, full_url)
            self.backend.commit()
        return response

    def _bucket_response(self, request: Any, full_url: str) -> Any:
        with _as_s3_errors():
            response = super()._bucket_response(request, full_url)
            self.backend.commit()
        return response

    def _get_key(self, validate_storage_class: bool = True) -> Any:
        key, not_modified = super()._get_key(validate_storage_class)
        key.is_lazy = True
        return key, not_modified

    def _handle_encoded_body(self, body: Any) -> bytes:
        """The data of an `aws-chunked` body: `SIZE IN HEX CRLF DATA CRLF`, again and again up to a size of 0."""
        data, pieces, position = memoryview(body or b""), [], 0
        while position < len(data):
            end = body.find(b"\r\n", position)
            size = int(bytes(data[position:end]).split(b";")[0], 16)
            if not size:
                break
            pieces.append(data[end + 2 : end + 2 + size])
            position = end + 2 + size + 2
        return b"".join(pieces)

    @contextmanager
    def _settled(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._backend is not None:
                self._backend.discard()


class _S3Request(Request):  # type: ignore[misc]
    """A request as moto wants it; only a browser's POST is a form, whatever content type an object has."""

    from_wsgi_server = True

    @property
    def want_form_data_parsed(self) -> bool:
        return self.method == "POST" and bool(super().want_form_data_parsed)


class S3Application:
    """The WSGI application: every request gets its own FileS3Response."""

    def __init__(self, buckets: Buckets, *, account: str, region: str) -> None:
        self._state = S3State(buckets, account=account, region=region)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = _S3Request(_with_header_names(environ))
        handler = FileS3Response(self._state)
        _, _, key = request.raw_path.removeprefix("/").partition("/")
        try:
            if request.raw_path == "/":
                status, headers, body = handler.bucket_response(request, request.raw_url, dict(request.headers))
            elif not key:
                status, headers, body = handler.ambiguous_response(request, request.raw_url, dict(request.headers))
            else:
                status, headers, body = handler.key_response(request, request.raw_url, dict(request.headers))
        except HTTPException as error:
            return error.get_response(environ)(environ, start_response)
        except NotImplementedError as error:
            text = f"<Error><Code>NotImplemented</Code><Message>{escape(str(error))}</Message></Error>"
            status, headers, body = 501, {"content-type": _XML}, text
        if any(name.startswith("x-amz-checksum-") for name in headers):
            headers = {"x-amz-checksum-type": "FULL_OBJECT", **headers}
        response = Response(body, status=status, headers=headers, direct_passthrough=isinstance(body, Content))
        if request.method == "HEAD" and "content-length" in headers:
            response.headers["Content-Length"] = headers["content-length"]
        return response(environ, start_response)


def _with_header_names(environ: dict[str, Any]) -> dict[str, Any]:
    """The environment with the names of metadata headers that have an underscore, which WSGI turns into a hyphen."""
    names = [name for name in environ.get("asl_runner.header_names", ()) if should_preserve_original_header_name(name)]
    return environ | {PRESERVED_HEADER_NAMES_ENVIRON_KEY: {environ_key_for_header(name): name for name in names}}


@contextmanager
def _as_s3_errors() -> Iterator[None]:
    """Turn what our own storage raises into the errors S3 answers."""
    try:
        yield
    except NoSuchBucket as error:
        raise MissingBucket(bucket=str(error)) from error
    except NoSuchKey as error:
        raise MissingKey(key=str(error)) from error
    except InvalidKey as error:
        raise S3ClientError("KeyTooLongError" if "long" in str(error) else "InvalidURI", str(error)) from error
    except InvalidBucketName as error:
        raise S3ClientError("InvalidBucketName", str(error)) from error
    except WorkspaceError as error:
        # Not a 5xx: a client would only try again and hide the reason for a while.
        raise S3ClientError("WorkspaceError", str(error)) from error
