"""The endpoint for tests: the real server, as a process of its own or inside the test, and boto3 clients of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import boto3
import pytest
from botocore.config import Config

from asl_runner.configuration import Configuration, load_configuration
from asl_runner.endpoint.server import Server
from asl_runner.workspace import Workspace

ClientFactory: TypeAlias = Callable[..., Any]

ROLE = "arn:aws:iam::123456789012:role/test"


def make_client(url: str, service: Any, **settings: Any) -> Any:
    """A boto3 client as a user would make it; host prefixes cannot be resolved on a loopback address."""
    config = Config(
        inject_host_prefix=False, retries={"total_max_attempts": 1}, max_pool_connections=100, read_timeout=90
    ).merge(Config(**settings))
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=config,
    )


class ServerProcess:
    """`asl-runner serve` in a directory, left running."""

    def __init__(self, directory: Path, *options: str) -> None:
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("ASL_RUNNER_", "AWS_"))}
        self.directory = directory
        with (directory / "serve.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "asl_runner", "serve", "--port", "0", *options],
                cwd=directory,
                env=variables,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("export AWS_ENDPOINT_URL="), (directory / "serve.log").read_text()
        self.url = line.strip().partition("=")[2]

    def client(self, service: str, **settings: Any) -> Any:
        return make_client(self.url, service, **settings)

    @property
    def said(self) -> str:
        """What it wrote on stderr so far."""
        return (self.directory / "serve.log").read_text()

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        self.process.terminate()
        code = self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()


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
