"""Executions recorded and run again: the same with the same definition, and where they part with another."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from asl_runner.definition import load
from asl_runner.errors import NotFound, UsageError
from asl_runner.testing import Asl, Run, after, by_item, never, raises, sequence
from asl_runner.testing.replay.compare import Comparison, as_document, as_text
from asl_runner.testing.replay.fixture import Fixture, fixture_of, read_fixture, write_fixture
from asl_runner.testing.replay.replaying import replay
from asl_runner.testing.replay.sources import from_api

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:work"
ROLE = "arn:aws:iam::123456789012:role/r"
TOKEN = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


def task(resource: str = LAMBDA, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, **fields}


LATE = [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]
ASKED = {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}
MACHINE: dict[str, Any] = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemProcessor": {
                "StartAt": "Price",
                "States": {"Price": task(Retry=[{"ErrorEquals": ["Busy"], "IntervalSeconds": 7}], End=True)},
            },
            "ResultPath": "$.prices",
            "ItemsPath": "$.items",
            "Next": "Both",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {
                    "StartAt": "Slow",
                    "States": {
                        "Slow": task(TimeoutSeconds=9, Catch=LATE, End=True),
                        "Late": {"Type": "Pass", "Result": "late", "End": True},
                    },
                },
                {"StartAt": "Ask", "States": {"Ask": task(TOKEN, Parameters=ASKED, End=True)}},
            ],
            "ResultPath": "$.both",
            "Next": "Rest",
        },
        "Rest": {"Type": "Wait", "Seconds": 3600, "Next": "Sum"},
        "Sum": task(
            "arn:aws:states:::lambda:invoke",
            Parameters={"FunctionName": "sum", "Payload.$": "$.prices"},
            ResultPath="$.sum",
            Next="Id",
        ),
        "Id": {
            "Type": "Pass",
            "Parameters": {"id.$": "States.UUID()", "at.$": "$$.State.EnteredTime", "sum.$": "$.sum.Payload"},
            "End": True,
        },
    },
}
INPUT = {"items": [1, 2, 3]}
MOCKS: dict[str, Any] = {
    "Price": by_item({1: sequence(raises("Busy"), 20)}, otherwise=lambda item: item * 10),
    "Slow": never(),
    "Ask": after(30, {"said": "yes"}),
    "Sum": {"StatusCode": 200, "Payload": 60},
}


@pytest.fixture
def recorded(asl: Asl) -> Run:
    return asl.run(MACHINE, INPUT, mocks=MOCKS, now=1_700_000_000.0).assert_succeeded()


def replayed(fixture: Fixture, definition: dict[str, Any] | None = None) -> Comparison:
    return asyncio.run(replay(fixture, load(definition or fixture.definition)))


def changed(**states: dict[str, Any]) -> dict[str, Any]:
    machine = copy.deepcopy(MACHINE)
    machine["States"].update(states)
    return machine


def test_the_same_definition_does_the_same(recorded: Run, tmp_path: Path) -> None:
    file = tmp_path / "it.json"
    write_fixture(fixture_of(recorded), file)
    fixture = read_fixture(file)
    found = replayed(fixture)
    assert found.same, list(as_text(found))
    assert as_document(found) == {"same": True, "data": [], "outcome": {}}
    assert (fixture.name, fixture.machine_name) == (recorded.record.name, "state-machine")
    assert fixture.as_run().path == recorded.path


def test_a_history_without_scopes_is_enough(recorded: Run) -> None:
    """That of AWS says neither which branch an event is in, nor what random numbers were drawn with."""
    fixture = fixture_of(recorded)
    assert not any("scope" in event for event in fixture.events)
    fixture.seed = ""
    assert replayed(fixture).same


def test_another_path_is_found_where_it_parts(recorded: Run) -> None:
    found = replayed(
        fixture_of(recorded), changed(Rest={"Type": "Pass", "Next": "More"}, More={"Type": "Pass", "Next": "Sum"})
    )
    assert found.parted_at == ("", "Sum", "More")
    assert not found.outcome
    said = list(as_text(found))
    assert said[0] == "The paths part: recorded Sum, replayed More."
    assert as_document(found)["path"]["replayedState"] == "More"


def test_another_path_inside_a_branch(recorded: Run) -> None:
    machine = copy.deepcopy(MACHINE)
    branch = machine["States"]["Both"]["Branches"][0]["States"]
    del branch["Slow"]["Catch"], branch["Late"]
    found = replayed(fixture_of(recorded), machine)
    assert found.parted_at == ("/Both:0.0", "Late", "")
    assert found.outcome["status"] == ("SUCCEEDED", "FAILED")
    assert found.outcome["error"] == (None, "States.Timeout")


def test_other_data_are_found_in_every_visit(recorded: Run) -> None:
    sum_ = {**MACHINE["States"]["Sum"], "Parameters": {"FunctionName": "sum", "Payload.$": "$.items"}}
    found = replayed(fixture_of(recorded), changed(Sum=sum_))
    assert found.parted_at is None
    assert [(one.state, one.what) for one in found.data] == [("Sum", "request")]
    assert found.data[0].replayed == {"FunctionName": "sum", "Payload": [1, 2, 3]}
    assert not found.outcome


def test_a_task_that_was_never_asked_ends_the_replay(recorded: Run) -> None:
    found = replayed(fixture_of(recorded), changed(Rest=task(Next="Sum")))
    assert found.problem == "The recording has no (more) answer for the task of 'Rest'."
    assert not found.same


def test_one_more_attempt_has_no_answer_either(recorded: Run) -> None:
    again = copy.deepcopy(MACHINE)
    price = again["States"]["Each"]["ItemProcessor"]["States"]["Price"]
    del price["Retry"]
    found = replayed(fixture_of(recorded), again)
    assert found.outcome["error"] == (None, "Busy")
    assert found.parted_at is not None


def test_children_of_distributed_maps_are_recorded_with_it(asl: Asl) -> None:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Price",
        "States": {"Price": task(End=True)},
    }
    machine = {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": processor, "End": True}}}
    run = asl.run(machine, [5, 6], mocks={"Price": lambda item: item * 2}).assert_succeeded([10, 12])
    fixture = fixture_of(run)
    assert [child.output for children in fixture.children.values() for child in children] == ["10", "12"]
    assert replayed(fixture).same
    doubled = copy.deepcopy(machine)
    doubled["States"]["Each"]["ItemProcessor"]["States"]["Price"]["Parameters"] = {"n.$": "$"}  # type: ignore[index]
    assert {one.state for one in replayed(fixture, doubled).data} == {"Price"}


class Server:
    """A served workspace that stands for AWS."""

    def __init__(self, directory: Path) -> None:
        command = [sys.executable, "-m", "asl_runner", "serve", "--port", "0"]
        self.process = subprocess.Popen(
            command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip().partition("=")[2]
        keys: dict[str, Any] = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        self.states = boto3.client("stepfunctions", endpoint_url=self.url, region_name="us-east-1", **keys)

    def executed(self, definition: dict[str, Any], input: Any) -> str:
        machine = self.states.create_state_machine(name="m", roleArn=ROLE, definition=json.dumps(definition))
        arn = machine["stateMachineArn"]
        started = self.states.start_execution(stateMachineArn=arn, input=json.dumps(input))["executionArn"]
        while self.states.describe_execution(executionArn=started)["status"] == "RUNNING":
            pass
        return str(started)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "work.py").write_text("def handler(event, context):\n    return event * 2\n")
    served = Server(tmp_path)
    yield served
    served.process.terminate()
    served.process.communicate(timeout=60)


def test_executions_are_fetched_through_the_api_page_by_page(tmp_path: Path, server: Server) -> None:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Work",
        "States": {"Work": task(End=True)},
    }
    many = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    machine = {
        "StartAt": "Inline",
        "States": {
            "Inline": {"Type": "Map", "ItemProcessor": many, "Next": "Each"},
            "Each": {"Type": "Map", "ItemProcessor": processor, "End": True},
        },
    }
    # More events than a page has.
    arn = server.executed(machine, list(range(300)))
    fixture = from_api(server.states, arn)
    assert len(fixture.events) > 1000
    assert [len(children) for children in fixture.children.values()] == [300]
    assert replayed(fixture).same
    with pytest.raises(NotFound, match="There is no execution"):
        from_api(server.states, f"{arn}x")
    ran = subprocess.run(
        [sys.executable, "-m", "asl_runner", "record", arn, "--endpoint-url", server.url, "-o", "out.json"],
        cwd=tmp_path,
        env={"AWS_ACCESS_KEY_ID": "l", "AWS_SECRET_ACCESS_KEY": "l", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert read_fixture(tmp_path / "out.json").executionArn == arn


def test_the_commands_record_and_replay(tmp_path: Path) -> None:
    machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}
    (tmp_path / "m.asl.json").write_text(json.dumps(machine))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "asl_runner", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    run("run", "-q", "m.asl.json", "--name", "one")
    assert "one.execution.json: one, SUCCEEDED, 6 events" in run("record", "latest").stderr
    same = run("replay", "one.execution.json", "-d", "m.asl.json")
    assert (same.returncode, same.stdout) == (0, "The same path, data and end.\n")
    machine["States"]["A"] = {"Type": "Pass", "Result": 1, "Next": "B"}  # type: ignore[index]
    (tmp_path / "m.asl.json").write_text(json.dumps(machine))
    other = run("replay", "one.execution.json", "-d", "m.asl.json", "--json")
    assert other.returncode == 1
    assert json.loads(other.stdout)["outcome"] == {"output": {"recorded": {}, "replayed": 1}}
    (tmp_path / "other.json").write_text("{}")
    wrong = run("replay", "other.json")
    assert (wrong.returncode, "is no recorded execution" in wrong.stderr) == (2, True)
    not_an_arn = run("record", "latest", "--aws")
    assert (not_an_arn.returncode, "known by its ARN" in not_an_arn.stderr) == (2, True)


def test_what_still_runs_is_not_recorded(server: Server) -> None:
    machine = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
    made = server.states.create_state_machine(name="w", roleArn=ROLE, definition=json.dumps(machine))
    started = server.states.start_execution(stateMachineArn=made["stateMachineArn"])
    with pytest.raises(UsageError, match="is RUNNING"):
        from_api(server.states, started["executionArn"])
