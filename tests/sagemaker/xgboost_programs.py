"""Helpers of the XGBoost tests: a job's tree with data in it, and its programs run for real in child processes."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from asl_runner.sagemaker.containers.container import Container, ExitStatus
from asl_runner.sagemaker.containers.contract import ContainerSpec, create_tree, write_training_configuration
from asl_runner.sagemaker.containers.environment import training_environment
from asl_runner.sagemaker.containers.images import resolve
from asl_runner.sagemaker.containers.inference import wait_until_ready
from asl_runner.sagemaker.containers.process import free_port, start
from asl_runner.sagemaker.containers.tree import Tree

CLASSIC = "433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:latest"
CURRENT = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"


def table(rows: int = 60, columns: int = 3, seed: int = 1) -> str:
    """CSV whose label is a noisy sum of its features."""
    generator = np.random.default_rng(seed)
    features = generator.random((rows, columns))
    labels = features.sum(axis=1) + generator.normal(0, 0.01, rows)
    return "".join(",".join(f"{number:.4f}" for number in row) + "\n" for row in np.column_stack([labels, features]))


def classes(count: int, rows: int = 60, seed: int = 2) -> str:
    """CSV whose label is one of `count` classes, told by the first feature."""
    generator = np.random.default_rng(seed)
    features = generator.random((rows, 3))
    labels = (features[:, 0] * count).astype(int)
    return "".join(
        f"{label}," + ",".join(f"{one:.4f}" for one in row) + "\n" for label, row in zip(labels, features, strict=True)
    )


class Trained:
    """What a training program left behind."""

    def __init__(self, tree: Tree, status: ExitStatus, lines: list[str]) -> None:
        self.tree = tree
        self.status = status
        self.lines = lines
        self.failure = tree.read_failure()

    @property
    def rounds(self) -> list[str]:
        return [line for line in self.lines if line.startswith("[") and "\t" in line]


def tree_with(root: Path, channels: Mapping[str, Mapping[str, str | bytes]]) -> Tree:
    """A tree whose channels have the given files."""
    tree = create_tree(root / "ml", channels=list(channels))
    for channel, files in channels.items():
        for name, content in files.items():
            path = tree.channel(channel) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return tree


def training_spec(
    root: Path,
    hyperparameters: Mapping[str, str],
    channels: Mapping[str, Mapping[str, str | bytes]],
    *,
    image: str = CURRENT,
    content_type: str | None = "text/csv",
    extra_channel: Mapping[str, Any] | None = None,
    checkpoints: Mapping[str, Any] | None = None,
) -> ContainerSpec:
    tree = tree_with(root, channels)
    requested: list[dict[str, Any]] = [
        {"ChannelName": name, **({"ContentType": content_type} if content_type else {}), **(extra_channel or {})}
        for name in channels
    ]
    write_training_configuration(
        tree,
        hyperparameters=hyperparameters,
        channels=requested,
        checkpoints=checkpoints,
        resources={"InstanceType": "x"},
    )
    program = resolve(image)
    return ContainerSpec(
        kind="train",
        tree=tree,
        command=program.start("train"),
        log_path=root / "log.txt",
        environment={
            **program.environment,
            **training_environment(tree, job_name="job", job_arn="arn:job", region="us-east-1"),
        },
        image=image,
        threads=1,
    )


def run_training(root: Path, hyperparameters: Mapping[str, str], channels: Any, **options: Any) -> Trained:
    """The training program, run to its end."""
    spec = training_spec(root, hyperparameters, channels, **options)
    lines: list[str] = []
    status = start(spec, lines.append).wait(60)
    assert status is not None
    return Trained(spec.tree, status, lines)


@contextmanager
def serving(
    root: Path, model: bytes | Sequence[bytes], environment: Mapping[str, str] | None = None, *, image: str = CURRENT
) -> Iterator[tuple[int, Container]]:
    """A running inference program for a model file (or several); its port and container."""
    tree = create_tree(root / "serve")
    for number, content in enumerate([model] if isinstance(model, bytes) else model):
        (tree.model / f"xgboost-model-{number}").write_bytes(content)
    program = resolve(image)
    port = free_port()
    variables = {**program.environment, "SAGEMAKER_BIND_TO_PORT": str(port), **(environment or {})}
    spec = ContainerSpec(
        kind="serve",
        tree=tree,
        command=program.start("serve"),
        log_path=root / "serve.txt",
        environment=variables,
        image=image,
        threads=2,
    )
    container = start(spec)
    try:
        wait_until_ready(container, port, 60)
        yield port, container
    finally:
        container.stop(5)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def dense_record(values: list[float], label: float | None) -> bytes:
    """A record as Amazon's algorithms write it: `features` and `label` maps with the key `values`."""
    body = bytes([1 << 3 | 2]) + framed(entry(values))
    if label is not None:
        body += bytes([2 << 3 | 2]) + framed(entry([label]))
    return struct.pack("<II", 0xCED7230A, len(body)) + body + b"\0" * (-len(body) % 4)


def entry(values: list[float]) -> bytes:
    packed = struct.pack(f"<{len(values)}f", *values)
    tensor = b"\x0a" + framed(packed)
    return b"\x0a" + framed(b"values") + b"\x12" + framed(b"\x12" + framed(tensor))


def framed(content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([len(content)]) + content
