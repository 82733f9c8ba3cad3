"""A stand-in for AWS: our server as a process of its own, behind a proxy that is as busy or broken as a test wants."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from msgspec import Struct


class Asked(Struct, frozen=True):
    """One request that came."""

    operation: str
    """`SageMaker.CreateTrainingJob`, or method and path where no header names an operation."""
    authorization: str


class Fault(Struct):
    """What happens to the next requests of an operation, instead of an answer."""

    operation: str
    kind: str
    """`throttle`, `break` (status 500), or `drop` (no answer at all)."""
    times: int


class AwsStandIn:
    """A proxy before a server; `url` is where AWS would be."""

    def __init__(self, server_url: str) -> None:
        self.asked: list[Asked] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        target = urlsplit(server_url)
        assert target.hostname is not None
        place = (target.hostname, target.port)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                operation = self.headers.get("X-Amz-Target") or f"{self.command} {self.path}"
                fault = outer.take(Asked(operation, self.headers.get("Authorization", "")))
                if fault == "drop":
                    self.close_connection = True
                elif fault is not None:
                    busy = fault == "throttle"
                    error = {"__type": "ThrottlingException" if busy else "InternalFailure", "message": "Rate exceeded"}
                    self.answer(400 if busy else 500, json.dumps(error).encode(), "application/x-amz-json-1.1")
                else:
                    connection = http.client.HTTPConnection(*place, timeout=60)
                    try:
                        connection.request(self.command, self.path, body, dict(self.headers))
                        response = connection.getresponse()
                        headers = {k: v for k, v in response.getheaders() if k.lower().startswith("x-amz")}
                        kind = response.getheader("Content-Type", "application/json")
                        self.answer(response.status, response.read(), kind, headers)
                    finally:
                        connection.close()

            do_POST = do_GET = do_PUT = do_DELETE = handle_any

            def answer(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in {**(headers or {}), "Content-Type": kind, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """The test's output is its own."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def inject(self, operation: str, kind: str, times: int = 1) -> None:
        """The next `times` requests whose operation ends so meet a fault."""
        with self._lock:
            self._faults.append(Fault(operation, kind, times))

    def take(self, asked: Asked) -> str | None:
        """Notes a request; the fault it meets, if any."""
        with self._lock:
            self.asked.append(asked)
            for fault in self._faults:
                if fault.times and asked.operation.endswith(fault.operation):
                    fault.times -= 1
                    return fault.kind
        return None

    def count(self, operation: str) -> int:
        """How many requests of an operation came."""
        with self._lock:
            return sum(one.operation.endswith(operation) for one in self.asked)

    def until(self, condition: Callable[[], object]) -> None:
        """Waits until something holds; the test's own time limit ends a wait in vain."""
        pause = threading.Event()
        while not condition():
            pause.wait(0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
