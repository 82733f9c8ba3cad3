"""Which program an image URI stands for: a configured one first, else a built-in algorithm by its repository."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, Protocol

import asl_runner
from asl_runner.errors import NotFound

XGBOOST_VERSION_VARIABLE = "ASL_RUNNER_XGBOOST_VERSION"
CLASSIC_XGBOOST = "0.72"
NEWEST_XGBOOST = "3.0-5"

REPOSITORIES = {"xgboost": "xgboost", "sagemaker-xgboost": "xgboost"}
"""Repository name of a built-in image, without account, region and tag, to the algorithm."""

PYTHON_REPOSITORIES = frozenset({"sagemaker-scikit-learn", "sagemaker-xgboost"})
"""Images whose Python this one stands for when a processing job runs a script in them."""

_PYTHON = re.compile(r"python(3(\.\d+)?)?")


class ImageSetting(Protocol):
    """One configured image: a glob on the URI, and either a built-in algorithm or a command."""

    @property
    def pattern(self) -> str: ...
    @property
    def algorithm(self) -> str | None: ...
    @property
    def command(self) -> tuple[str, ...] | None: ...
    @property
    def environment(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Program:
    """What stands for an image."""

    image: str
    command: tuple[str, ...]
    """Program and leading arguments; `train` or `serve` follows."""
    algorithm: str | None = None
    """Name of the built-in algorithm; None for a command."""
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, argument: Literal["train", "serve"]) -> tuple[str, ...]:
        """The whole command for a training or inference container, as `docker run IMAGE argument` would have it."""
        return (*self.command, argument)


def resolve(image: str, configured: Sequence[ImageSetting] = ()) -> Program:
    """The program that stands for the image URI `image`; the first configured glob that matches wins.

    Raises `NotFound` for an image nothing is known about, with the configuration to write.
    """
    for setting in configured:
        if fnmatchcase(image, setting.pattern):
            if setting.command is not None:
                return Program(image, setting.command, None, setting.environment)
            return _built_in(image, setting.algorithm or "", setting.environment)
    algorithm = REPOSITORIES.get(repository(image))
    if algorithm is None:
        raise _unknown(image, REPOSITORIES, "`train` or `serve` is added to the command.")
    return _built_in(image, algorithm, {})


def resolve_processing(image: str, configured: Sequence[ImageSetting] = ()) -> Program:
    """What stands for an image in a processing job: its command is the image's entrypoint, () where it has none.

    Raises `NotFound` for an image nothing is known about, with the configuration to write.
    """
    for setting in configured:
        if fnmatchcase(image, setting.pattern):
            return Program(image, setting.command or (), None, setting.environment)
    if repository(image) not in PYTHON_REPOSITORIES:
        text = "A ContainerEntrypoint of the job replaces the command, and ContainerArguments are added to it."
        raise _unknown(image, PYTHON_REPOSITORIES, text)
    return Program(image, ())


def with_our_python(command: Sequence[str]) -> tuple[str, ...]:
    """A command of a Python image: its Python, wherever the image has it, is the one that runs this."""
    if command and _PYTHON.fullmatch(command[0].rpartition("/")[2]):
        return (sys.executable, *command[1:])
    return tuple(command)


def _unknown(image: str, known: Iterable[str], hint: str) -> NotFound:
    return NotFound(
        f"No local program is known for the image {image!r}. Built-in images: {', '.join(sorted(known))} "
        "(any account, region and tag). Say what stands for it in asl-runner.toml:\n"
        "  [images]\n"
        f'  "*/{repository(image)}:*" = {{ command = ["python", "program.py"] }}\n'
        f"{hint}"
    )


def repository(image: str) -> str:
    """The last part of the repository path of an image URI, without registry, tag and digest."""
    return image.split("@", 1)[0].rsplit("/", 1)[-1].split(":", 1)[0]


def xgboost_version(image: str) -> str:
    """The version of XGBoost inside a built-in image.

    `xgboost:1` and `xgboost:latest` are 0.72 for ever; the tag of `sagemaker-xgboost` begins with the version.
    """
    if repository(image) == "xgboost":
        return CLASSIC_XGBOOST
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    found = re.match(r"\d+\.\d+(-\d+)?", tag)
    return found.group() if found else NEWEST_XGBOOST


def _built_in(image: str, algorithm: str, environment: Mapping[str, str]) -> Program:
    parent = str(Path(asl_runner.__file__).parent.parent)
    search_path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), parent]))
    variables = {XGBOOST_VERSION_VARIABLE: xgboost_version(image), "PYTHONPATH": search_path, **environment}
    module = f"asl_runner.sagemaker.algorithms.{algorithm}"
    return Program(image, (sys.executable, "-m", module), algorithm, variables)
