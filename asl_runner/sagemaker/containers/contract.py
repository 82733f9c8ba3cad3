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

from asl_runner.sagemaker.containers.tree import Tree

Kind: TypeAlias = Literal["train", "serve", "process"]

PORT_VARIABLE = "SAGEMAKER_BIND_TO_PORT"
"""Tells an inference container the port to listen on; 8080 without it."""

CURRENT_HOST = "algo-1"
INSTANCE_GROUP = "homogeneousCluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """One container to start."""

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
    working_directory: Path | None = None
    """None: `code/` of the tree, in Docker that of the image."""
    threads: int | None = None
    """How many CPU threads the program may use; None leaves it to the program."""
    hosts: tuple[str, ...] = (CURRENT_HOST,)


def create_tree(root: Path, *, channels: Sequence[str] = (), seen: Path | None = None) -> Tree:
    """Makes the directories of a private `/opt/ml` below `root`, with one input directory per channel name.

    `seen` is where the container sees the tree, None for `root` itself. Raises `OSError` when they cannot be made.
    """
    tree = Tree(root, seen)
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
) -> None:
    """Writes the JSON files of `input/config`.

    `channels`, `resources`, `checkpoints` are `InputDataConfig`, `ResourceConfig`, `CheckpointConfig` of a training
    request; hyperparameter values stay the strings they are.
    """
    _write(tree.hyperparameters, {name: str(value) for name, value in hyperparameters.items()})
    _write(tree.input_data_config, {one["ChannelName"]: _channel(one, input_mode) for one in channels})
    _write(tree.resource_config, resource_configuration(str((resources or {}).get("InstanceType", "local"))))
    if checkpoints is not None:
        local_path = str(checkpoints.get("LocalPath") or "/opt/ml/checkpoints")
        tree.local(local_path).mkdir(parents=True, exist_ok=True)
        _write(tree.checkpoint_config, {**checkpoints, "LocalPath": str(tree.inside.local(local_path))})


def resource_configuration(instance_type: str) -> dict[str, Any]:
    """The content of `resourceconfig.json` for a job on one host."""
    group = {"instance_group_name": INSTANCE_GROUP, "instance_type": instance_type, "hosts": [CURRENT_HOST]}
    return {
        "current_host": CURRENT_HOST,
        "current_instance_type": instance_type,
        "current_group_name": INSTANCE_GROUP,
        "hosts": [CURRENT_HOST],
        "instance_groups": [group],
        "network_interface_name": "eth0",
    }


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
