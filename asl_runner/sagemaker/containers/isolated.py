"""Gives a program a private `/opt/ml`, as a container would: a mount namespace in which that path is the job's tree.

Linux allows it to a process that may make mount or user namespaces. Programs that write `/opt/ml/...` out themselves
then run unchanged, and any number of jobs run side by side.

Run as a program (`python isolated.py OPTIONS -- COMMAND`) this file makes the namespace and becomes the command. It
imports nothing of the project, so that it starts in a few milliseconds.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

OPT_ML = "/opt/ml"

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_BIND = 4096
_MS_REC = 16384
_MS_PRIVATE = 1 << 18
_REFUSED = 126
"""The exit code of a command that could not be started, as shells and Docker have it."""


@lru_cache(maxsize=1)
def problem() -> str | None:
    """Why programs cannot have a private `/opt/ml` on this machine; None when they can. Tried once, by doing it."""
    if sys.platform != "linux":
        return "only Linux has mount namespaces"
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "opt", "ml")
        (root / "found").mkdir(parents=True)
        test = "import os, sys; sys.exit(not os.path.isdir('/opt/ml/found'))"
        command = wrapped([sys.executable, "-I", "-S", "-c", test], root, OPT_ML, {})
        tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else tried.stderr.strip() or f"the attempt ended with {tried.returncode}"


def wrapped(command: list[str], root: Path, directory: str, hosts: dict[str, str]) -> list[str]:
    """The command, run where `root` is `/opt/ml`, from the working directory `directory`.

    `hosts` are names only this program knows, with their addresses.
    """
    options = json.dumps({"root": str(root), "directory": directory, "hosts": hosts})
    return [sys.executable, "-I", "-S", __file__, options, *command]


def _main(arguments: list[str]) -> None:
    options, command = json.loads(arguments[0]), arguments[1:]
    try:
        _enter(Path(options["root"]), options["hosts"])
        os.chdir(options["directory"])
    except OSError as error:
        sys.stderr.write(f"no private {OPT_ML} could be made: {error}\n")
        sys.exit(_REFUSED)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"the program cannot start: {error.strerror}: {command[0]}\n")
        sys.exit(_REFUSED)


def _enter(root: Path, hosts: dict[str, str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    _unshare(libc)
    # From here on nothing that is mounted is seen by anybody else.
    _mount(libc, "none", "/", "", _MS_REC | _MS_PRIVATE)
    if os.path.isdir(OPT_ML):
        _mount(libc, str(root), OPT_ML, "", _MS_BIND | _MS_REC)
    else:
        _mount(libc, str(_other_opt(libc, root)), "/opt", "", _MS_BIND | _MS_REC)
    if hosts:
        names = root.parent / "hosts"
        known = Path("/etc/hosts").read_text(encoding="utf-8") if os.path.exists("/etc/hosts") else ""
        names.write_text(known + "".join(f"\n{address} {name}" for name, address in hosts.items()) + "\n")
        _mount(libc, str(names), "/etc/hosts", "", _MS_BIND)


def _unshare(libc: Any) -> None:
    """A mount namespace of our own; where that needs rights we lack, in a user namespace in which we have them."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNS) == 0:
        return
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), f"a namespace is not allowed: {os.strerror(ctypes.get_errno())}")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _other_opt(libc: Any, root: Path) -> Path:
    """A copy of `/opt` in which everything is where it was, and `ml` is the job's tree."""
    stage = root.parent / ".opt"
    stage.mkdir(exist_ok=True)
    _mount(libc, "tmpfs", str(stage), "tmpfs", 0)
    for entry in os.scandir("/opt"):
        place = stage / entry.name
        if entry.is_symlink():
            place.symlink_to(os.readlink(entry.path))
        elif entry.is_dir():
            place.mkdir()
            _mount(libc, entry.path, str(place), "", _MS_BIND | _MS_REC)
        else:
            place.touch()
            _mount(libc, entry.path, str(place), "", _MS_BIND)
    (stage / "ml").mkdir()
    _mount(libc, str(root), str(stage / "ml"), "", _MS_BIND | _MS_REC)
    return stage


def _mount(libc: Any, source: str, target: str, kind: str, flags: int) -> None:
    code = libc.mount(os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), None)
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot mount {target}: {os.strerror(number)}")


if __name__ == "__main__":
    _main(sys.argv[1:])
