"""`asl-runner import`: executions of AWS, by its API or from a file, kept and redriven here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from command_line import FAIL, PASS, asl_runner, environment, start, write

from asl_runner.history.store import Store

ROLE = "arn:aws:iam::123456789012:role/r"
LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:work"
TASK: dict[str, Any] = {"Type": "Task", "Resource": LAMBDA}
MACHINE: dict[str, Any] = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Quick", "States": {"Quick": {"Type": "Pass", "Result": "quick", "End": True}}},
                {
                    "StartAt": "Each",
                    "States": {
                        "Each": {
                            "Type": "Map",
                            "MaxConcurrency": 1,
                            "ItemProcessor": {"StartAt": "Work", "States": {"Work": {**TASK, "End": True}}},
                            "End": True,
                        }
                    },
                },
            ],
            "End": True,
        }
    },
}
INPUT = [1, 2, 3]
FAILS_AT_TWO = "def handler(event, context):\n    if event == 2:\n        raise ValueError('two')\n    return event\n"
FIXED = "def handler(event, context):\n    return event * 10\n"


@pytest.fixture
def failed(tmp_path: Path) -> Path:
    """A directory with the history of an execution that failed elsewhere, and the code that is right."""
    there = tmp_path / "there"
    write(there, "lambdas/work.py", FAILS_AT_TWO)
    write(there, "m.asl.json", MACHINE)
    assert asl_runner(there, "run", "-q", "m.asl.json", "-n", "o-7", "-i", json.dumps(INPUT)).returncode == 1
    here = tmp_path / "here"
    write(here, "lambdas/work.py", FIXED)
    write(here, "m.asl.json", MACHINE)
    write(here, "o-7.json", asl_runner(there, "history", "o-7", "--json").stdout)
    recorded = asl_runner(there, "record", "o-7", "-o", str(here / "o-7.execution.json"))
    assert recorded.returncode == 0
    return here


def history(directory: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(asl_runner(directory, "history", name, "--json").stdout)["events"]
    return found


def test_a_history_is_kept_shown_and_redriven(failed: Path) -> None:
    imported = asl_runner(failed, "import", "o-7.json", "--definition", "m.asl.json")
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout.splitlines()[0] == "arn:aws:states:us-east-1:123456789012:execution:m:o-7"
    assert "`asl-runner redrive o-7` goes on with it." in imported.stdout
    assert history(failed, "o-7") == json.loads((failed / "o-7.json").read_text())["events"]
    assert "o-7   m              FAILED" in asl_runner(failed, "list").stdout
    shown = asl_runner(failed, "show", "o-7").stdout
    assert [line.split()[:2] for line in shown.splitlines()[2:5]] == [["✗", "Both"], ["✓", "#0"], ["✓", "Quick"]]
    drawn = asl_runner(failed, "graph", "--execution", "o-7", "--format", "text")
    assert drawn.returncode == 0
    planned = asl_runner(failed, "redrive", "o-7", "--plan").stdout
    assert [line.split()[:3] for line in planned.splitlines()[1:]] == [
        ["Both", "goes", "on"],
        ["Both[0]/Quick", "kept"],
        ["Both[1]/Each", "goes", "on"],
        ["Both[1]/Each[0]/Work", "kept"],
        ["Both[1]/Each[1]/Work", "runs", "again"],
    ]
    done = asl_runner(failed, "redrive", "o-7", "-q")
    assert json.loads(done.stdout) == ["quick", [1, 20, 30]]


def test_what_record_wrote_says_it_all(failed: Path) -> None:
    imported = asl_runner(failed, "import", "o-7.execution.json", "--json")
    document = json.loads(imported.stdout)
    assert (document["name"], document["status"], document["redriveStatus"]) == ("o-7", "FAILED", "REDRIVABLE")
    assert json.loads(document["input"]) == INPUT
    refused = asl_runner(failed, "import", "o-7.execution.json", "--name", "other")
    assert "are for a file with a history" in refused.stderr


@pytest.mark.parametrize(
    ("kept", "message"), [(0, "does not begin with ExecutionStarted"), (3, "The execution has not ended: its history")]
)
def test_what_record_wrote_is_whole(failed: Path, kept: int, message: str) -> None:
    document = json.loads((failed / "o-7.execution.json").read_text())
    write(failed, "cut.json", {**document, "events": document["events"][:kept]})
    refused = asl_runner(failed, "import", "cut.json")
    assert (refused.returncode, message in refused.stderr) == (2, True), refused.stderr


def test_nothing_is_overwritten_unasked(failed: Path) -> None:
    assert asl_runner(failed, "import", "o-7.json", "-d", "m.asl.json").returncode == 0
    assert asl_runner(failed, "redrive", "o-7", "-q").returncode == 0
    again = asl_runner(failed, "import", "o-7.json", "-d", "m.asl.json")
    assert again.returncode == 2
    assert "Nothing was changed; --replace puts this one in its place." in again.stderr
    assert "SUCCEEDED" in asl_runner(failed, "describe", "o-7").stdout
    assert asl_runner(failed, "import", "o-7.json", "-d", "m.asl.json", "--name", "other").returncode == 0
    assert asl_runner(failed, "import", "o-7.json", "-d", "m.asl.json", "--replace").returncode == 0
    assert "FAILED" in asl_runner(failed, "describe", "o-7").stdout
    assert json.loads(asl_runner(failed, "redrive", "o-7", "-q").stdout) == ["quick", [1, 20, 30]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda events: events[:-1], "The execution has not ended: its history ends with"),
        (lambda events: events[1:], "event 1 is missing"),
        (
            lambda events: [{**events[0], "executionStartedEventDetails": {}}, *events[1:]],
            "not say the execution's input",
        ),
        (
            lambda events: [
                e | {k: {"name": v["name"]} for k, v in e.items() if k[:12] == "stateEntered"} for e in events
            ],
            "The history has no data: event 2 has no input",
        ),
        (lambda events: json.loads(json.dumps(events).replace("false", "true")), "the input of event 2 was cut off"),
        (lambda events: json.loads(json.dumps(events).replace("Quick", "Slow")), "enters the state 'Slow', which the"),
        (lambda events: 7, "This is not an execution history"),
        (lambda events: [], "does not begin with ExecutionStarted"),
    ],
)
def test_what_cannot_be_redriven_is_refused(failed: Path, change: Any, message: str) -> None:
    events = json.loads((failed / "o-7.json").read_text())["events"]
    write(failed, "bad.json", {"events": change(events)})
    refused = asl_runner(failed, "import", "bad.json", "-d", "m.asl.json")
    assert refused.returncode == 2
    assert message in refused.stderr
    assert asl_runner(failed, "list").stdout.count("\n") == 0


def test_one_of_long_ago_is_redriven_where_that_is_allowed(failed: Path) -> None:
    document = json.loads((failed / "o-7.json").read_text())
    for event in document["events"]:
        event["timestamp"] = f"2024-03-01T12:00:{event['id']:02}.5+01:00"
    write(failed, "old.json", document)
    imported = asl_runner(failed, "import", "old.json", "-d", "m.asl.json")
    assert "Too long ago to be redriven: Set `redrive_seconds` in [limits]" in imported.stdout
    refused = asl_runner(failed, "redrive", "old")
    assert refused.returncode == 2
    assert "Execution redrivable period exceeded. Set `redrive_seconds` in [limits]" in refused.stderr
    write(failed, "asl-runner.toml", '[limits]\nredrive_seconds = "none"\nduration_seconds = "none"\n')
    done = asl_runner(failed, "redrive", "old", "-q")
    assert json.loads(done.stdout) == ["quick", [1, 20, 30]], done.stderr


def test_what_is_missing_is_said(failed: Path) -> None:
    assert "give that with --definition FILE" in asl_runner(failed, "import", "o-7.json").stderr
    assert "There is no file nope.json" in asl_runner(failed, "import", "nope.json").stderr
    write(failed, "text.json", "{nope")
    assert "text.json is not JSON" in asl_runner(failed, "import", "text.json", "-d", "m.asl.json").stderr
    express = asl_runner(failed, "import", "arn:aws:states:us-east-1:123456789012:express:m:a:b")
    assert "is an Express execution: Step Functions keeps no history of those." in express.stderr


@pytest.mark.parametrize("command", ["import", "record"])
@pytest.mark.parametrize(
    ("settings", "url", "message"),
    [
        ({}, "http://127.0.0.1:9", "cannot be read: Unable to locate credentials"),
        ({"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}, "http://127.0.0.1:9", "Could not connect"),
        ({}, "nowhere", "AWS cannot be asked: Invalid endpoint: nowhere"),
        ({"AWS_PROFILE": "none"}, "http://127.0.0.1:9", "The config profile (none) could not be found"),
    ],
)
def test_where_aws_cannot_be_asked_it_is_said_why(
    tmp_path: Path, command: str, settings: dict[str, str], url: str, message: str
) -> None:
    arn = "arn:aws:states:us-east-1:123456789012:execution:m:a"
    alone = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "HOME": str(tmp_path)}
    refused = subprocess.run(
        [sys.executable, "-m", "asl_runner", command, arn, "--endpoint-url", url],
        cwd=tmp_path,
        env={**environment(), **alone, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, message in refused.stderr) == (2, True), refused.stderr


class Aws:
    """A served workspace that stands for AWS."""

    def __init__(self, directory: Path) -> None:
        self.process = start(directory, "serve", "--port", "0")
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip().partition("=")[2]
        keys: dict[str, Any] = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        self.states = boto3.client("stepfunctions", endpoint_url=self.url, region_name="us-east-1", **keys)

    def started(self, name: str, definition: dict[str, Any], input: Any, *, ends: bool = True) -> str:
        made = self.states.create_state_machine(name=name, roleArn=ROLE, definition=json.dumps(definition))
        arn = made["stateMachineArn"]
        started = str(self.states.start_execution(stateMachineArn=arn, input=json.dumps(input))["executionArn"])
        while ends and self.states.describe_execution(executionArn=started)["status"] == "RUNNING":
            pass
        return started

    def imported(self, directory: Path, arn: str) -> subprocess.CompletedProcess[str]:
        keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        return subprocess.run(
            [sys.executable, "-m", "asl_runner", "import", arn, "--endpoint-url", self.url],
            cwd=directory,
            env={**environment(), **keys},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    directory = tmp_path / "aws"
    write(directory, "lambdas/work.py", FAILS_AT_TWO)
    served = Aws(directory)
    yield served
    served.process.terminate()
    served.process.communicate(timeout=60)


def test_executions_come_from_the_api_with_their_definition_and_every_page(tmp_path: Path, aws: Aws) -> None:
    here = tmp_path / "here"
    write(here, "lambdas/work.py", FIXED)
    many = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    before = {"Type": "Map", "ItemProcessor": many, "ItemsPath": "$.many", "ResultPath": None, "Next": "Pick"}
    pick = {"Type": "Pass", "OutputPath": "$.items", "Next": "Both"}
    machine = {"StartAt": "Many", "States": {"Many": before, "Pick": pick, **MACHINE["States"]}}
    arn = aws.started("paged", machine, {"many": list(range(300)), "items": INPUT})
    aws.states.redrive_execution(executionArn=arn)
    while aws.states.describe_execution(executionArn=arn)["status"] == "RUNNING":
        pass
    imported = aws.imported(here, arn)
    assert imported.returncode == 0, imported.stderr
    name = arn.rpartition(":")[2]
    with Store.open(here / ".asl-runner" / "workspace.db", read_only=True) as store:
        record = store.find(name)
        assert (record.arn, record.role_arn, record.redrive_count, record.owner) == (arn, ROLE, 1, "")
        assert record.event_count > 1000
    done = asl_runner(here, "redrive", name, "-q")
    assert json.loads(done.stdout) == ["quick", [1, 20, 30]], done.stderr
    assert "Execution Already Exists" in aws.imported(here, arn).stderr
    assert "There is no execution" in aws.imported(here, f"{arn}x").stderr


def test_a_distributed_map_of_elsewhere_runs_anew(tmp_path: Path, aws: Aws) -> None:
    here = tmp_path / "here"
    write(here, "lambdas/work.py", FIXED)
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Work"}
    state = {"Type": "Map", "ItemProcessor": {**processor, "States": {"Work": {**TASK, "End": True}}}, "End": True}
    arn = aws.started("spread", {"StartAt": "All", "States": {"All": state}}, INPUT)
    imported = aws.imported(here, arn)
    assert "The children of its distributed Maps are not here" in imported.stdout
    done = asl_runner(here, "redrive", "latest")
    assert json.loads(done.stdout) == [10, 20, 30], done.stderr
    assert "runs again  nothing is known here of its children: all of them run" in done.stderr
    types = [event["type"] for event in history(here, "latest")]
    assert (types.count("MapRunStarted"), types.count("MapRunRedriven")) == (2, 0)


def test_what_still_runs_is_not_imported(tmp_path: Path, aws: Aws) -> None:
    waiting = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
    arn = aws.started("waits", waiting, {}, ends=False)
    refused = aws.imported(tmp_path, arn)
    assert refused.returncode == 2
    assert "is RUNNING; it can be read when it has ended" in refused.stderr
    aws.states.stop_execution(executionArn=arn)
    ended = aws.started("ends", PASS, {})
    assert "redrive" not in aws.imported(tmp_path, ended).stdout
    assert "FAILED" in aws.imported(tmp_path, aws.started("fails", FAIL, {})).stdout
