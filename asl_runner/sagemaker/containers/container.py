"""A running container, wherever it runs: its log streamed line by line, its end, and how it is stopped.

Everything here blocks and may be called from any thread.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, TypeAlias

from asl_runner.sagemaker.containers.contract import ContainerSpec

LineCallback: TypeAlias = Callable[[str], object]

STOP_GRACE_SECONDS = 120.0
"""Time between SIGTERM and SIGKILL on SageMaker."""

LONGEST_LINE = 1 << 16


class Launched(Protocol):
    """What runs a container: the leader of a process group, or a container of Docker."""

    @property
    def pid(self) -> int:
        """Its first process, as this machine numbers it; 0 where it cannot be known."""

    @property
    def log(self) -> IO[bytes]:
        """Its stdout and stderr."""

    def wait(self) -> int:
        """Blocks until it has ended and nothing is left of it; the exit code, or minus the signal."""

    def signal(self, number: int) -> None:
        """Sends a signal to it; nothing happens once `wait` has returned."""


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a container ended."""

    code: int
    """0 to 255; 128 plus the signal when one ended it, as Docker says it."""
    signal: int | None = None
    """Known of processes; of Docker's containers only the code is."""
    stopped: bool = False
    """Whether `Container.stop` was called before it ended."""
    seconds: float = 0.0
    """How long it ran."""

    @property
    def ok(self) -> bool:
        return self.code == 0


class Container:
    """A running (or ended) container; made by a place's `start`."""

    def __init__(self, spec: ContainerSpec, process: Launched, on_line: LineCallback | None) -> None:
        self.spec = spec
        self._process = process
        self._prefix = spec.log_prefix.encode()
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
        """Sends a signal to the container; nothing happens once it has ended."""
        with self._lock:
            if self._status is None:
                self._stopping = True
                self._process.signal(number)

    def _pump(self) -> None:
        with self._process.log as stream, self.spec.log_path.open("ab", buffering=0) as log:
            while line := stream.readline(LONGEST_LINE):
                self._take(line, log)

    def _take(self, line: bytes, log: IO[bytes]) -> None:
        """One line into the log and the callback; neither a full disk nor a callback's defect may block the child."""
        try:
            log.write(self._prefix + line)
            if self._on_line is not None and self._callback_error is None:
                self._on_line(line.decode("utf-8", "replace").rstrip("\r\n"))
        except Exception as problem:  # noqa: BLE001 - kept, and raised by `wait` in the caller's thread
            self._callback_error = problem

    def _reap(self, pump: threading.Thread) -> None:
        returned = self._process.wait()
        seconds = time.monotonic() - self._began
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
