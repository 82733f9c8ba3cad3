"""Runs a container as a child process: own session, stopped and killed as a whole."""

from __future__ import annotations

import contextlib
import os
import socket
import sys

from asl_runner.errors import UsageError
from asl_runner.sagemaker.containers import guard
from asl_runner.sagemaker.containers.container import Container, Launched, LineCallback
from asl_runner.sagemaker.containers.contract import PORT_VARIABLE, ContainerSpec
from asl_runner.sagemaker.containers.images import Program
from asl_runner.sagemaker.containers.launch import ColdProcess
from asl_runner.sagemaker.containers.tree import TREE_VARIABLE
from asl_runner.sagemaker.containers.warm import WARM_MODULES, ZygoteFailed, prepare, warm_start

INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
"""All a container inherits of our own environment; above all no credentials."""


def start(spec: ContainerSpec, on_line: LineCallback | None = None) -> Container:
    """Starts the container of `spec`.

    `on_line` is called in a thread of its own with each line of the log, without its end, as it is printed.
    Raises `UsageError` when the program does not exist or is not executable, `OSError` when the log cannot be written.
    """
    spec.log_path.parent.mkdir(parents=True, exist_ok=True)
    spec.log_path.touch()
    try:
        process = _launch(spec)
    except (FileNotFoundError, PermissionError, NotADirectoryError) as problem:
        raise UsageError(
            f"The container of {spec.image or spec.kind} cannot start: {problem.strerror}: {problem.filename}. "
            "Expected an executable program as the first word of its command."
        ) from problem
    guard.watch(process.pid)
    return Container(spec, _Guarded(process), on_line)


class _Guarded:
    """A process the guard knows until it has ended."""

    def __init__(self, process: Launched) -> None:
        self._process = process
        self.pid = process.pid
        self.log = process.log

    def wait(self) -> int:
        code = self._process.wait()
        guard.forget(self.pid)
        return code

    def signal(self, number: int) -> None:
        with contextlib.suppress(ZygoteFailed):
            self._process.signal(number)


def _launch(spec: ContainerSpec) -> Launched:
    directory = spec.working_directory or spec.tree.code
    environment = child_environment(spec)
    command = (*spec.entrypoint, *spec.command)
    if command[:2] == (sys.executable, "-m") and command[2] in WARM_MODULES:
        with contextlib.suppress(ZygoteFailed):
            return warm_start(command[2], list(command[3:]), environment, directory)
    return ColdProcess(command, environment, directory)


def prepare_program(program: Program) -> None:
    """Begins to load what a built-in algorithm needs, so that its first job starts at once; returns immediately."""
    if program.command[:2] == (sys.executable, "-m") and program.command[2] in WARM_MODULES:
        prepare(program.command[2], {**_base_environment(), **program.environment})


def child_environment(spec: ContainerSpec) -> dict[str, str]:
    """The whole environment of the container's first process."""
    environment = _base_environment()
    environment |= {"HOME": str(spec.tree.temporary), "TMPDIR": str(spec.tree.temporary)}
    if spec.threads is not None:
        environment["OMP_NUM_THREADS"] = str(spec.threads)
    port = {} if spec.port is None else {PORT_VARIABLE: str(spec.port)}
    return {**environment, **spec.environment, **port, TREE_VARIABLE: str(spec.tree.seen)}


def _base_environment() -> dict[str, str]:
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment.setdefault("LANG", "C.UTF-8")
    # OpenMP threads that spin at barriers starve the other jobs of the machine.
    return {**environment, "PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "passive"}


def free_port() -> int:
    """A TCP port of the loopback interface nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
