"""The order workflow from the command line: every way it can go."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ORDER: dict[str, Any] = json.loads((ROOT / "state_machines" / "order-input.json").read_text())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the configuration, so that runs leave nothing in the project."""
    directory = tmp_path_factory.mktemp("order")
    (directory / "lambdas").symlink_to(ROOT / "lambdas")
    (directory / "asl-runner.toml").write_text("")
    return directory


def run(project: Path, **changes: Any) -> dict[str, Any]:
    command = [sys.executable, "-m", "asl_runner", "run", str(ROOT / "state_machines" / "order.asl.json")]
    command += ["--input", json.dumps(ORDER | changes), "--json", "--quiet", "--clock", "virtual"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_an_order_goes_through(project: Path) -> None:
    answer = run(project, card={"limit": 200, "busyTimes": 2})
    assert answer["status"] == "SUCCEEDED", answer
    output = answer["output"] if isinstance(answer["output"], dict) else json.loads(answer["output"])
    assert (output["total"], output["payment"]) == (83.0, {"charged": 83.0})
    assert [line["price"] for line in output["lines"]] == [38.0, 45.0]
    assert output["delivery"]["to"] == "12 Canal Street"


@pytest.mark.parametrize(
    ("changes", "error", "cause"),
    [
        ({"items": []}, "EmptyOrder", "at least one item"),
        ({"items": [{"sku": "boat"}]}, "UnknownItem", "no item 'boat'"),
        ({"items": [{"sku": "desk", "quantity": 3}]}, "NotApproved", "1440"),
        ({"items": [{"sku": "desk", "quantity": 3}], "approved": True}, "CardDeclined", "limit of 200"),
        ({"card": {"limit": 200, "busyTimes": 9}}, "ServiceBusy", "busy"),
    ],
)
def test_an_order_is_refused(project: Path, changes: dict[str, Any], error: str, cause: str) -> None:
    answer = run(project, **changes)
    assert (answer["status"], answer["error"]) == ("FAILED", error), answer
    assert cause in answer["cause"]
