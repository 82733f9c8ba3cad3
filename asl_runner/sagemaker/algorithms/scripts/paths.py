"""Where a user's code finds modules: its own first, then what was installed for it, last what images have built in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

STAND_INS = Path(__file__).parent / "stand_ins"
"""Modules that images have and no package index: thin, over what is here."""


def search_path(code: Path, installed: Sequence[str]) -> str:
    """`PYTHONPATH` for a program in the directory `code`."""
    given = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(filter(None, [str(code), str(code / "lib"), *installed, given, str(STAND_INS)]))
