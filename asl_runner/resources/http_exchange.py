"""What an HTTP Task sent and got, as TestState shows it.

Source: developer guide, "Using TestState API", example 3.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from asl_runner.interpreter.ports import HttpExchange
from asl_runner.resources.http_client import Answer, Request

_UNSEEN = frozenset({"content-type: application/json; charset=utf-8"})
"""Headers the HTTP library adds: the service does not show them."""


def exchange(own: Request, sent: Request, answer: Answer) -> HttpExchange:
    """`own` is the request without what the connection adds to it."""
    response = {
        "protocol": urlsplit(sent.url).scheme,
        "statusCode": str(answer.status),
        "statusMessage": answer.reason,
        "headers": _headers(answer.headers),
        "body": answer.body.decode(errors="replace"),
    }
    return HttpExchange(request=_request(own), revealed=_request(sent), response=response)


def _request(request: Request) -> dict[str, str]:
    shown = {
        "protocol": urlsplit(request.url).scheme,
        "method": request.method,
        "url": request.url,
        "headers": _headers([field for field in request.headers if ": ".join(field).lower() not in _UNSEEN]),
    }
    return shown if request.body is None else {**shown, "body": request.body.decode(errors="replace")}


def _headers(fields: list[tuple[str, str]]) -> str:
    return f"[{', '.join(f'{name}: {value}' for name, value in fields)}]"
