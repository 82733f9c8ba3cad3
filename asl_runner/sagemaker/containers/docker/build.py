"""Builds the images that stand for SageMaker's own, from the Dockerfiles in `containers/`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

import asl_runner
from asl_runner.errors import AslRunnerError, NotFound
from asl_runner.sagemaker.containers.docker.engine import Engine, platform
from asl_runner.sagemaker.containers.docker.images import BUILT, REPOSITORIES

PASSED_ON = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Variables of ours that a build gets as arguments, so that its pip finds packages where ours does."""


class BuildFailed(AslRunnerError):
    """A build failed; its output has been shown."""


class BuiltImage(Struct, frozen=True, kw_only=True):
    """One of our images and whether the engine has it."""

    name: str
    """`xgboost`."""
    image: str
    stands_for: tuple[str, ...]
    """Repositories, of any registry and tag."""
    id: str | None = None
    created: str | None = None
    """As the engine says it, ISO 8601."""
    size: int | None = None
    """Bytes."""


def listed(engine: Engine) -> list[BuiltImage]:
    """Our images, built or not."""
    from docker.errors import ImageNotFound

    found = []
    for name, image in BUILT.items():
        stands_for = tuple(repository for repository, built in REPOSITORIES.items() if built == name)
        one = BuiltImage(name=name, image=image, stands_for=stands_for)
        try:
            attributes = engine.client.images.get(image).attrs
        except ImageNotFound:
            found.append(one)
            continue
        created, size = attributes.get("Created"), attributes.get("Size")
        found.append(
            BuiltImage(name=name, image=image, stands_for=stands_for, id=attributes["Id"], created=created, size=size)
        )
    return found


def build(
    engine: Engine,
    name: str,
    *,
    arguments: Mapping[str, str],
    network: str | None = None,
    said: Callable[[str], object] = lambda line: None,
) -> str:
    """Builds the image `name` and gives its id; `said` gets the output line by line.

    `arguments` are the Dockerfile's build arguments, `network` is Docker's name of the one its commands use. Raises
    `NotFound` when there is no such image, `BuildFailed`.
    """
    from docker.errors import APIError

    dockerfile = dockerfiles() / name / "Dockerfile"
    if name not in BUILT or not dockerfile.is_file():
        raise NotFound(f"There is no image {name!r} to build; there are: {', '.join(BUILT)}.")
    ours = {variable: os.environ[variable] for variable in PASSED_ON if variable in os.environ}
    with tempfile.TemporaryDirectory(prefix="asl-runner-image-") as scratch:
        context = Path(scratch)
        shutil.copy(dockerfile, context / "Dockerfile")
        package = Path(asl_runner.__file__).parent
        shutil.copytree(package, context / "asl_runner", ignore=shutil.ignore_patterns("__pycache__"))
        try:
            output = engine.client.api.build(
                path=scratch,
                tag=f"{BUILT[name]}:latest",
                buildargs={**ours, **arguments},
                network_mode=network,
                platform=platform(),
                rm=True,
                forcerm=True,
                decode=True,
            )
            return _followed(name, output, said)
        except APIError as problem:
            raise BuildFailed(f"The image {BUILT[name]} could not be built: {problem.explanation}") from problem


def dockerfiles() -> Path:
    """The folder of Dockerfiles: beside the package in a checkout, inside it where it is installed."""
    inside = Path(__file__).parent / "dockerfiles"
    return inside if inside.is_dir() else Path(asl_runner.__file__).parents[1] / "containers"


def _followed(name: str, output: Iterator[dict[str, Any]], said: Callable[[str], object]) -> str:
    made = None
    for part in output:
        for line in str(part.get("stream", part.get("status", ""))).splitlines():
            if line.strip():
                said(line)
        if "error" in part:
            raise BuildFailed(f"The image {BUILT[name]} could not be built: {part['error']}")
        made = part.get("aux", {}).get("ID", made)
    if made is None:
        raise BuildFailed(f"The image {BUILT[name]} could not be built: the engine ended without an image.")
    return str(made)
