"""A small WSGI server: HTTP/1.1, connections kept open, a thread for each, and an end that waits for the answers."""

from __future__ import annotations

import io
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_IDLE_SECONDS = 120
_LINE_LIMIT = 1 << 16
_logger = logging.getLogger(__name__)


class HttpServer:
    """Serves accepted connections with a WSGI application until `close`."""

    def __init__(self, application: Application, host: str, port: int) -> None:
        self.application = application
        self.base_environ = {"SERVER_NAME": host, "SERVER_PORT": str(port), "SCRIPT_NAME": "", "CONTENT_LENGTH": ""}
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}

    def serve(self, connection: socket.socket, address: tuple[str, int]) -> None:
        """Answer the requests of one connection, in a thread of its own."""
        thread = threading.Thread(target=self._converse, args=(connection, address), name="asl-runner-local-aws-client")
        with self._lock:
            self._open[connection] = thread
        thread.start()

    def close(self) -> None:
        """Answer what has been asked, then close every connection and wait for its thread."""
        with self._lock:
            threads = list(self._open.values())
            for connection in self._open:
                _stop_reading(connection)
        for thread in threads:
            thread.join()

    def _converse(self, connection: socket.socket, address: tuple[str, int]) -> None:
        try:
            _Handler(connection, address, self)  # type: ignore[arg-type]
        except OSError as error:
            _logger.debug("A client went away: %s", error)
        finally:
            with self._lock:
                del self._open[connection]
            connection.close()


class _Handler(WSGIRequestHandler):
    """The requests of one connection, one after the other."""

    server: HttpServer  # type: ignore[assignment]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = _IDLE_SECONDS

    def handle(self) -> None:
        self.close_connection = False
        while not self.close_connection:
            self.handle_one_request()

    def __getattr__(self, name: str) -> Any:
        # The base class looks for `do_<METHOD>`.
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        body = self._body()
        environ.update(
            {
                "wsgi.version": (1, 0),
                "wsgi.url_scheme": "http",
                "wsgi.input": io.BytesIO(body),
                "wsgi.errors": io.StringIO(),
                "wsgi.multithread": True,
                "wsgi.multiprocess": False,
                "wsgi.run_once": False,
                "CONTENT_LENGTH": str(len(body)),
                "RAW_URI": self.path,
                "asl_runner.header_names": self.headers.keys(),
            }
        )
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return environ

    def log_message(self, format: str, *args: object) -> None:
        _logger.debug(format, *args)

    def _answer(self) -> None:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            started[:] = [status, headers]

        try:
            body = self.server.application(self.get_environ(), start_response)
        except Exception:
            _logger.exception("Internal error while answering %s %s", self.command, self.path)
            started[:] = ["500 Internal Server Error", [("Content-Length", "0")]]
            body = ()
        try:
            self._send(started[0], started[1], body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _send(self, status: str, headers: list[tuple[str, str]], body: Iterable[bytes]) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        names = {name.lower() for name, _ in headers}
        for name, value in headers:
            self.send_header(name, value)
        bodiless = self.command == "HEAD" or code in ("204", "304")
        if not bodiless and "content-length" not in names:
            # Without a length, the end of the connection is the end of the answer.
            self.send_header("Connection", "close")
        self.end_headers()
        for block in body:
            if not bodiless:
                self.wfile.write(block)
        self.wfile.flush()

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(_LINE_LIMIT).split(b";")[0], 16)
        data = self.rfile.read(size)
        # After the data comes an empty line; after the last, empty chunk the trailers and then the empty line.
        while self.rfile.readline(_LINE_LIMIT).strip():
            continue
        return data


def _stop_reading(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError as error:
        _logger.debug("The connection was already closed: %s", error)
