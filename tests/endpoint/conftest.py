"""The endpoint for tests: the real server, as a process of its own or inside the test, and boto3 clients of it."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from served import ClientFactory, ServerProcess, make_client

from asl_runner.configuration import Configuration, load_configuration
from asl_runner.endpoint.server import Server
from asl_runner.workspace import Workspace


@pytest.fixture(scope="session")
def server_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests of a session, as a process of its own; names must be unique to the test."""
    served = ServerProcess(tmp_path_factory.mktemp("endpoint"))
    yield served
    assert served.stop() == 0, served.said
    assert "Traceback" not in served.said, served.said


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers as processes in the test's directory; ends those that still run."""
    started: list[ServerProcess] = []

    def start(*options: str) -> ServerProcess:
        started.append(ServerProcess(tmp_path, *options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.stop()


@pytest.fixture(scope="session")
def client(server_process: ServerProcess) -> ClientFactory:
    """`client("stepfunctions")`: a boto3 client of the session's server."""
    made: dict[str, Any] = {}
    lock = threading.Lock()

    def give(service: str, **settings: Any) -> Any:
        key = f"{service} {json.dumps(settings, sort_keys=True, default=str)}"
        with lock:
            if key not in made:
                made[key] = make_client(server_process.url, service, **settings)
        return made[key]

    return give


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """The configuration of the test's own directory; a test that wants another writes `asl-runner.toml` there."""
    file = tmp_path / "asl-runner.toml"
    if not file.exists():
        file.write_text("")
    return load_configuration(file)


@pytest.fixture
async def server(configuration: Configuration, tmp_path: Path) -> AsyncIterator[Server]:
    """A server in the test's own event loop, with the workspace at hand; call boto3 by `asyncio.to_thread`."""
    async with Workspace(configuration, tmp_path / ".asl-runner") as workspace, Server(workspace, port=0) as served:
        yield served
