"""Runs a container as a child process: own session, stopped and killed as a whole."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import sys

from asl_runner.errors import UsageError
from asl_runner.sagemaker.containers import guard, isolated
from asl_runner.sagemaker.containers.container import Container, Launched, LineCallback
from asl_runner.sagemaker.containers.contract import PORT_VARIABLE, ContainerSpec
from asl_runner.sagemaker.containers.images import Program, with_our_python
from asl_runner.sagemaker.containers.isolated import OPT_ML
from asl_runner.sagemaker.containers.launch import ColdProcess
from asl_runner.sagemaker.containers.tree import TREE_VARIABLE, Tree
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
    """Starts the program where `/opt/ml` is its tree; where that cannot be, what it is told names the tree itself."""
    tree, environment = spec.tree, child_environment(spec)
    located = {name: tree.located(value) for name, value in environment.items()}
    inside = spec.working_directory or f"{OPT_ML}/code"
    directory = tree.local(inside)
    command = (*with_our_python(spec.entrypoint), *spec.command)
    if command[:2] == (sys.executable, "-m") and command[2] in WARM_MODULES:
        # The built-in algorithms ask where their tree is, and need no namespace.
        with contextlib.suppress(ZygoteFailed):
            return warm_start(command[2], list(command[3:]), located, directory)
        return ColdProcess(command, located, directory)
    _check_program(command[0], environment["PATH"], tree)
    if (reason := isolated.problem()) is not None:
        with spec.log_path.open("a", encoding="utf-8") as log:
            log.write(
                f"asl_runner: this machine gives no program an /opt/ml of its own ({reason}). It is {tree.root} here; "
                f"arguments and variables say so, paths written in the program itself do not.\n"
            )
        return ColdProcess(tuple(map(tree.located, command)), located, directory)
    addresses = {name: f"127.0.0.{number}" for number, name in enumerate(spec.hosts, 1)}
    wrapped = isolated.wrapped(list(command), tree.root, inside, addresses)
    return ColdProcess(tuple(wrapped), environment, tree.root)


def _check_program(program: str, search_path: str, tree: Tree) -> None:
    """Raises `OSError` for a program that is not there; one relative to the working directory is not looked for."""
    if "/" in program and not program.startswith("/"):
        return
    path = str(tree.local(program))
    if shutil.which(path, path=search_path) is None:
        number = errno.EACCES if os.path.isfile(path) else errno.ENOENT
        raise OSError(number, os.strerror(number), program)


def prepare_program(program: Program) -> None:
    """Begins to load what a built-in algorithm needs, so that its first job starts at once; returns immediately."""
    if program.command[:2] == (sys.executable, "-m") and program.command[2] in WARM_MODULES:
        prepare(program.command[2], {**_base_environment(), **program.environment})


def child_environment(spec: ContainerSpec) -> dict[str, str]:
    """The whole environment of the container's first process."""
    environment = _base_environment()
    temporary = str(Tree(OPT_ML).temporary)
    environment |= {"HOME": temporary, "TMPDIR": temporary}
    if spec.threads is not None:
        environment["OMP_NUM_THREADS"] = str(spec.threads)
    port = {} if spec.port is None else {PORT_VARIABLE: str(spec.port)}
    return {**environment, **spec.environment, **port, TREE_VARIABLE: OPT_ML}


def _base_environment() -> dict[str, str]:
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment.setdefault("LANG", "C.UTF-8")
    # `python3` and `pip` of a command are those that run us, as those of an image are the image's own.
    ours = os.path.dirname(sys.executable)
    environment["PATH"] = os.pathsep.join(filter(None, [ours, environment.get("PATH", os.defpath)]))
    # OpenMP threads that spin at barriers starve the other jobs of the machine.
    return {**environment, "PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "passive"}


def free_port() -> int:
    """A TCP port of the loopback interface nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
