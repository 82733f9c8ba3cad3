"""How Docker is told to run a container: the arguments of `containers.create` for a `ContainerSpec`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asl_runner.sagemaker.containers.contract import PORT_VARIABLE, ContainerSpec
from asl_runner.sagemaker.containers.docker.engine import Engine, platform
from asl_runner.sagemaker.containers.instances import Instance, instance
from asl_runner.sagemaker.containers.isolated import OPT_ML

SERVING_PORT = 8080
"""Where inference containers listen on SageMaker."""

JOBS_LABEL = "asl-runner.jobs"
OWNER_LABEL = "asl-runner.owner"
"""Labels of our containers: the jobs directory, and the token of the process that runs the job."""


def create_options(spec: ContainerSpec, engine: Engine, *, network: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """The arguments; `network` is Docker's name of one, `labels` mark whose container it is."""
    import docker

    shares_network = network == "host"
    options: dict[str, Any] = {
        "image": spec.image,
        "command": list(spec.command),
        "environment": _environment(spec, SERVING_PORT if not shares_network else spec.port),
        "volumes": {str(spec.tree.root): {"bind": OPT_ML, "mode": "rw,z" if engine.has_selinux else "rw"}},
        "labels": {**labels, "asl-runner.job": spec.log_path.parent.name},
        "network_mode": network,
        "platform": platform(),
        # What is printed comes over the attached connection, into the log of the job.
        "log_config": docker.types.LogConfig(type=docker.types.LogConfig.types.NONE),
        **limits(instance(spec.instance_type), engine),
    }
    if spec.entrypoint:
        options["entrypoint"] = list(spec.entrypoint)
    if spec.working_directory is not None:
        options["working_dir"] = spec.working_directory
    if not shares_network:
        options["hostname"] = spec.host
        if spec.port is not None:
            options["ports"] = {f"{SERVING_PORT}/tcp": ("127.0.0.1", spec.port)}
    return options


def limits(has: Instance | None, engine: Engine) -> dict[str, Any]:
    """What a container of an instance may use: no more than the instance has, nor than there is here."""
    import docker

    if has is None:
        return {}
    memory = min(has.memory, engine.memory or has.memory)
    found: dict[str, Any] = {
        "nano_cpus": min(has.vcpus, engine.cpus) * 10**9,
        "mem_limit": memory,
        # Without it a container could use as much swap again.
        "memswap_limit": memory,
        # Docker's 64 MB are too few for the data loaders of deep learning.
        "shm_size": memory // 2,
    }
    if has.gpus and engine.has_gpus:
        count = min(has.gpus, gpus_here() or has.gpus)
        found["device_requests"] = [docker.types.DeviceRequest(count=count, capabilities=[["gpu"]])]
    return found


def gpus_here() -> int:
    """How many NVIDIA GPUs the kernel's driver shows; 0 where it does not say."""
    return sum(1 for _ in Path("/proc/driver/nvidia/gpus").glob("*"))


def _environment(spec: ContainerSpec, port: int | None) -> dict[str, str]:
    environment: dict[str, str] = {}
    if spec.threads is not None:
        environment["OMP_NUM_THREADS"] = str(spec.threads)
    environment |= spec.environment
    if spec.port is not None:
        environment[PORT_VARIABLE] = str(port)
    return environment
