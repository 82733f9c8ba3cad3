"""The place `docker`: the image a request names, or what stands for it, run by the Docker engine of this machine."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from asl_runner.errors import NotFound, UsageError
from asl_runner.sagemaker.containers.container import Container, LineCallback
from asl_runner.sagemaker.containers.contract import CLUSTER_VARIABLE, CURRENT_HOST, ContainerSpec
from asl_runner.sagemaker.containers.docker import images, options
from asl_runner.sagemaker.containers.docker import network as networks
from asl_runner.sagemaker.containers.docker.engine import Engine, connect
from asl_runner.sagemaker.containers.docker.launched import DockerProcess
from asl_runner.sagemaker.containers.docker.relay import Relay, host_in
from asl_runner.sagemaker.containers.images import ImageSetting, Program, Use
from asl_runner.sagemaker.containers.isolated import OPT_ML
from asl_runner.sagemaker.records import Records

AWS_URL = "AWS_ENDPOINT_URL"
CLUSTER_PORT = 9099
"""Where the first host of a job coordinates the others, in a network of their own."""
HOST_NAME = "host.docker.internal"
"""The name engines in a virtual machine (Docker Desktop) give the host."""
DOCKER = "docker/"
"""What the name of such a place begins with; the network follows."""


class DockerPlace:
    """Containers of Docker. The engine is sought when the first is wanted."""

    copies_inputs = True

    def __init__(
        self,
        configured: Sequence[ImageSetting],
        records: Records,
        *,
        network: str = "bridge",
    ) -> None:
        """`configured` are the images of the configuration, `network` Docker's name of the one to join.

        Containers that processes which are gone started for jobs of `records` are removed before the first is started.
        """
        self.name = f"{DOCKER}{network}"
        self._configured = configured
        self._network = network
        self._records = records
        self._lock = threading.RLock()
        self._connected: Engine | None = None
        self._relays: dict[int, Relay] = {}

    @property
    def engine(self) -> Engine:
        """The engine. Raises `UsageError` when there is none."""
        with self._lock:
            if self._connected is None:
                self._connected = connect()
                self._sweep(self._connected)
            return self._connected

    def program(self, image: str, use: Use = "algorithm") -> Program:
        return images.program(self.engine, image, self._configured, use)

    def problem(self, image: str, use: Use = "algorithm") -> str | None:
        try:
            images.program(self.engine, image, self._configured, pull=False)
        except (NotFound, UsageError) as problem:
            return str(problem)
        return None

    def prepare(self, image: str) -> None:
        """Nothing can be done beforehand."""

    def start(self, spec: ContainerSpec, on_line: LineCallback | None = None) -> Container:
        engine = self.engine
        spec.log_path.parent.mkdir(parents=True, exist_ok=True)
        spec.log_path.touch()
        alone, several = spec.isolated and spec.port is None, len(spec.hosts) > 1
        network = "none" if alone and not several else self._network
        wanted = options.create_options(spec, engine, network=network, labels=self._labels())
        if several:
            with self._lock:
                network = networks.join(engine, spec, self._labels(), wanted)
        if not alone:
            self._lead_to_aws(engine, network, wanted)

        def ended() -> None:
            if several:
                networks.leave(engine, network)
            self._own(engine, spec.tree.root, wanted["image"])

        return Container(spec, DockerProcess(engine, wanted, ended), on_line)

    def cluster(self) -> Mapping[str, str]:
        if self._network == "host":
            raise UsageError(
                "On the network host the containers of a job on several instances are all this machine, and cannot be "
                "told apart. Name another network in [docker] of the configuration, or use one instance."
            )
        return {CLUSTER_VARIABLE: f"{CURRENT_HOST}:{CLUSTER_PORT}"}

    def close(self) -> None:
        with self._lock:
            for relay in self._relays.values():
                relay.close()
            self._relays.clear()
            if self._connected is not None:
                self._connected.close()
                self._connected = None

    def _labels(self) -> dict[str, str]:
        return {options.JOBS_LABEL: str(self._records.root), options.OWNER_LABEL: self._records.owner}

    def _sweep(self, engine: Engine) -> None:
        """Removes the containers and networks of this workspace whose owner is gone; of others nothing can be known."""
        from docker.errors import APIError

        wanted = {"label": f"{options.JOBS_LABEL}={self._records.root}"}
        for container in engine.client.containers.list(all=True, filters=wanted, sparse=True):
            if self._records.is_gone(container.attrs["Labels"].get(options.OWNER_LABEL, "")):
                # Somebody else may be removing it, too.
                with contextlib.suppress(APIError):
                    container.remove(force=True, v=True)
        for network in engine.client.networks.list(filters=wanted):
            if self._records.is_gone(network.attrs["Labels"].get(options.OWNER_LABEL, "")):
                networks.leave(engine, network.name)

    def _lead_to_aws(self, engine: Engine, network: str, wanted: dict[str, Any]) -> None:
        """Has the container's `AWS_ENDPOINT_URL` name this machine as it is called in the container's network."""
        environment = wanted["environment"]
        url = environment.get(AWS_URL)
        if url is None:
            return
        # A proxy of the network would be asked for an address that only this machine has.
        place = urlsplit(url)
        if network == "host" or place.hostname not in ("127.0.0.1", "localhost") or place.port is None:
            return
        found = host_in(engine.client.networks.get(network))
        with self._lock:
            try:
                if found is None:
                    raise OSError
                if place.port not in self._relays:
                    self._relays[place.port] = Relay(*found, place.port)
                environment[AWS_URL] = f"http://{found[0]}:{self._relays[place.port].port}"
            except OSError:
                wanted["extra_hosts"] = {HOST_NAME: "host-gateway"}
                environment[AWS_URL] = f"http://{HOST_NAME}:{place.port}"

    def _own(self, engine: Engine, tree: Path, image: str) -> None:
        """Makes the files that a container's root left ours, so that they can be read and removed."""
        uid = os.getuid()
        if uid == 0 or not _has_foreign_files(tree, uid):
            return
        from docker.errors import DockerException

        # Without it the files stay root's; what then cannot be read is reported by whoever reads it.
        with contextlib.suppress(DockerException, OSError):
            engine.client.containers.run(
                image,
                ["-R", engine.owner, OPT_ML],
                entrypoint=["chown"],
                user="0",
                network_mode="none",
                volumes={str(tree): {"bind": OPT_ML, "mode": "rw"}},
                labels=self._labels(),
                remove=True,
            )


def _has_foreign_files(tree: Path, uid: int) -> bool:
    for directory, folders, names in os.walk(tree):
        for name in (*folders, *names):
            with contextlib.suppress(OSError):
                if os.lstat(os.path.join(directory, name)).st_uid != uid:
                    return True
    return False
