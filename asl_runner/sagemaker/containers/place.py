"""Where containers run. A job knows no more of it than this: an image in, a running container out.

`process` is here; `docker` is in `containers/docker/place.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Protocol

from asl_runner.errors import NotFound, UsageError
from asl_runner.sagemaker.containers import process
from asl_runner.sagemaker.containers.container import Container, LineCallback
from asl_runner.sagemaker.containers.contract import CLUSTER_VARIABLE, ContainerSpec
from asl_runner.sagemaker.containers.images import ImageSetting, Program, Use, resolve

PROCESS = "process"


class Place(Protocol):
    """A place to run containers. All methods may be called from any thread."""

    @property
    def name(self) -> str:
        """How records call it: `process`, or `docker/NETWORK`."""

    @property
    def copies_inputs(self) -> bool:
        """Whether even a built-in algorithm must be given copies of its inputs, not the bucket's own files."""

    def program(self, image: str, use: Use = "algorithm") -> Program:
        """What runs for an image, in a processing job its entrypoint.

        Raises `NotFound` or `UsageError`, saying what to do.
        """

    def problem(self, image: str, use: Use = "algorithm") -> str | None:
        """Why an image could not be run, as far as can be told without running it."""

    def prepare(self, image: str) -> None:
        """An image is about to be run: begins what can be done beforehand; returns at once."""

    def start(self, spec: ContainerSpec, on_line: LineCallback | None = None) -> Container:
        """Starts a container; `on_line` gets each line of its log.

        Raises `UsageError` when it cannot be started, `OSError` when its log cannot be written.
        """

    def cluster(self) -> Mapping[str, str]:
        """Variables by which the hosts of one job find each other. Raises `UsageError` where they cannot."""

    def close(self) -> None:
        """Ends what runs beside the containers; they themselves have ended."""


class ProcessPlace:
    """Containers as child processes of this one."""

    name = PROCESS
    copies_inputs = False

    def __init__(self, images: Sequence[ImageSetting] = ()) -> None:
        self._images = images

    def program(self, image: str, use: Use = "algorithm") -> Program:
        return resolve(image, self._images, use)

    def problem(self, image: str, use: Use = "algorithm") -> str | None:
        try:
            self.program(image, use)
        except NotFound as unknown:
            return str(unknown)
        return None

    def prepare(self, image: str) -> None:
        with contextlib.suppress(NotFound, UsageError):
            process.prepare_program(self.program(image))

    def start(self, spec: ContainerSpec, on_line: LineCallback | None = None) -> Container:
        if spec.kind == "process" and not (spec.entrypoint or self.program(spec.image, "processing").command):
            text = f"The image {spec.image} has no program of its own here; give the job a ContainerEntrypoint."
            raise UsageError(text)
        return process.start(spec, on_line)

    def cluster(self) -> Mapping[str, str]:
        return {CLUSTER_VARIABLE: f"127.0.0.1:{process.free_port()}"}

    def close(self) -> None:
        """Nothing runs beside child processes."""
