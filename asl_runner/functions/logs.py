"""The log of one invocation: the lines Lambda writes around the function's own output, in a file and as a tail.

Source: Lambda developer guide, "Working with Lambda function logs": START, END and REPORT.
"""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

from asl_runner.errors import WorkspaceError

TAIL = 4096
"""Bytes that `LogType: Tail` gives."""

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class InvocationLog:
    """Collects the output of one invocation. Bytes are appended to `path` as they come; the last 4 KB are kept."""

    def __init__(self, path: Path, request_id: str, version: str) -> None:
        self._path = path
        self._tail = bytearray()
        self._request_id = request_id
        self._problem: OSError | None = None
        self._started = f"START RequestId: {request_id} Version: {version}\n".encode()

    def write(self, output: bytes) -> None:
        """Takes output. A full disk does not stop the function: `finish` reports it."""
        if not output:
            return
        self._tail += output
        if len(self._tail) > 2 * TAIL:
            del self._tail[:-TAIL]
        try:
            self._append(output)
        except OSError as problem:
            self._problem = self._problem or problem

    def _append(self, output: bytes) -> None:
        try:
            file = os.open(self._path, _APPEND, 0o666)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, _APPEND, 0o666)
        try:
            while output:
                output = output[os.write(file, output) :]
        finally:
            os.close(file)

    def start(self, output: bytes) -> None:
        """Output of the process's start, then the START line."""
        self.write(output + self._started)
        self._started = b""

    def finish(
        self, output: bytes, *, seconds: float, memory: int, used: int, init_seconds: float | None, status: str
    ) -> bytes:
        """Last output, END and REPORT (START too if it was not written); gives the tail.

        `memory` and `used` are in MB; `status` as AWS writes it, `error\\tError Type: Runtime.ExitError` for example,
        empty for success.

        Raises `WorkspaceError` if the log could not be written.
        """
        milliseconds = seconds * 1000
        report = (
            f"END RequestId: {self._request_id}\nREPORT RequestId: {self._request_id}\t"
            f"Duration: {milliseconds:.2f} ms\tBilled Duration: {ceil(milliseconds)} ms\t"
            f"Memory Size: {memory} MB\tMax Memory Used: {used} MB\t"
        )
        if init_seconds is not None:
            report += f"Init Duration: {init_seconds * 1000:.2f} ms\t"
        if status:
            report += f"Status: {status}\t"
        self.write(self._started + output + report.encode() + b"\n")
        if self._problem is not None:
            raise WorkspaceError(f"Cannot write the function's log {self._path}: {self._problem.strerror}.")
        return bytes(self._tail[-TAIL:])
