"""Which program an image URI stands for: a configured one first, else a built-in algorithm by its repository."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import asl_runner
from asl_runner.errors import NotFound

XGBOOST_VERSION_VARIABLE = "ASL_RUNNER_XGBOOST_VERSION"
CLASSIC_XGBOOST = "0.72"
NEWEST_XGBOOST = "3.0-5"

REPOSITORIES = {"xgboost": "xgboost", "sagemaker-xgboost": "xgboost"}
"""Repository name of a built-in image, without account, region and tag, to the algorithm."""

FRAMEWORKS = {"sagemaker-scikit-learn": "scikit-learn", "sagemaker-xgboost": "xgboost"}
"""Repository name of an image whose Python this one stands for when a script runs in it, to its framework."""

FRAMEWORK_VARIABLE = "ASL_RUNNER_FRAMEWORK"
_SCRIPTS = "asl_runner.sagemaker.algorithms.scripts"

Use: TypeAlias = Literal["algorithm", "script", "processing"]
"""What an image is started for: its algorithm, a user's script in its place, or a processing job."""

_PYTHON = re.compile(r"python(3(\.\d+)?)?")


class ImageSetting(Protocol):
    """One configured image: a glob on the URI, and what stands for it: a built-in algorithm or a command as processes,
    an image in Docker."""

    @property
    def pattern(self) -> str: ...
    @property
    def algorithm(self) -> str | None: ...
    @property
    def command(self) -> tuple[str, ...] | None: ...
    @property
    def image(self) -> str | None: ...
    @property
    def environment(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Program:
    """What stands for an image."""

    image: str
    command: tuple[str, ...]
    """Program and leading arguments; `train` or `serve` follows. Empty where the image is run itself."""
    algorithm: str | None = None
    """Name of the built-in algorithm; None for a command."""
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, argument: Literal["train", "serve"]) -> tuple[str, ...]:
        """The whole command for a training or inference container, as `docker run IMAGE argument` would have it."""
        return (*self.command, argument)


def resolve(image: str, configured: Sequence[ImageSetting] = (), use: Use = "algorithm") -> Program:
    """The program that stands for the image URI `image`; the first configured glob that matches wins.

    In a processing job its command is the image's entrypoint, () where it has none. Raises `NotFound` for an image
    nothing is known about, with the configuration to write.
    """
    for setting in configured:
        if fnmatchcase(image, setting.pattern):
            if setting.command is not None:
                return Program(image, setting.command, None, setting.environment)
            if setting.algorithm is not None:
                return _stands_for(image, setting.algorithm, use, setting.environment)
            break
    name = repository(image)
    if use == "algorithm" and name in REPOSITORIES:
        return _stands_for(image, REPOSITORIES[name], use, {})
    if name not in FRAMEWORKS:
        raise _unknown(image)
    return _stands_for(image, FRAMEWORKS[name], use, {})


def _stands_for(image: str, name: str, use: Use, environment: Mapping[str, str]) -> Program:
    if use == "processing":
        return Program(image, (), None, environment)
    if use == "script" or name == "scikit-learn":
        variables = {FRAMEWORK_VARIABLE: name, **_importable(environment)}
        return Program(image, (sys.executable, "-m", _SCRIPTS), None, variables)
    return _built_in(image, name, environment)


def with_our_python(command: Sequence[str]) -> tuple[str, ...]:
    """A command of a Python image: its Python, wherever the image has it, is the one that runs this."""
    if command and _PYTHON.fullmatch(command[0].rpartition("/")[2]):
        return (sys.executable, *command[1:])
    return tuple(command)


def _unknown(image: str) -> NotFound:
    return NotFound(
        f"No local program is known for the image {image!r}. Built-in images: "
        f"{', '.join(sorted({*REPOSITORIES, *FRAMEWORKS}))} (any account, region and tag). "
        "Say what stands for it in asl-runner.toml:\n"
        "  [images]\n"
        f'  "*/{repository(image)}:*" = {{ command = ["python", "program.py"] }}\n'
        "`train` or `serve` is added to the command; in a processing job it is the image's entrypoint.\n"
        "Or have Docker run the image itself: --use sagemaker=docker"
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
    variables = {XGBOOST_VERSION_VARIABLE: xgboost_version(image), **_importable(environment)}
    module = f"asl_runner.sagemaker.algorithms.{algorithm}"
    return Program(image, (sys.executable, "-m", module), algorithm, variables)


def _importable(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables with which a program of ours finds this package."""
    parent = str(Path(asl_runner.__file__).parent.parent)
    return {"PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), parent])), **environment}
