"""Starts built-in algorithms by a fork of a process that has imported them: 0.02 s instead of 0.33 s.

One zygote per algorithm and interpreter, started with the first job and ended with this process. Where it cannot be
had, callers start the program from nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

WARM_MODULES = frozenset({"asl_runner.sagemaker.algorithms.xgboost"})
"""Modules that can be run as a zygote: `python -m MODULE --zygote DESCRIPTOR`."""

START_SECONDS = 60.0

_lock = threading.Lock()
_zygotes: dict[tuple[int, str], Zygote] = {}


class ZygoteFailed(Exception):
    """The zygote is not there; the job can be started from nothing."""


class WarmProcess:
    """A job forked from a zygote."""

    def __init__(self, zygote: Zygote, pid: int, log: IO[bytes]) -> None:
        self._zygote = zygote
        self.pid = pid
        self.log = log
        self._code = -signal.SIGKILL
        self._ended = threading.Event()

    def end(self, code: int) -> None:
        """Called with the exit code, or minus the signal, once it and its group are gone."""
        self._code = code
        self._ended.set()

    def wait(self) -> int:
        self._ended.wait()
        return self._code

    def signal(self, number: int) -> None:
        self._zygote.send({"signal": [self.pid, number]})


class Zygote:
    """The parent's side of one zygote process."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, "--zygote", str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket = ours
        self._starting = threading.Lock()
        self._sending = threading.Lock()
        self._replies: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._jobs: dict[int, WarmProcess] = {}
        self._early: dict[int, int] = {}
        self._jobs_lock = threading.Lock()
        self.alive = True
        self._ready = False
        threading.Thread(target=self._listen, name="zygote", daemon=True).start()

    def start(self, arguments: list[str], environment: Mapping[str, str], directory: Path) -> WarmProcess:
        """A forked job whose log is a pipe; raises `ZygoteFailed`."""
        reading, writing = os.pipe()
        job = {"arguments": arguments, "environment": dict(environment), "directory": str(directory)}
        try:
            with self._starting:
                if not self._ready:
                    self._ready = self._reply() == {"ready": True}
                self.send({"start": job}, [writing])
                pid = int(self._reply()["started"])
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        process = WarmProcess(self, pid, os.fdopen(reading, "rb"))
        with self._jobs_lock:
            self._jobs[pid] = process
            code = self._early.pop(pid, None if self.alive else -signal.SIGKILL)
        if code is not None:
            process.end(code)
        return process

    def send(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        """Raises `ZygoteFailed` when the message cannot be sent, also when it is too long."""
        try:
            with self._sending:
                socket.send_fds(self._socket, [json.dumps(message).encode()], descriptors or [])
        except OSError as problem:
            raise ZygoteFailed(str(problem)) from problem

    def _reply(self) -> dict[str, Any]:
        try:
            reply = self._replies.get(timeout=START_SECONDS)
        except queue.Empty:
            reply = None
        if reply is None:
            self.alive = False
            raise ZygoteFailed("the zygote has ended")
        return reply

    def _listen(self) -> None:
        try:
            while data := self._socket.recv(1 << 16):
                message = json.loads(data)
                if "ended" in message:
                    self._ended(message["ended"], message["code"])
                else:
                    self._replies.put(message)
        finally:
            self._gone()

    def _ended(self, pid: int, code: int) -> None:
        with self._jobs_lock:
            process = self._jobs.pop(pid, None)
            if process is None:
                self._early[pid] = code
        if process is not None:
            process.end(code)

    def _gone(self) -> None:
        """The zygote was killed: its jobs have lost who waits for them, and are ended."""
        with self._jobs_lock:
            self.alive = False
            jobs, self._jobs = self._jobs, {}
        for pid, process in jobs.items():
            try:
                os.killpg(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._process.poll()
            process.end(-signal.SIGKILL)
        self._replies.put(None)
        self._process.wait()
        self._socket.close()

    def close(self) -> None:
        """Ends the zygote; jobs it has started and their groups are killed by the guard."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._process.wait()


def warm_start(module: str, arguments: list[str], environment: Mapping[str, str], directory: Path) -> WarmProcess:
    """Starts `python -m module arguments` as a fork of the module's zygote; raises `ZygoteFailed`."""
    return _zygote(module, environment).start(arguments, environment, directory)


def prepare(module: str, environment: Mapping[str, str]) -> None:
    """Starts the module's zygote, without waiting for it, so that the first job finds it ready."""
    _zygote(module, environment)


@atexit.register
def _close() -> None:
    for (owner, _), zygote in _zygotes.items():
        if owner == os.getpid():
            zygote.close()


def _zygote(module: str, environment: Mapping[str, str]) -> Zygote:
    key = (os.getpid(), module)
    with _lock:
        zygote = _zygotes.get(key)
        if zygote is None or not zygote.alive:
            zygote = _zygotes[key] = Zygote(module, _zygote_environment(environment))
        return zygote


def _zygote_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What libraries read when they are loaded must be right for every job; the rest each job sets itself."""
    names = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "OMP_WAIT_POLICY")
    kept = {name: environment[name] for name in names if name in environment}
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
