"""Pages of lists: `maxResults`, and tokens that say where the next page starts.

A token is opaque to clients and good only for the list it was given out for.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from asl_runner.endpoint.stepfunctions.errors import invalid_token

T = TypeVar("T")

DEFAULT_RESULTS = 100
"""The length of a page when `maxResults` is absent or 0."""


def page_size(request: Mapping[str, Any]) -> int:
    """How many results the request asks for at most."""
    return request.get("maxResults") or DEFAULT_RESULTS


def encode_token(scope: str, place: Any) -> str:
    """A token for `place`, any JSON value; `scope` names the list, its filters included."""
    body = msgspec.json.encode(place)
    return base64.urlsafe_b64encode(_mark(scope, body) + body).decode()


def decode_token(scope: str, token: str | None) -> Any:
    """The place a token stands for, None without one.

    Raises `ServiceError` InvalidToken for a token of another list, or none of ours.
    """
    if token is None:
        return None
    with suppress(binascii.Error, ValueError, msgspec.DecodeError):
        data = base64.b64decode(token, altchars=b"-_", validate=True)
        if data[:4] == _mark(scope, data[4:]):
            return msgspec.json.decode(data[4:])
    raise invalid_token()


def cut_page(
    items: Sequence[T],
    size: int,
    scope: str,
    place: Callable[[T], Any],
    present: Callable[[T], dict[str, Any]],
    key: str,
) -> dict[str, Any]:
    """The answer with a page: `items` are up to `size` and one more, which shows that another page follows.

    `place` gives where the page after an item starts, `present` what the answer shows of it under `key`.
    """
    answer: dict[str, Any] = {key: [present(item) for item in items[:size]]}
    if len(items) > size:
        answer["nextToken"] = encode_token(scope, place(items[size - 1]))
    return answer


def _mark(scope: str, body: bytes) -> bytes:
    return zlib.crc32(scope.encode(), zlib.crc32(body)).to_bytes(4, "big")
