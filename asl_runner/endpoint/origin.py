"""Requests of web pages: a page of another site must not run code here through its visitor's browser."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def is_foreign(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser says that a page from elsewhere makes the request. AWS's clients send neither header."""
    origin = headers.get(b"origin")
    if origin is not None:
        try:
            return urlsplit(origin.decode("latin-1")).hostname not in _HERE
        except ValueError:
            return True
    return headers.get(b"sec-fetch-site") == b"cross-site"
