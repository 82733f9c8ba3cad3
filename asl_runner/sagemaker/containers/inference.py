"""Talks to an inference container: waits until it is ready, asks its parameters, sends it records.

Source: SageMaker developer guide, "Use Your Own Inference Code with Batch Transform".
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from asl_runner.sagemaker.containers.container import Container

PING_TIMEOUT_SECONDS = 2.0
"""How long one `/ping` may take."""

READY_TIMEOUT_SECONDS = 480.0
"""How long a container may take until its first good `/ping`; eight minutes on SageMaker."""

LONGEST_PAUSE_SECONDS = 0.1


class NotReady(Exception):
    """The container ended, or did not answer `/ping` in time; the message is a failure reason."""


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one invocation."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """All headers, names in lower case."""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class InferenceClient:
    """One keep-alive connection to a container on this host. Not to be shared between threads."""

    def __init__(self, port: int, *, host: str = "127.0.0.1", timeout: float = 600.0) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout)

    def __enter__(self) -> InferenceClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def execution_parameters(self) -> dict[str, Any]:
        """What `/execution-parameters` says; empty for a container that does not answer it with a JSON object."""
        response = self._request("GET", "/execution-parameters", None, {})
        try:
            document = json.loads(response.body) if response.ok else {}
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def invoke(
        self,
        body: bytes,
        content_type: str | None = None,
        accept: str | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Response:
        """The container's answer to one payload; `more` are further headers.

        Raises `OSError` or `http.client.HTTPException` when the connection fails or the timeout passes; the next call
        connects anew.
        """
        headers = {"Content-Type": content_type, "Accept": accept, **(more or {})}
        return self._request("POST", "/invocations", body, {name: value for name, value in headers.items() if value})

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Response:
        try:
            if self._connection.sock is None:
                self._connect()
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, response.read(), found.get("content-type", ""), found)
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def _connect(self) -> None:
        self._connection.connect()
        # Without this the small tail of a body waits for the acknowledgement of what went before.
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def wait_until_ready(container: Container, port: int, timeout: float = READY_TIMEOUT_SECONDS) -> None:
    """Returns once `GET /ping` on `port` answers 200.

    Raises `NotReady` when the container ends first or `timeout` seconds pass.
    """
    deadline = time.monotonic() + timeout
    pause = 0.005
    while not _ping(port):
        if (status := container.wait(pause)) is not None:
            raise NotReady(f"The container ended with exit code {status.code} before it answered /ping.")
        if time.monotonic() > deadline:
            raise NotReady(f"The container did not answer /ping with 200 on port {port} within {timeout:g} seconds.")
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def _ping(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PING_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
