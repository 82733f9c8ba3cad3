"""One HTTP request and its answer, for HTTP Tasks and API calls; blocks.

Plain http goes to this machine only, as AWS takes nothing but https.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
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

    def grouped(self) -> dict[str, list[str]]:
        """Headers by name, with all their values."""
        groups: dict[str, list[str]] = {}
        for name, value in self.headers:
            groups.setdefault(name, []).append(value)
        return groups


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK


def send(request: Request, *, read: int, timeout: float = TIMEOUT) -> Answer:
    """Sends a request and reads up to `read` bytes of the answer's body. Raises `Unreachable`.

    Redirects are answers like any other.
    """
    place = urlsplit(request.url)
    host, port = place.hostname or "", place.port
    if place.scheme == "https":
        connection: HTTPConnection = HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())
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


def _media_type(headers: list[tuple[str, str]]) -> str:
    found = next((value for name, value in headers if name.lower() == "content-type"), "")
    return found.partition(";")[0].strip().lower()


def _with_length(request: Request) -> Iterable[tuple[str, str]]:
    yield from request.headers
    if request.body is not None:
        yield "Content-Length", str(len(request.body))
