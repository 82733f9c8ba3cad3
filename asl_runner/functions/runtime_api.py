"""The Lambda Runtime API for one worker: the HTTP server a runtime client asks for work and tells its answers.

One server per worker process, on its own port of 127.0.0.1, so that a client needs no identity. Only what runtime
clients use of HTTP/1.1: keep-alive, `Content-Length`. A response goes out in one write and asyncio sets TCP_NODELAY;
with headers and body in two packets each call would wait some 40 ms for a delayed acknowledgement.

Source: Lambda developer guide, "Using the Lambda runtime API" (2018-06-01).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

from msgspec import Struct

Kind: TypeAlias = Literal["response", "error", "init-error", "too-large"]

_PREFIX = "/2018-06-01/runtime/"
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_MAX_HEAD = 2 * 1024 * 1024
"""awslambdaric may send a megabyte of tracing header with an error."""


class Answer(Struct, frozen=True):
    """What the client told of one invocation, or of its own start (`init-error`)."""

    kind: Kind
    body: bytes


class RuntimeApi:
    """Serves one runtime client. `max_response` is in bytes; a larger response is refused and told as `too-large`."""

    def __init__(self, max_response: int) -> None:
        self.max_response = max_response
        self.address = ""
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._ready: asyncio.Future[Answer | None] = self._loop.create_future()
        self._answer: asyncio.Future[Answer] | None = None
        self._work: bytes | None = None
        self._asking: _Connection | None = None

    async def start(self) -> None:
        """Listens; `address` is then what `AWS_LAMBDA_RUNTIME_API` has to be."""
        listening = socket.create_server(("127.0.0.1", 0))
        host, port = listening.getsockname()
        self.address = f"{host}:{port}"
        # In two steps: cancelled in the second, the server is known and `close` ends it.
        self._server = await self._loop.create_server(lambda: _Connection(self), sock=listening, start_serving=False)
        await self._server.start_serving()

    async def ready(self) -> Answer | None:
        """Returns once the client asks for its first work: None, or the error it met while it started.

        Raises what `fail` was given.
        """
        return await self._ready

    async def invoke(self, headers: Mapping[str, str], event: bytes) -> Answer:
        """Gives the client one event and returns what it answers. Raises what `fail` was given."""
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._work = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}Content-Length: {len(event)}\r\n\r\n"
        ).encode() + event
        self._answer = self._loop.create_future()
        if self._asking is not None:
            self._give(self._asking)
        return await self._answer

    def fail(self, problem: Exception) -> None:
        """Ends whatever waits for the client, which will say no more."""
        for future in (self._ready, self._answer):
            if future is not None and not future.done():
                future.set_exception(problem)
                future.exception()

    def close(self) -> None:
        """Stops serving and drops the connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.drop()

    def _give(self, connection: _Connection) -> None:
        assert self._work is not None
        work, self._work, self._asking = self._work, None, None
        connection.send(work)

    def _told(self, kind: Kind, body: bytes) -> None:
        if kind == "init-error":
            if not self._ready.done():
                self._ready.set_result(Answer(kind, body))
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(kind, body))

    def request(self, connection: _Connection, method: str, path: str, body: bytes | None) -> None:
        """Answers one request; a `body` of None was larger than `max_response` and not kept."""
        what = path.removeprefix(_PREFIX)
        if method == "GET" and what == "invocation/next":
            if not self._ready.done():
                self._ready.set_result(None)
            self._asking = connection
            if self._work is not None:
                self._give(connection)
        elif method == "POST" and what.endswith("/response") and body is None:
            self._told("too-large", b"")
            connection.send(_TOO_LARGE)
        elif method == "POST" and what.endswith("/response"):
            self._told("response", body or b"")
            connection.send(_ACCEPTED)
        elif method == "POST" and what == "init/error":
            self._told("init-error", body or b"")
            connection.send(_ACCEPTED)
        elif method == "POST" and what.endswith("/error"):
            self._told("error", body or b"")
            connection.send(_ACCEPTED)
        else:
            connection.send(_NOT_FOUND)

    def joined(self, connection: _Connection) -> None:
        """A client connected."""
        self._connections.add(connection)

    def left(self, connection: _Connection) -> None:
        """A client's connection ended."""
        self._connections.discard(connection)
        if self._asking is connection:
            self._asking = None


class _Connection(asyncio.Protocol):
    """Parses the requests of one connection."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._request: tuple[str, str] | None = None
        self._missing = 0
        self._skipping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: uvloop's transports have the methods without being of the class.
        self._transport = cast(asyncio.Transport, transport)
        self._api.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._api.left(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._request is not None or self._head():
            assert self._request is not None
            if self._skipping:
                self._missing -= len(self._buffer)
                self._buffer.clear()
                if self._missing > 0:
                    return
                body = None
            elif len(self._buffer) < self._missing:
                return
            else:
                body = bytes(self._buffer[: self._missing])
                del self._buffer[: self._missing]
            (method, path), self._request, self._skipping = self._request, None, False
            self._api.request(self, method, path, body)

    def _head(self) -> bool:
        """Takes the next request's head from the buffer; False while it is incomplete or cannot be served."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD:
                self.send(_BAD_REQUEST)
                self.drop()
            return False
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = headers.get("content-length", "0")
        words = first.split(" ")
        if len(words) != 3 or not length.isdigit() or headers.get("transfer-encoding"):
            self.send(_BAD_REQUEST)
            self.drop()
            return False
        self._request = (words[0], words[1])
        self._missing = int(length)
        self._skipping = self._missing > self._api.max_response
        return True

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.close()
