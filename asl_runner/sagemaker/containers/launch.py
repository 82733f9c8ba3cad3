"""Starts the first process of a container from nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO


class ColdProcess:
    """A program started with fork and exec."""

    def __init__(self, command: tuple[str, ...], environment: Mapping[str, str], directory: Path) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.log: IO[bytes] = self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> int:
        wait_for_group(self.pid)
        return self._process.wait()

    def signal(self, number: int) -> None:
        signal_group(self.pid, number)


def wait_for_group(leader: int) -> None:
    """Waits for a child that leads a process group, and kills what is left of the group; the child is not reaped.

    While it is a zombie the number of its group cannot be anybody else's.
    """
    os.waitid(os.P_PID, leader, os.WEXITED | os.WNOWAIT)
    signal_group(leader, signal.SIGKILL)


def signal_group(group: int, number: int) -> None:
    """Sends a signal to a process group that may have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
