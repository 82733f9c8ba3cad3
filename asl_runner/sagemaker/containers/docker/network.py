"""A network for the hosts of one job, in which they find each other by name; it is there as long as one of them is."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from typing import Any

from asl_runner.sagemaker.containers.contract import ContainerSpec
from asl_runner.sagemaker.containers.docker.engine import Engine


def join(engine: Engine, spec: ContainerSpec, labels: Mapping[str, str], options: dict[str, Any]) -> str:
    """Has a container of a job on several hosts join the job's network, under its host name; gives the network's name.

    `options` are the arguments of `containers.create`, which are changed.
    """
    from docker.types import EndpointConfig

    name = f"asl-runner-{hashlib.sha256(str(spec.log_path).encode()).hexdigest()[:16]}"
    if not engine.client.networks.list(names=[f"^{name}$"]):
        engine.client.networks.create(name, labels=dict(labels), internal=spec.isolated, check_duplicate=True)
    del options["network_mode"]
    options["network"] = name
    version = engine.client.api.api_version
    options["networking_config"] = {name: EndpointConfig(version, aliases=[spec.host])}
    return name


def leave(engine: Engine, name: str) -> None:
    """Removes the network if nobody is in it any more."""
    from docker.errors import APIError

    for network in engine.client.networks.list(names=[f"^{name}$"]):
        # Refused while another host is in it, which then removes it.
        with contextlib.suppress(APIError):
            network.remove()
