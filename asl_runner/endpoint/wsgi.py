"""A WSGI application as a part of the ASGI one: it runs in threads, and its answer is sent as it comes."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

Application: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Any]

THREADS = 16


class WsgiPart:
    """Answers requests with the application `load` gives, which is called in a thread when the first one arrives."""

    def __init__(self, load: Callable[[], Application]) -> None:
        self._load = load
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="asl-runner-aws")
        self._application: asyncio.Future[Application] | None = None

    async def answer(self, scope: MutableMapping[str, Any], body: bytes, send: Send) -> None:
        """Answers one request whose body has been read."""
        loop = asyncio.get_running_loop()
        if self._application is None:
            self._application = loop.run_in_executor(self._threads, self._load)
        application = await asyncio.shield(self._application)
        environ = _environ(scope, body)
        status, headers, blocks, whole = await loop.run_in_executor(self._threads, _call, application, environ)
        try:
            await send({"type": "http.response.start", "status": status, "headers": headers})
            if whole is None:
                iterator = iter(blocks)
                while (block := await loop.run_in_executor(self._threads, next, iterator, None)) is not None:
                    await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": whole or b""})
        finally:
            _close(blocks)

    def close(self) -> None:
        """Waits for the threads; nothing may be asked afterwards."""
        self._threads.shutdown()


def _call(
    application: Application, environ: dict[str, Any]
) -> tuple[int, list[tuple[bytes, bytes]], Iterable[bytes], bytes | None]:
    """Status, headers and body; the body in one piece where it is a list anyway."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
        started[:] = [status, headers]

    blocks = application(environ, start_response)
    if not started:
        # A generator starts its answer with its first block.
        blocks = _chained(iter(blocks))
    status, written = started
    whole = b"".join(blocks) if isinstance(blocks, list | tuple) else None
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in written]
    return int(status.split(" ", 1)[0]), headers, blocks, whole


def _chained(blocks: Iterator[bytes]) -> Iterable[bytes]:
    first = next(blocks, None)
    return [] if first is None else _and_rest(first, blocks)


def _and_rest(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _close(blocks: Iterable[bytes]) -> None:
    close = getattr(blocks, "close", None)
    if close is not None:
        close()


def _environ(scope: MutableMapping[str, Any], body: bytes) -> dict[str, Any]:
    """The request as PEP 3333 says, with the path as it was written and the names of the headers."""
    raw_path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    host, port = scope.get("server") or ("127.0.0.1", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw_path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "RAW_URI": (raw_path + (b"?" + query if query else b"")).decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("127.0.0.1",))[0],
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "asl_runner.header_names": [name.decode("latin-1") for name, _ in scope["headers"]],
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name in ("content-length", "transfer-encoding"):
            continue
        key = "CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"
        environ[key] = f"{environ[key]},{value}" if key != "CONTENT_TYPE" and key in environ else value
    return environ
