"""Files in the making, and what is left of them when their process was killed."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

ABANDONED_SECONDS = 86_400
"""How long a file may lie untouched before it is taken for one nobody will finish."""


def remove_abandoned(staging: Path) -> None:
    """Removes what processes left that were killed while they wrote."""
    long_ago = time.time() - ABANDONED_SECONDS
    with contextlib.suppress(OSError), os.scandir(staging) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < long_ago:
                    os.unlink(entry.path)
