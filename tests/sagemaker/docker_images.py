"""Names of what the tests with real containers need, and what they look at."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asl_runner.sagemaker.containers.docker.engine import Engine
from asl_runner.sagemaker.containers.docker.options import JOBS_LABEL

WISH = "ASL_RUNNER_DOCKER"
"""`required`: these tests fail without an engine; `none`: they are skipped in any case."""

BASE = "asl-runner-test/base"
"""A Debian with Python; `.ci/docker` makes it."""

OWN = "asl-runner-test/own"
"""An image as a user would build one, with programs `train` and `serve` of its own."""


def containers(engine: Engine, root: Path) -> list[Any]:
    """The containers of the jobs below a test's directory."""
    wanted = {"label": f"{JOBS_LABEL}={root / 'jobs'}"}
    found: list[Any] = engine.client.containers.list(all=True, filters=wanted, ignore_removed=True)
    return found


def networks(engine: Engine, root: Path) -> list[Any]:
    """The networks of the jobs below a test's directory."""
    found: list[Any] = engine.client.networks.list(filters={"label": f"{JOBS_LABEL}={root / 'jobs'}"})
    return found


def eventually(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """What the condition gives once it holds."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
    return found


def read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
