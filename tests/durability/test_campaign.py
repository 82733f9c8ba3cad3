"""A short campaign with fixed seeds; the long one is a command, see `campaign.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_however_often_the_process_is_killed(seed: int) -> None:
    # In a process of its own, which has no threads: it forks.
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("ASL_RUNNER_", "AWS_"))}
    ran = subprocess.run(
        [sys.executable, str(HERE / "campaign.py"), "--seed", str(seed), "--machines", "25"],
        env={**variables, "PYTHONPATH": os.pathsep.join([str(HERE.parent / "interpreter"), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ", 0 losses" in ran.stdout
    assert int(ran.stdout.partition(" kills")[0].rpartition(" ")[2]) > 10
