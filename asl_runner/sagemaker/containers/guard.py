"""Kills what this process started when this process dies, however it dies.

One small helper process per interpreter is told the process groups that run, over a pipe. When the pipe closes, because
its other end exited or was killed, it sends SIGKILL to every group it still knows. A death signal (`PR_SET_PDEATHSIG`)
would be tied to the thread that started the child, and would not reach the child's own children.

Run as a program (`python guard.py`) this file is that helper.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading

_lock = threading.Lock()
_helper: subprocess.Popen[bytes] | None = None
_owner = 0


def watch(group: int) -> None:
    """From now on the process group `group` dies with this process."""
    _tell(f"+{group}\n")


def forget(group: int) -> None:
    """The process group `group` has ended; its number may be used again by others."""
    _tell(f"-{group}\n")


def _tell(message: str) -> None:
    global _helper, _owner
    with _lock:
        if _helper is None or _owner != os.getpid() or _helper.poll() is not None:
            _helper, _owner = _start(), os.getpid()
        if _helper.stdin is not None:
            # A write of a few bytes to a pipe is atomic; a helper that was killed by hand costs the protection only.
            with contextlib.suppress(BrokenPipeError):
                os.write(_helper.stdin.fileno(), message.encode())


@atexit.register
def _close() -> None:
    """At a normal end what still runs is dead before this process is gone."""
    if _helper is not None and _owner == os.getpid() and _helper.stdin is not None:
        _helper.stdin.close()
        _helper.wait()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,
    )


def guard(descriptor: int) -> None:
    """Follows the messages on `descriptor` until it closes, then kills the groups that were not forgotten."""
    groups: set[int] = set()
    rest = b""
    while data := os.read(descriptor, 4096):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            change = groups.add if line[:1] == b"+" else groups.discard
            change(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    guard(0)
