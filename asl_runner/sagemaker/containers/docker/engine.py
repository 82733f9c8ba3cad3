"""The connection to the Docker engine of this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from asl_runner.errors import UsageError

CONNECTIONS = 64
"""Kept open at the same time: two for each container that runs."""

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Engine:
    """An engine that answers."""

    client: Any
    """`docker.DockerClient`."""
    info: Mapping[str, Any]
    """What the engine says of itself."""

    @property
    def cpus(self) -> int:
        return int(self.info.get("NCPU") or 1)

    @property
    def memory(self) -> int:
        """Bytes; 0 when it does not say."""
        return int(self.info.get("MemTotal") or 0)

    @property
    def has_gpus(self) -> bool:
        return "nvidia" in self.info.get("Runtimes", {})

    @property
    def owner(self) -> str:
        """How the user who runs this is called inside containers, as `UID:GID`."""
        # Without root the engine is this user, and so is the root of its containers. Podman says it in its own way.
        if self.info.get("Rootless") or "name=rootless" in (self.info.get("SecurityOptions") or ()):
            return "0:0"
        return f"{os.getuid()}:{os.getgid()}"

    @property
    def has_selinux(self) -> bool:
        return any("selinux" in option for option in self.info.get("SecurityOptions") or ())

    @property
    def socket(self) -> str | None:
        """The path of the engine's socket; None where it is reached by TCP."""
        url: str = self.client.api.base_url
        if not url.startswith("http+"):
            return None
        return str(self.client.api.get_adapter(url).socket_path)

    def close(self) -> None:
        self.client.close()


def platform() -> str | None:
    """The processor images are to be for, by the variable of Docker's own commands; None for the engine's own."""
    return os.environ.get("DOCKER_DEFAULT_PLATFORM") or None


def connect() -> Engine:
    """The engine that `DOCKER_HOST`, or else Docker's current context, names.

    Raises `UsageError` when the package `docker` is not installed, when no engine answers, and for one on another
    machine, which would not see the files of the jobs.
    """
    try:
        import docker
    except ImportError:
        raise UsageError(
            "Containers in Docker need the package docker. Install it with: pip install 'asl-runner[docker]'"
        ) from None
    url = _engine_url()
    place = urlsplit(url)
    if place.scheme in ("tcp", "http", "https", "ssh") and place.hostname not in _LOCAL_HOSTS:
        raise UsageError(
            f"The Docker engine at {url} is on another machine and would not see the files of the jobs. "
            "Unset DOCKER_HOST, or choose a context of this machine with `docker context use`."
        )
    try:
        if place.scheme == "unix":
            _knock(place.path)
        client = docker.DockerClient.from_env(
            environment={**os.environ, "DOCKER_HOST": url}, max_pool_size=CONNECTIONS, timeout=120
        )
        return Engine(client, client.info())
    except (docker.errors.DockerException, OSError) as problem:
        raise UsageError(
            f"No Docker engine answers at {url}: {_reason(problem)}. Start it, let DOCKER_HOST name it, or have jobs "
            "run without it: --use sagemaker=process"
        ) from problem


def _knock(path: str) -> None:
    """Raises `OSError` where nobody listens; the SDK would leave a socket open, and say less."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(path)


def _reason(problem: Exception) -> str:
    if isinstance(problem, PermissionError):
        return "you may not use it; Docker's documentation says how to be added to the group docker"
    return problem.strerror or str(problem) if isinstance(problem, OSError) else str(problem)


def _engine_url() -> str:
    if url := os.environ.get("DOCKER_HOST"):
        return url
    from docker.constants import DEFAULT_UNIX_SOCKET
    from docker.context import ContextAPI

    current = ContextAPI.get_current_context()
    url = None if current is None else current.Host
    # The SDK spells the default `http+unix:///path`, its own environment `unix:///path`.
    return str(url or DEFAULT_UNIX_SOCKET).replace("http+unix:", "unix:")
