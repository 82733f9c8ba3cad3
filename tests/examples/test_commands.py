"""What the command line does without a test file: a template run as it is, one state visited, coverage measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent


def run(*arguments: str, module: str = "asl_runner", directory: Path = EXAMPLES) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def test_a_template_runs_as_it_is(tmp_path: Path) -> None:
    workspace = ("--workspace", str(tmp_path))
    ran = run("run", "-q", "sam/template.yaml", "-p", "Word=Hi", "-i", '{"names": ["Ada", "Bo"]}', *workspace)
    assert (ran.returncode, ran.stdout) == (0, '["Hi, Ada!","Hi, Bo!"]\n'), ran.stderr


def test_one_state_is_visited(tmp_path: Path) -> None:
    machine = str(EXAMPLES.parents[1] / "state_machines" / "order.asl.json")
    mocked = ("--mock", '{"StatusCode": 200, "Payload": 83}', "--json", "--workspace", str(tmp_path))
    answer = json.loads(run("test-state", machine, "Add up", "-i", '{"lines": []}', *mocked).stdout)
    assert (answer["status"], answer["nextState"]) == ("SUCCEEDED", "Needs approval?")
    assert answer["inspectionData"]["afterResultSelector"] == '{"value":83}'


def test_coverage_is_measured() -> None:
    options = ("-p", "no:cacheprovider", "-q", "tests/examples/order.asl-test.yaml", "--asl-cov")
    ran = run(*options, "--asl-cov-fail-under", "80", module="pytest", directory=EXAMPLES.parents[1])
    assert ran.returncode == 0, ran.stdout
    assert "state_machines/order.asl.json" in ran.stdout
