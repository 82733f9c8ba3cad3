"""The HTTP side of an inference program: `/ping`, `/execution-parameters`, `/invocations` on a port (8080).

Source: SageMaker developer guide, "How Containers Serve Requests".
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from msgspec import Struct

MEGABYTE = 1 << 20
DEFAULT_PAYLOAD_MB = 6
BACKLOG = 128
YIELD_SECONDS = 0.002
"""How long a worker with one open connection lets idle workers accept the next first."""


class Answer(Struct, frozen=True):
    """An HTTP response."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain"


class Inference(Protocol):
    """What answers invocations. Called from threads."""

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> Answer:
        """The answer to one request. Never raises for what the client sent."""


def listen() -> socket.socket:
    """A listening socket on `SAGEMAKER_BIND_TO_PORT`, which forked workers may share."""
    port = number("SAGEMAKER_BIND_TO_PORT")
    address = (os.environ.get("SAGEMAKER_BIND_TO_HOST", "127.0.0.1"), 8080 if port is None else port)
    listener = socket.create_server(address, backlog=BACKLOG)
    listener.setblocking(False)
    return listener


def exit_on_sigterm(children: list[int]) -> None:
    """SIGTERM ends this worker and `children` at once.

    Not by an exception: one that a signal handler raises is lost where Python ignores exceptions, as in finalizers.
    """

    def end(_signal: int, _frame: object) -> None:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)


class Server(ThreadingHTTPServer):
    """One worker: accepts from the listening socket, answers each connection in a thread."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, inference: Inference, parameters: Mapping[str, Any]) -> None:
        super().__init__(("", 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.inference = inference
        self.parameters = parameters
        self.connections = 0
        limit = number("MAX_CONTENT_LENGTH") or DEFAULT_PAYLOAD_MB * MEGABYTE
        self.largest_body = max(limit, (number("SAGEMAKER_MAX_PAYLOAD_IN_MB") or 0) * MEGABYTE)

    def get_request(self) -> tuple[socket.socket, Any]:
        time.sleep(YIELD_SECONDS * self.connections)
        connection, address = self.socket.accept()
        connection.setblocking(True)
        return connection, address


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive between requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def handle(self) -> None:
        self.server.connections += 1
        try:
            with contextlib.suppress(ConnectionError):
                super().handle()
        finally:
            self.server.connections -= 1

    def do_GET(self) -> None:
        if self.path == "/ping":
            self._send(Answer(200))
        elif self.path == "/execution-parameters":
            self._send(Answer(200, json.dumps(self.server.parameters).encode(), "application/json"))
        else:
            self._send(Answer(404, b"Not Found"))

    def do_POST(self) -> None:
        if self.path != "/invocations":
            self._send(Answer(404, b"Not Found"))
            return
        body = self._body()
        if body is None:
            self._send(Answer(413, f"The payload is larger than {self.server.largest_body} bytes".encode()))
            return
        headers = self.headers
        self._send(self.server.inference.invoke(body, headers.get("Content-Type"), headers.get("Accept")))

    def _body(self) -> bytes | None:
        """The request's body, also a chunked one; None when it is too large."""
        limit = self.server.largest_body
        kept: list[bytes] = []
        size = 0
        # A body that is too large is read to its end all the same: a client does not read answers while it sends.
        for part in self._parts():
            size += len(part)
            if size <= limit:
                kept.append(part)
        return b"".join(kept) if size <= limit else None

    def _parts(self) -> Iterable[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            yield from self._chunks()
            return
        rest = int(self.headers.get("Content-Length") or 0)
        while rest > 0 and (part := self.rfile.read(min(rest, MEGABYTE))):
            rest -= len(part)
            yield part

    def _chunks(self) -> Iterable[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: a batch transform makes thousands."""


def number(variable: str) -> int | None:
    """An environment variable that holds a whole number; None for any other."""
    text = os.environ.get(variable, "")
    return int(text) if text.isdigit() else None
