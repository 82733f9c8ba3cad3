"""Requests of web pages: a page of another site must not run code here through its visitor's browser."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def is_foreign(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser says that a page from elsewhere makes the request. AWS's clients send none of the headers.

    A page whose name was made to point at this machine (DNS rebinding) is known by the host it asks for.
    """
    origin = headers.get(b"origin")
    if origin is not None:
        return not _is_here(origin.decode("latin-1"))
    if headers.get(b"sec-fetch-site") == b"cross-site":
        return True
    browser = headers.get(b"user-agent", b"").startswith(b"Mozilla/")
    return browser and not _is_here(f"http://{headers.get(b'host', b'').decode('latin-1')}")


def _is_here(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host in _HERE or host.endswith(".localhost")
