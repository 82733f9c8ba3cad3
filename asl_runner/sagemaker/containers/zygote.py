"""A program that has its imports done and forks for every job: the side of the child process.

It must be single-threaded and must not have used OpenMP, because threads do not survive a fork. Messages go over a
SOCK_SEQPACKET pair, one JSON object each:

    to the zygote     {"start": {"arguments", "environment", "directory"}} with the log's descriptor attached
                      {"signal": [pid, number]}
    from the zygote   {"ready": true}, {"started": pid}, {"ended": pid, "code": exit code or minus the signal}

It ends when the socket closes.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from asl_runner.sagemaker.containers.launch import signal_group, wait_for_group

LONGEST_MESSAGE = 1 << 20

Main = Callable[[list[str]], int]


def serve_forks(descriptor: int, main: Main) -> int:
    """Forks a child that runs `main(arguments)` for each start message on the socket `descriptor`."""
    control = socket.socket(fileno=descriptor)
    control.setblocking(True)
    wake_read, wake_write = os.pipe()
    for end in (wake_read, wake_write):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    signal.set_wakeup_fd(wake_write)
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(wake_read, selectors.EVENT_READ)
    _say(control, {"ready": True})
    children: set[int] = set()
    while True:
        for key, _ in selector.select():
            if key.fileobj == wake_read:
                os.read(wake_read, 4096)
                _reap(control, children)
            elif not _obey(control, children, main):
                return 0


def _obey(control: socket.socket, children: set[int], main: Main) -> bool:
    """Follows one message; False when the socket has closed."""
    data, descriptors, _, _ = socket.recv_fds(control, LONGEST_MESSAGE, 1)
    if not data:
        return False
    message = json.loads(data)
    if "signal" in message:
        child, number = message["signal"]
        if child in children:
            signal_group(child, number)
        return True
    child = os.fork()
    if child == 0:
        _become(message["start"], descriptors[0], control, main)
    os.close(descriptors[0])
    children.add(child)
    _say(control, {"started": child})
    return True


def _become(job: dict[str, Any], log: int, control: socket.socket, main: Main) -> None:
    """What a forked child does; never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        control.close()
        for standard in (1, 2):
            os.dup2(log, standard)
        os.close(log)
        os.environ.clear()
        os.environ.update(job["environment"])
        time.tzset()
        os.chdir(job["directory"])
        code = main(job["arguments"])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:  # noqa: BLE001 - the outermost place of the child: what would have been a traceback at exit
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reap(control: socket.socket, children: set[int]) -> None:
    for child in list(children):
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            continue
        wait_for_group(child)
        children.discard(child)
        _, status = os.waitpid(child, 0)
        _say(control, {"ended": child, "code": os.waitstatus_to_exitcode(status)})


def _say(control: socket.socket, message: dict[str, Any]) -> None:
    control.send(json.dumps(message).encode())
