"""What a container is started with: the files of its `/opt/ml` tree, and a `ContainerSpec` that says how to run it.

Source: SageMaker developer guide, "How Amazon SageMaker AI Provides Training Information" and "Use Your Own Inference
Code with Batch Transform".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from asl_runner.sagemaker.containers.isolated import OPT_ML
from asl_runner.sagemaker.containers.tree import Tree

Kind: TypeAlias = Literal["train", "serve", "process"]

PORT_VARIABLE = "SAGEMAKER_BIND_TO_PORT"
"""Tells an inference container the port to listen on; 8080 without it."""

CLUSTER_VARIABLE = "ASL_RUNNER_CLUSTER"
"""Address and port where the first of several hosts can be found by the others; `algo-1:9099` without it."""

CURRENT_HOST = "algo-1"
INSTANCE_GROUP = "homogeneousCluster"

_PROCESSING_MEMBERS = (
    *("ProcessingJobArn", "ProcessingJobName", "AppSpecification", "Environment", "ProcessingInputs"),
    *("ProcessingOutputConfig", "ProcessingResources", "RoleArn", "StoppingCondition"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """One container to start. Its paths are those the program sees, below `/opt/ml`."""

    kind: Kind
    tree: Tree
    """This job's private `/opt/ml`; its directories exist."""
    command: tuple[str, ...]
    """Program and arguments; where the image or `entrypoint` is the program, its arguments."""
    log_path: Path
    """Where the merged stdout and stderr go."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Everything the container sees beyond the base (PATH, HOME, language, temporary directory)."""
    image: str = ""
    entrypoint: tuple[str, ...] = ()
    """The program, in place of the image's own; Docker's rules."""
    port: int | None = None
    """The port of 127.0.0.1 where an inference container is to be reached."""
    instance_type: str = ""
    """`ml.m5.large`: what the container may use, where that can be limited."""
    isolated: bool = False
    """`EnableNetworkIsolation`: no network, where that can be had."""
    working_directory: str | None = None
    """None: `code/` of the tree, in Docker that of the image."""
    threads: int | None = None
    """How many CPU threads the program may use; None leaves it to the program."""
    host: str = CURRENT_HOST
    hosts: tuple[str, ...] = (CURRENT_HOST,)
    """All hosts of the job, whose names it can look up."""
    log_prefix: str = ""
    """Put before each line of the log, but not before those given to the line callback."""


def create_tree(root: Path, *, channels: Sequence[str] = ()) -> Tree:
    """Makes the directories of a private `/opt/ml` below `root`, with one input directory per channel name.

    Raises `OSError` when they cannot be made.
    """
    tree = Tree(root)
    directories = [tree.config, tree.model, tree.output_data, tree.checkpoints, tree.code, tree.temporary]
    for directory in (*directories, tree.input / "data", *map(tree.channel, channels)):
        directory.mkdir(parents=True, exist_ok=True)
    return tree


def write_training_configuration(
    tree: Tree,
    *,
    hyperparameters: Mapping[str, str],
    channels: Sequence[Mapping[str, Any]] = (),
    input_mode: str = "File",
    resources: Mapping[str, Any] | None = None,
    checkpoints: Mapping[str, Any] | None = None,
    host: str = CURRENT_HOST,
    hosts: Sequence[str] = (CURRENT_HOST,),
) -> None:
    """Writes the JSON files of `input/config`.

    `channels`, `resources`, `checkpoints` are `InputDataConfig`, `ResourceConfig`, `CheckpointConfig` of a training
    request; hyperparameter values stay the strings they are.
    """
    _write(tree.hyperparameters, {name: str(value) for name, value in hyperparameters.items()})
    _write(tree.input_data_config, {one["ChannelName"]: _channel(one, input_mode) for one in channels})
    _write(tree.resource_config, resource_configuration(resources or {}, host, hosts))
    if checkpoints is not None:
        local_path = str(checkpoints.get("LocalPath") or f"{OPT_ML}/checkpoints")
        tree.local(local_path).mkdir(parents=True, exist_ok=True)
        _write(tree.checkpoint_config, {**checkpoints, "LocalPath": local_path})


def write_processing_configuration(
    tree: Tree, document: Mapping[str, Any], *, host: str = CURRENT_HOST, hosts: Sequence[str] = (CURRENT_HOST,)
) -> None:
    """Writes the JSON files of a processing container's `config`; `document` is the job's Describe document."""
    kept = {name: document[name] for name in _PROCESSING_MEMBERS if name in document}
    resources = resource_configuration(document["ProcessingResources"]["ClusterConfig"], host, hosts)
    _write(tree.processing_config / "processingjobconfig.json", kept)
    _write(tree.processing_config / "resourceconfig.json", resources)


def host_names(count: int) -> tuple[str, ...]:
    """The names of a job's hosts: `algo-1`, `algo-2`, ..."""
    return tuple(f"algo-{number}" for number in range(1, count + 1))


def resource_configuration(resources: Mapping[str, Any], host: str, hosts: Sequence[str]) -> dict[str, Any]:
    """The content of `resourceconfig.json`; `resources` is a `ResourceConfig` or `ClusterConfig`."""
    groups = _groups(resources, hosts)
    mine = next(group for group in groups if host in group["hosts"])
    return {
        "current_host": host,
        "current_instance_type": mine["instance_type"],
        "current_group_name": mine["instance_group_name"],
        "hosts": list(hosts),
        "instance_groups": groups,
        "network_interface_name": "eth0",
    }


def _groups(resources: Mapping[str, Any], hosts: Sequence[str]) -> list[dict[str, Any]]:
    """The hosts by instance group: one group of all, unless the request has groups of its own."""
    asked = resources.get("InstanceGroups") or [
        {"InstanceGroupName": INSTANCE_GROUP, "InstanceCount": len(hosts), **resources}
    ]
    groups, first = [], 0
    for group in asked:
        members = hosts[first : first + int(group["InstanceCount"])]
        first += len(members)
        groups.append(
            {
                "instance_group_name": group["InstanceGroupName"],
                "instance_type": str(group.get("InstanceType", "local")),
                "hosts": list(members),
            }
        )
    return groups


def _channel(channel: Mapping[str, Any], input_mode: str) -> dict[str, str]:
    source = channel.get("DataSource", {}).get("S3DataSource", {})
    entry = {
        "TrainingInputMode": str(channel.get("InputMode") or input_mode),
        "S3DistributionType": str(source.get("S3DataDistributionType") or "FullyReplicated"),
        "RecordWrapperType": str(channel.get("RecordWrapperType") or "None"),
    }
    if channel.get("ContentType"):
        entry["ContentType"] = str(channel["ContentType"])
    return entry


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
