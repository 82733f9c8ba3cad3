"""`asl-runner run` of machines whose tasks wait for somebody's answer: the workspace is served meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import asl_runner, write

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.errors import UsageError
from asl_runner.workspace import Workspace

ANSWER = """
import boto3, json

def handler(event, context):
    states = boto3.client("stepfunctions")
    states.send_task_success(taskToken=event["token"], output=json.dumps(event["n"]))
    return "asked"
"""

ASK = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "answer", "Payload": {"token.$": "$$.Task.Token", "n.$": "$.n"}},
            "End": True,
        }
    },
}


def test_a_function_answers_its_own_callback(tmp_path: Path) -> None:
    write(tmp_path, "ask.asl.json", ASK)
    write(tmp_path, "lambdas/answer.py", ANSWER)
    ran = asl_runner(tmp_path, "run", "ask.asl.json", "--input", '{"n": 7}')
    assert (ran.returncode, ran.stdout) == (0, "7\n"), ran.stderr
    assert "Serving the workspace to AWS clients at http://127.0.0.1:" in ran.stderr


def test_an_activity_that_is_not_there_fails_the_execution(tmp_path: Path) -> None:
    arn = "arn:aws:states:us-east-1:123456789012:activity:none"
    task = {"Type": "Task", "Resource": arn, "End": True}
    write(tmp_path, "work.asl.json", {"StartAt": "W", "States": {"W": task}})
    ran = asl_runner(tmp_path, "run", "-q", "work.asl.json")
    assert ran.returncode == 1
    assert f"The activity {arn} does not exist." in ran.stderr


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:us-east-1:123456789012:activity:a",
        "arn:aws:states:::states:startExecution.sync",
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    ],
)
async def test_a_workspace_that_is_not_served_refuses_tasks_that_wait_for_clients(
    tmp_path: Path, resource: str
) -> None:
    task = {"Type": "Task", "Resource": resource, "Parameters": {"t.$": "$$.Task.Token"}, "End": True}
    if "activity" in resource:
        del task["Parameters"]
    machine = load(json.dumps({"StartAt": "T", "States": {"T": task}}))
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        with pytest.raises(UsageError, match=r"State 'T' cannot run here.*must be served"):
            await workspace.start(machine, {})
