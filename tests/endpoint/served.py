"""The real server as a process of its own, and boto3 clients as a user would make them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import boto3
from botocore.config import Config

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
