"""How long a project waits for its tests: a suite of 200 workflow tests over two workers of pytest-xdist."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, pair

TESTS = 200
_ORDER = Path(__file__).parents[1] / "state_machines" / "order.asl.json"
_OURS = """\
import pytest

MOCKS = {{"Price item": 1, "Add up": {{"StatusCode": 200, "Payload": 60}}, "Charge card": {{"charged": 60}}}}


@pytest.mark.parametrize("number", range({tests}))
def test_order(asl, number):
    order = {{"id": str(number), "items": [1], "card": {{}}, "address": "here"}}
    asl.run("order.asl.json", order, mocks=MOCKS).assert_succeeded()
"""
_FLOOR = """\
import pytest


@pytest.mark.parametrize("number", range({tests}))
def test_nothing(number):
    assert number >= 0
"""


def rows(runs: int) -> Iterator[Row]:
    """The suite against one of as many tests that do nothing."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in (("ours", _OURS), ("floor", _FLOOR)):
            folder = Path(directory, name)
            folder.mkdir()
            shutil.copy(_ORDER, folder)
            (folder / "test_suite.py").write_text(text.format(tests=TESTS), encoding="utf-8")
        ours, floor = pair(
            lambda: _pytest(Path(directory, "ours")), lambda: _pytest(Path(directory, "floor")), min(runs, 3)
        )
        yield Row(
            name=f"{TESTS} workflow tests, two workers of pytest",
            count=1,
            unit="suites",
            ours=ours,
            floor=floor,
            floor_is="as many tests that do nothing",
            mark="under 5 s",
        )


def _pytest(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    subprocess.run(command, cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)
