"""Runs a container as a child process: own session, log streamed line by line, stopped and killed as a whole.

Everything here blocks and may be called from any thread.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from asl_runner.errors import UsageError
from asl_runner.sagemaker.containers import guard
from asl_runner.sagemaker.containers.contract import ContainerSpec
from asl_runner.sagemaker.containers.images import Program
from asl_runner.sagemaker.containers.launch import ColdProcess, Launched
from asl_runner.sagemaker.containers.tree import TREE_VARIABLE
from asl_runner.sagemaker.containers.warm import WARM_MODULES, ZygoteFailed, prepare, warm_start

LineCallback = Callable[[str], object]

STOP_GRACE_SECONDS = 120.0
"""Time between SIGTERM and SIGKILL on SageMaker."""

INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
"""All a container inherits of our own environment; above all no credentials."""

LONGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a container ended."""

    code: int
    """0 to 255; 128 plus the signal when one ended it, as Docker says it."""
    signal: int | None = None
    stopped: bool = False
    """Whether `Container.stop` was called before it ended."""
    seconds: float = 0.0
    """How long it ran."""

    @property
    def ok(self) -> bool:
        return self.code == 0


class Container:
    """A running (or ended) container; made by `start`."""

    def __init__(self, spec: ContainerSpec, process: Launched, on_line: LineCallback | None) -> None:
        self.spec = spec
        self._process = process
        self._on_line = on_line
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._status: ExitStatus | None = None
        self._stopping = False
        self._callback_error: BaseException | None = None
        self._lock = threading.Lock()
        pump = threading.Thread(target=self._pump, name=f"log-{process.pid}", daemon=True)
        pump.start()
        threading.Thread(target=self._reap, args=(pump,), name=f"wait-{process.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log_path(self) -> Path:
        return self.spec.log_path

    @property
    def status(self) -> ExitStatus | None:
        """None while it runs."""
        return self._status

    def wait(self, timeout: float | None = None) -> ExitStatus | None:
        """Blocks until the container and its log have ended; None when `timeout` seconds pass first.

        An exception of the line callback is raised here.
        """
        if not self._ended.wait(timeout):
            return None
        if self._callback_error is not None:
            raise self._callback_error
        return self._status

    def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> ExitStatus:
        """SIGTERM to everything in the container, SIGKILL `grace_seconds` later if it still runs; waits for the end."""
        self.signal(signal.SIGTERM)
        if not self._ended.wait(grace_seconds):
            self.signal(signal.SIGKILL)
            self._ended.wait()
        status = self._status
        assert status is not None
        return status

    def signal(self, number: int) -> None:
        """Sends a signal to every process of the container; nothing happens once it has ended."""
        with self._lock:
            if self._status is None:
                self._stopping = True
                with contextlib.suppress(ZygoteFailed):
                    self._process.signal(number)

    def _pump(self) -> None:
        with self._process.log as stream, self.spec.log_path.open("ab", buffering=0) as log:
            while line := stream.readline(LONGEST_LINE):
                self._take(line, log)

    def _take(self, line: bytes, log: IO[bytes]) -> None:
        """One line into the log and the callback; neither a full disk nor a callback's defect may block the child."""
        try:
            log.write(line)
            if self._on_line is not None and self._callback_error is None:
                self._on_line(line.decode("utf-8", "replace").rstrip("\r\n"))
        except Exception as problem:  # noqa: BLE001 - kept, and raised by `wait` in the caller's thread
            self._callback_error = problem

    def _reap(self, pump: threading.Thread) -> None:
        returned = self._process.wait()
        seconds = time.monotonic() - self._began
        guard.forget(self.pid)
        with self._lock:
            status = ExitStatus(
                code=128 - returned if returned < 0 else returned,
                signal=-returned if returned < 0 else None,
                stopped=self._stopping,
                seconds=seconds,
            )
            self._status = status
        pump.join(timeout=5.0)
        self._ended.set()


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
    return Container(spec, process, on_line)


def _launch(spec: ContainerSpec) -> Launched:
    directory = spec.working_directory or spec.tree.code
    environment = child_environment(spec)
    if spec.command[:2] == (sys.executable, "-m") and spec.command[2] in WARM_MODULES:
        with contextlib.suppress(ZygoteFailed):
            return warm_start(spec.command[2], list(spec.command[3:]), environment, directory)
    return ColdProcess(spec.command, environment, directory)


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
    return {**environment, **spec.environment, TREE_VARIABLE: str(spec.tree.root)}


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
