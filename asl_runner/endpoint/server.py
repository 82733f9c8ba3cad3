"""The endpoint's HTTP server: one port, one event loop, and an end that leaves nothing behind.

async with Server(workspace, port=0) as server:
    print(server.url)
    await server.wait()
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from asl_runner.endpoint.application import DEFAULT_LIMIT, Application, Site
from asl_runner.errors import UsageError

if TYPE_CHECKING:
    from asl_runner.workspace import Workspace

DEFAULT_PORT = 8083

KEEP_ALIVE = 120
"""Seconds an idle connection stays open: longer than clients keep theirs, so that none is closed under a request."""

GRACE = 2
"""Seconds a request under way has to finish when the server stops."""


class Server:
    """Serves a workspace to AWS clients. The workspace is opened and closed by its owner, after the server.

    `port` 0 takes a free one. `request_limit` is in bytes, see `Application`; `pages` answers browsers.
    With `resumes` executions whose process is gone go on before the first request is answered.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        request_limit: int = DEFAULT_LIMIT,
        pages: Site | None = None,
        resumes: bool = True,
    ) -> None:
        self._workspace = workspace
        self._resumes = resumes
        self._host = host
        self._wanted_port = port
        try:
            self._application = Application(workspace, request_limit=request_limit, pages=pages)
        except ImportError as error:
            raise UsageError(f"The endpoint needs botocore ({error}): pip install 'asl-runner[server]'.") from None
        self._task: asyncio.Task[None] | None = None
        self._server: Any = None
        self.port = 0

    @property
    def url(self) -> str:
        """What clients on this machine use as `endpoint_url`."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "") else "::1" if self._host == "::" else self._host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Opens the port; requests are answered from now on. Raises `UsageError` when it cannot be opened."""
        listener = _listen(self._host, self._wanted_port)
        self.port = listener.getsockname()[1]
        self._workspace.local.served_at = self.url
        try:
            self._server = _uvicorn(self._application)
            await self._application.start(resumes=self._resumes)
        except BaseException:
            listener.close()
            raise
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="endpoint")
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.001)

    async def wait(self) -> None:
        """Returns when the server has been stopped. Raises what ended it, if something else did."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def stop(self) -> None:
        """Takes no more requests; those under way are answered. `wait` returns soon."""
        if self._server is not None and not self._server.should_exit:
            self._server.should_exit = True
            self._application.end_polls()
            asyncio.get_running_loop().call_later(GRACE, self._application.end_requests)

    async def close(self) -> None:
        """Stops and ends everything the server started."""
        self.stop()
        if self._task is not None:
            await asyncio.wait([self._task])
        await self._application.close()

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on that host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        hint = "Choose another with --port, or --port 0 for a free one." if port else "Choose another --host."
        raise UsageError(f"Cannot listen on {host}:{port}: {error.strerror or error}. {hint}") from None


def _uvicorn(application: Application) -> Any:
    try:
        import uvicorn
    except ImportError as error:
        raise UsageError(f"The endpoint needs uvicorn ({error}): pip install 'asl-runner[server]'.") from None

    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)

    class Quiet(uvicorn.Server):
        """Leaves signals to whoever runs it, and reports to the application, which answers whatever happens."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Quiet(
        uvicorn.Config(
            application,
            http=_http(),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=2 * GRACE,
            backlog=2048,
        )
    )


def _http() -> Any:
    """The parser of requests: what is no HTTP gets an error in AWS's shape, too."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return "auto"

    class Protocol(HttpToolsProtocol):
        def send_400_response(self, msg: str) -> None:
            body = b'{"__type":"com.amazon.coral.service#SerializationException","Message":"%s"}' % msg.encode()
            head = (
                b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            )
            self.transport.write(head + body)
            self.transport.close()

    return Protocol
