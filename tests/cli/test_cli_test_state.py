"""`asl-runner test-state`: one state from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import asl_runner, task, write

MACHINE: dict[str, Any] = {
    "StartAt": "Work",
    "States": {
        "Work": {
            **task("work")["States"]["T"],
            "Parameters": {"n.$": "$.n"},
            "ResultSelector": {"twice.$": "$.twice"},
            "ResultPath": "$.work",
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3, "MaxAttempts": 2}],
            "Next": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}
del MACHINE["States"]["Work"]["End"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, "m.asl.json", MACHINE)
    write(tmp_path, "lambdas/work.py", "def handler(event, context):\n    return {'twice': 2 * event['n']}\n")
    return tmp_path


def test_the_data_are_shown_after_each_stage(project: Path) -> None:
    ran = asl_runner(project, "test-state", "m.asl.json", "Work", "-i", '{"n": 2}')
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    stages = [line for line in lines if not line.startswith(" ")]
    assert stages == [
        "input",
        "afterInputPath (unchanged)",
        "afterParameters (unchanged)",
        "result",
        "afterResultSelector (unchanged)",
        "afterResultPath",
        "output",
        "SUCCEEDED, on to 'Done'",
    ]
    assert '    "twice": 4' in lines


def test_json_is_what_the_api_answers(project: Path) -> None:
    command = ("test-state", "m.asl.json", "Work", "-i", '{"n": 1}', "--mock", '{"twice": 5}', "--json")
    answer = json.loads(asl_runner(project, *command).stdout)
    assert answer["status"] == "SUCCEEDED"
    assert answer["inspectionData"]["afterResultPath"] == '{"n":1,"work":{"twice":5}}'
    assert "inspectionData" not in json.loads(asl_runner(project, *command, "--inspection", "info").stdout)


def test_errors_are_retried_or_fail(project: Path) -> None:
    command = ("test-state", "m.asl.json", "Work", "-i", '{"n": 1}', "--mock-error", "Busy", "--mock-cause", "slow")
    again = asl_runner(project, *command, "--retries", "1")
    assert again.returncode == 0
    assert "retryBackoffIntervalSeconds: 6" in again.stdout
    assert again.stdout.splitlines()[-3:] == ["RETRIABLE", "  error: Busy", "  cause: slow"]
    failed = asl_runner(project, *command, "--retries", "2")
    assert (failed.returncode, failed.stdout.splitlines()[-3]) == (1, "FAILED")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("Wrok",), "m.asl.json has no state 'Wrok': did you mean 'Work'?"),
        (("Work", "--mock", "1", "--mock-error", "E"), "two outcomes"),
        (("Work", "--mock-cause", "E"), "--mock-cause belongs to --mock-error"),
        (("Work", "--retries", "1"), "RetrierRetryCount when a mock is not specified"),
        (("Done", "--mock", "1"), "State type 'Succeed' is not supported when a mock is specified"),
    ],
)
def test_what_does_not_fit_is_refused(project: Path, arguments: tuple[str, ...], message: str) -> None:
    ran = asl_runner(project, "test-state", "m.asl.json", *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert message in ran.stderr
