"""Executions started over HTTP all at once, and how long a start takes, against a bare ASGI application that echoes.

Both servers are processes of their own, asked by the same client: so many connections are open, then each asks for one
execution at the same moment. The time counts from then until the last execution has ended, or the last echo is back.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.measure import Row

STATES = 10
BURSTS = 3
"""Bursts of one run."""

_ECHO = """
import sys, uvicorn
async def app(scope, receive, send):
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
"""


def rows(runs: int) -> Iterator[Row]:
    """Throughput and latency at 100 and 1,000 executions under way at once."""
    with tempfile.TemporaryDirectory() as directory:
        ours, floor = _serve(Path(directory)), _echo()
        try:
            yield from asyncio.run(_rows(ours, floor, max(2, runs)))
        finally:
            for process, _ in (ours, floor):
                process.terminate()
                process.wait()


async def _rows(ours: _Server, floor: _Server, runs: int) -> list[Row]:
    machine = await _create_machine(ours[1])
    found: list[Row] = []
    for concurrent in (100, 1000):
        mine, bare = [], []
        for _ in range(runs * BURSTS):
            mine.append(await _burst(ours[1], machine, concurrent, wait=True))
            bare.append(await _burst(floor[1], machine, concurrent, wait=False))
        best, least = min(mine, key=lambda run: run[0]), min(bare, key=lambda run: run[0])
        found.append(_row(f"{concurrent:,} executions at once over HTTP", concurrent, "executions", best[0], least[0]))
        for percent in (50, 99):
            name = f"  start latency p{percent} of {concurrent:,} at once"
            mark = "15 ms" if (percent, concurrent) == (50, 100) else "none"
            found.append(_row(name, 1, "start", _at(best[1], percent), _at(least[1], percent), mark))
    return found


def _row(name: str, count: int, unit: str, ours: float, floor: float, mark: str = "2,500/s") -> Row:
    return Row(name=name, count=count, unit=unit, ours=ours, floor=floor, floor_is="a bare uvicorn echo", mark=mark)


def _at(times: list[float], percent: int) -> float:
    return sorted(times)[min(len(times) - 1, len(times) * percent // 100)]


_Server = tuple[subprocess.Popen[str], int]


def _serve(directory: Path) -> _Server:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "asl_runner", "serve", "--port", str(port)],
        cwd=directory,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return process, port


def _echo() -> _Server:
    port = _free_port()
    return subprocess.Popen([sys.executable, "-c", _ECHO, str(port)], text=True), port


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class _Connection(asyncio.Protocol):
    """One connection that stays open; one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, problem: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(problem or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length and self._answer is not None:
            self._received = b""
            if b" 200 " not in head[:16]:
                self._answer.set_exception(RuntimeError(f"{head!r} {body!r}"))
            else:
                self._answer.set_result(body)

    async def post(self, operation: str, body: bytes) -> bytes:
        """The body of the answer. Raises `RuntimeError` for any status but 200."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\n"
            b"X-Amz-Target: AWSStepFunctions.%s\r\nContent-Length: %d\r\n\r\n%s" % (operation.encode(), len(body), body)
        )
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def _connect(port: int) -> _Connection:
    """A connection, as soon as there is a server."""
    loop = asyncio.get_running_loop()
    for _ in range(600):
        try:
            return (await loop.create_connection(_Connection, "127.0.0.1", port))[1]
        except OSError:
            await asyncio.sleep(0.05)
    raise RuntimeError("the server did not start")


async def _call(connection: _Connection, operation: str, **request: Any) -> Any:
    return json.loads(await connection.post(operation, json.dumps(request).encode()))


async def _create_machine(port: int) -> str:
    names = [f"State{n}" for n in range(STATES)]
    states = {name: {"Type": "Pass", "Next": next} for name, next in pairwise(names)}
    states[names[-1]] = {"Type": "Pass", "End": True}  # type: ignore[dict-item]
    definition = json.dumps({"StartAt": names[0], "States": states})
    connection = await _connect(port)
    role = "arn:aws:iam::123456789012:role/benchmark"
    created = await _call(connection, "CreateStateMachine", name="ten-states", definition=definition, roleArn=role)
    connection.close()
    return str(created["stateMachineArn"])


async def _burst(port: int, machine: str, concurrent: int, *, wait: bool) -> tuple[float, list[float]]:
    """Seconds until every execution has ended, and how long each start took."""
    connections = await asyncio.gather(*[_connect(port) for _ in range(concurrent)])
    body = json.dumps({"stateMachineArn": machine, "input": json.dumps({"id": 7, "name": "benchmark"})}).encode()
    times: list[float] = []

    async def start(connection: _Connection) -> None:
        began = time.perf_counter()
        await connection.post("StartExecution", body)
        times.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*[start(connection) for connection in connections])
    running: Any = wait
    while running:
        listed = await _call(
            connections[0], "ListExecutions", stateMachineArn=machine, statusFilter="RUNNING", maxResults=1
        )
        running = listed["executions"]
    seconds = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return seconds, times
