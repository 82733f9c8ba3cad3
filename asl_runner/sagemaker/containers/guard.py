"""Kills what this process started when this process dies, however it dies.

One small helper process per interpreter is told the process groups and the containers of Docker that run, over a pipe.
When the pipe closes, because its other end exited or was killed, it sends SIGKILL to every group it still knows, and
has the engine remove every container. A death signal (`PR_SET_PDEATHSIG`) would be tied to the thread that started the
child, and would not reach the child's own children.

Run as a program (`python guard.py`) this file is that helper.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
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


def watch_container(engine: str, container: str) -> None:
    """From now on the container dies with this process; `engine` is the path of the engine's socket, "" for none."""
    if engine:
        _tell(f"+{container} {engine}\n")


def forget_container(engine: str, container: str) -> None:
    """The container is gone."""
    if engine:
        _tell(f"-{container} {engine}\n")


def helper() -> int | None:
    """The process id of the helper, if this process has one."""
    with _lock:
        return None if _helper is None or _owner != os.getpid() else _helper.pid


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
    """Follows the messages on `descriptor` until it closes, then ends what was not forgotten."""
    known: set[bytes] = set()
    rest = b""
    while data := os.read(descriptor, 4096):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            change = known.add if line[:1] == b"+" else known.discard
            change(line[1:])
    left = [one.decode().partition(" ") for one in known]
    for group in [name for name, _, engine in left if not engine]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(int(group), signal.SIGKILL)
    for container, _, engine in left:
        if engine:
            remove_container(engine, container)


def remove_container(engine: str, container: str) -> None:
    """Has the engine kill and remove a container. One that is gone, or an engine that is, is as good."""
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
        connection.settimeout(30)
        connection.connect(engine)
        connection.sendall(f"DELETE /containers/{container}?force=1&v=1 HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        while connection.recv(4096):
            continue


if __name__ == "__main__":
    guard(0)
