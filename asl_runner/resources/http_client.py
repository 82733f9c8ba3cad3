"""One HTTP request and its answer, for HTTP Tasks and API calls; blocks.

Plain http goes to this machine only, as AWS takes nothing but https.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from msgspec import Struct

TIMEOUT = 60.0
"""Seconds. Source: developer guide, "Call HTTPS APIs"."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Unreachable(Exception):
    """No answer: the connection failed or the time is up. `str()` says why."""


class Request(Struct, frozen=True):
    """What is sent. `headers` may hold a name several times."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes | None = None

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        return _media_type(self.headers)


class Answer(Struct, frozen=True):
    """What came back; the body as far as it was read."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        return _media_type(self.headers)

    @property
    def retry_after(self) -> float:
        """Seconds until a next request is welcome, by the header `Retry-After` in either of its forms; 0 for at once.

        Source: RFC 9110, section 10.2.3.
        """
        wanted = _header(self.headers, "retry-after").strip()
        if wanted.isascii() and wanted.isdigit():
            return float(wanted)
        then = _moment(wanted)
        if then is None:
            return 0.0
        now = _moment(_header(self.headers, "date")) or datetime.now(UTC)
        return max(0.0, (then - now).total_seconds())

    def grouped(self) -> dict[str, list[str]]:
        """Headers by name, with all their values."""
        groups: dict[str, list[str]] = {}
        for name, value in self.headers:
            groups.setdefault(name, []).append(value)
        return groups


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK


def send(request: Request, *, read: int, timeout: float = TIMEOUT, authority: str | None = None) -> Answer:
    """Sends a request and reads up to `read` bytes of the answer's body. Raises `Unreachable`.

    `authority` are the certificates (PEM) that a server's must come from, in place of those the system trusts.
    Redirects are answers like any other.
    """
    place = urlsplit(request.url)
    host, port = place.hostname or "", place.port
    if place.scheme == "https":
        trust = _trust(authority)
        connection: HTTPConnection = HTTPSConnection(host, port, timeout=timeout, context=trust)
    else:
        connection = HTTPConnection(host, port, timeout=timeout)
    target = (place.path or "/") + (f"?{place.query}" if place.query else "")
    try:
        connection.putrequest(request.method, target, skip_accept_encoding=True)
        for name, value in _with_length(request):
            connection.putheader(name, value)
        connection.endheaders(request.body)
        response = connection.getresponse()
        return Answer(response.status, response.reason, response.getheaders(), response.read(read))
    except (OSError, HTTPException) as error:
        raise Unreachable(str(error) or type(error).__name__) from error
    finally:
        connection.close()


def _trust(authority: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=authority)
    except ssl.SSLError as error:
        raise Unreachable(f"the certificates of the authority cannot be read: {error}") from error


def _media_type(headers: list[tuple[str, str]]) -> str:
    return _header(headers, "content-type").partition(";")[0].strip().lower()


def _header(headers: list[tuple[str, str]], wanted: str) -> str:
    return next((value for name, value in headers if name.lower() == wanted), "")


def _moment(date: str) -> datetime | None:
    """The time of an HTTP date; None for what is none."""
    try:
        found = parsedate_to_datetime(date)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _with_length(request: Request) -> Iterable[tuple[str, str]]:
    yield from request.headers
    if request.body is not None:
        yield "Content-Length", str(len(request.body))
