"""The processes under this one, for the end that waits for nobody."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from pathlib import Path


def descendants(root: int) -> list[int]:
    """Process ids below `root`, parents before children; empty where there is no `/proc`."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = entry.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # It ended meanwhile.
        # The command, in parentheses, may itself hold spaces and parentheses.
        parent = int(text.rpartition(")")[2].split()[1])
        children[parent].append(int(entry.parent.name))
    found = [root]
    for process in found:
        found.extend(children[process])
    return found[1:]


def kill_descendants() -> None:
    """Kills every process under this one at once, but for the one that cleans up after it."""
    from asl_runner.sagemaker.containers.guard import helper

    spared = helper()
    for process in descendants(os.getpid()):
        if process == spared:
            continue
        try:
            os.kill(process, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
