"""Keeps moto's troubles in AWS's shape: what it does not know, and where it fails, is an error a client can read."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias
from xml.sax.saxutils import escape

from asl_runner.storage.signing import signed_for

Application: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_log = logging.getLogger(__name__)

_XML = frozenset(
    [
        "autoscaling",
        "cloudformation",
        "cloudfront",
        "cloudsearch",
        "ec2",
        "elasticache",
        "elasticbeanstalk",
        "elasticloadbalancing",
        "iam",
        "rds",
        "redshift",
        "route53",
        "s3",
        "s3express",
        "sdb",
        "ses",
        "sns",
        "sts",
    ]
)
"""Signing names of services whose clients read errors as XML, by botocore's models; all others read JSON."""

_PAGES = (b"<!doc", b"<html")


class Guarded:
    """A WSGI application whose exceptions and pages for people become errors of the client's protocol."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], error: object = None) -> None:
            started[:] = [status, headers]

        try:
            blocks = self._application(environ, start)
        except Exception as error:  # noqa: BLE001 - another project's defect must not look like a passing trouble
            _log.warning("moto cannot answer %s %s: %r", environ["REQUEST_METHOD"], environ["PATH_INFO"], error)
            return _refusal(
                environ, start_response, 501, "NotImplemented", f"moto cannot answer this request: {error!r}"
            )
        if started and started[0] >= "400" and _may_be_page(started[1]):
            blocks = _whole(blocks)
            status = int(started[0].split(" ", 1)[0])
            if blocks[0].lstrip()[:5].lower() in _PAGES:
                if status >= 500:
                    return _refusal(environ, start_response, 501, "NotImplemented", "moto failed to answer this.")
                text = "moto knows no such operation."
                return _refusal(environ, start_response, status, "UnknownOperationException", text)
        if not started:
            # A generator starts its answer with its first block.
            blocks = list(blocks)
        status_line, headers = started
        if _is_json(environ) or status_line >= "400":
            kind = "application/x-amz-json-1.1" if _is_json(environ) else "text/xml"
            headers = [(name, kind if _is_html(name, value) else value) for name, value in headers]
        start_response(status_line, headers)
        return blocks


def _may_be_page(headers: list[tuple[str, str]]) -> bool:
    """Whether an answer calls itself HTML, as moto's JSON does, too."""
    return any(_is_html(name, value) for name, value in headers)


def _is_html(name: str, value: str) -> bool:
    return name.lower() == "content-type" and value.startswith("text/html")


def _is_json(environ: dict[str, Any]) -> bool:
    if "HTTP_X_AMZ_TARGET" in environ or "json" in environ.get("CONTENT_TYPE", ""):
        return True
    service = signed_for(environ)
    return bool(service) and service not in _XML


def _whole(blocks: Iterable[bytes]) -> list[bytes]:
    try:
        return [b"".join(blocks)]
    finally:
        close = getattr(blocks, "close", None)
        if close is not None:
            close()


def _refusal(
    environ: dict[str, Any], start_response: Callable[..., Any], status: int, code: str, message: str
) -> list[bytes]:
    kind, body = error_body(code, message, as_json=_is_json(environ))
    start_response(f"{status} Error", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def error_body(code: str, message: str, *, as_json: bool, bare: bool = False) -> tuple[str, bytes]:
    """Content type and body of an error: JSON, or XML, `bare` as S3 has it."""
    if as_json:
        return "application/json", json.dumps({"__type": code, "message": message}).encode()
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return "text/xml", (error if bare else f"<ErrorResponse>{error}</ErrorResponse>").encode()
