"""A session with the AWS CLI: nothing is set but what `asl-runner serve` prints."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

Aws: TypeAlias = Callable[..., Any]

pytest.importorskip("awscli")

ROLE = "arn:aws:iam::123456789012:role/states"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:greet"
HELLO = {
    "StartAt": "Greet",
    "States": {"Greet": {"Type": "Task", "Resource": FUNCTION, "ResultPath": "$.greeting", "End": True}},
}
WAITING = {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 3600, "End": True}}}


def exported(lines: list[str]) -> dict[str, str]:
    """The variables of lines of `export NAME=VALUE ...`."""
    words = [shlex.split(line.removeprefix("export ")) for line in lines]
    return {name: value for line in words for name, _, value in (word.partition("=") for word in line)}


@pytest.fixture
def environment(serve: Callable[..., Any], tmp_path: Path) -> dict[str, str]:
    """The variables of a shell that has taken what the server printed."""
    served = serve()
    printed = [f"export AWS_ENDPOINT_URL={served.url}", *(served.process.stdout.readline() for _ in range(2))]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ASL_RUNNER_"))}
    missing = str(tmp_path / "no-such-file")
    nowhere = {"AWS_CONFIG_FILE": missing, "AWS_SHARED_CREDENTIALS_FILE": missing, "AWS_PAGER": ""}
    return {**kept, **nowhere, **exported(printed)}


@pytest.fixture
def aws(environment: dict[str, str], tmp_path: Path) -> Aws:
    """`aws(*words)`: what the command printed, read if it is JSON; the exit code is checked."""

    def run(*words: str, fails: int = 0) -> Any:
        command = [sys.executable, "-m", "awscli", *words]
        ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == fails, f"{words}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        if fails:
            return ran.stderr.strip()
        try:
            return json.loads(ran.stdout)
        except ValueError:
            return ran.stdout.strip()

    return run


def write(file: Path, definition: dict[str, Any]) -> str:
    """The file as an argument of the CLI."""
    file.write_text(json.dumps(definition))
    return f"file://{file}"


def test_state_machine_with_a_function(aws: Aws, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "greet.zip", "w") as archive:
        archive.writestr("greet.py", "def handler(event, context):\n    return f\"Hello, {event['name']}!\"\n")
    created = aws("lambda", "create-function", "--function-name", "greet", "--runtime", "python3.12", "--role", ROLE,
                  "--handler", "greet.handler", "--zip-file", f"fileb://{tmp_path / 'greet.zip'}")  # fmt: skip
    assert created["FunctionArn"] == FUNCTION
    aws("lambda", "wait", "function-active-v2", "--function-name", "greet")
    invoked = aws("lambda", "invoke", "--function-name", "greet", "--payload", '{"name": "Ada"}', "out.json")
    assert invoked == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads((tmp_path / "out.json").read_text()) == "Hello, Ada!"

    definition = write(tmp_path / "hello.asl.json", HELLO)
    valid = aws("stepfunctions", "validate-state-machine-definition", "--definition", definition)
    assert valid == {"result": "OK", "diagnostics": [], "truncated": False}
    machine = aws("stepfunctions", "create-state-machine", "--name", "hello", "--definition", definition,
                  "--role-arn", ROLE, "--tags", "key=team,value=a", "--query", "stateMachineArn")  # fmt: skip
    assert machine == "arn:aws:states:us-east-1:123456789012:stateMachine:hello"
    execution = aws("stepfunctions", "start-execution", "--state-machine-arn", machine, "--name", "first",
                    "--input", '{"name": "Grace"}', "--query", "executionArn")  # fmt: skip
    for _ in range(100):
        described = aws("stepfunctions", "describe-execution", "--execution-arn", execution)
        if described["status"] != "RUNNING":
            break
    assert described["status"] == "SUCCEEDED", described
    assert json.loads(described["output"]) == {"name": "Grace", "greeting": "Hello, Grace!"}

    listed = aws("stepfunctions", "list-executions", "--state-machine-arn", machine, "--status-filter", "SUCCEEDED",
                 "--query", "executions[].name", "--output", "text")  # fmt: skip
    assert listed == "first"
    types = aws("stepfunctions", "get-execution-history", "--execution-arn", execution, "--page-size", "2",
                "--query", "events[].type")  # fmt: skip
    assert types == [
        "ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted",
        "LambdaFunctionSucceeded", "TaskStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    newest = aws("stepfunctions", "get-execution-history", "--execution-arn", execution, "--reverse-order",
                 "--max-items", "1", "--query", "events[].type")  # fmt: skip
    assert newest == ["ExecutionSucceeded"]


def test_management_of_state_machines(aws: Aws, tmp_path: Path) -> None:
    definition = write(tmp_path / "waiting.asl.json", WAITING)
    created = aws("stepfunctions", "create-state-machine", "--name", "waiting", "--definition", definition,
                  "--role-arn", ROLE, "--publish", "--version-description", "one hour")  # fmt: skip
    machine, version = created["stateMachineArn"], created["stateMachineVersionArn"]
    assert version == f"{machine}:1"
    weights = f"stateMachineVersionArn={version},weight=100"
    alias = aws("stepfunctions", "create-state-machine-alias", "--name", "live", "--routing-configuration", weights,
                "--query", "stateMachineAliasArn")  # fmt: skip
    execution = aws("stepfunctions", "start-execution", "--state-machine-arn", alias, "--query", "executionArn")
    aws("stepfunctions", "stop-execution", "--execution-arn", execution, "--error", "Enough", "--cause", "for today")
    described = aws("stepfunctions", "describe-execution", "--execution-arn", execution)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Enough", "for today")
    assert described["stateMachineAliasArn"] == alias

    aws("stepfunctions", "tag-resource", "--resource-arn", machine, "--tags", "key=team,value=a", "key=cost,value=0")
    aws("stepfunctions", "untag-resource", "--resource-arn", machine, "--tag-keys", "cost")
    tags = aws("stepfunctions", "list-tags-for-resource", "--resource-arn", machine)
    assert tags == {"tags": [{"key": "team", "value": "a"}]}
    aws("stepfunctions", "update-state-machine", "--state-machine-arn", machine, "--definition", definition,
        "--tracing-configuration", "enabled=true")  # fmt: skip
    names = aws("stepfunctions", "list-state-machines", "--query", "stateMachines[].name")
    assert names == ["waiting"]
    aws("stepfunctions", "delete-state-machine", "--state-machine-arn", machine)

    refused = aws("stepfunctions", "create-state-machine", "--name", "no", "--definition", "{}",
                  "--role-arn", ROLE, fails=255)  # fmt: skip
    assert "(InvalidDefinition) when calling the CreateStateMachine operation: Invalid State Machine" in refused


def test_calls_with_a_host_prefix(aws: Aws, tmp_path: Path) -> None:
    passing = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "done", "End": True}}}
    machine = aws("stepfunctions", "create-state-machine", "--name", "quick", "--type", "EXPRESS", "--role-arn", ROLE,
                  "--definition", write(tmp_path / "quick.asl.json", passing),
                  "--query", "stateMachineArn")  # fmt: skip
    finished = aws("stepfunctions", "start-sync-execution", "--state-machine-arn", machine, "--input", "{}")
    assert (finished["status"], finished["output"]) == ("SUCCEEDED", '"done"')
    tested = aws("stepfunctions", "test-state", "--definition", json.dumps(passing["States"]["A"]),  # type: ignore[index]
                 "--role-arn", ROLE, "--inspection-level", "DEBUG")  # fmt: skip
    assert (tested["status"], tested["output"]) == ("SUCCEEDED", '"done"')
    mocked = aws("stepfunctions", "test-state", "--definition", json.dumps(HELLO["States"]["Greet"]),  # type: ignore[index]
                 "--input", "{}", "--mock", 'result="\\"mocked\\""')  # fmt: skip
    assert json.loads(mocked["output"]) == {"greeting": "mocked"}


def test_activities_and_other_services(aws: Aws, tmp_path: Path, environment: dict[str, str]) -> None:
    activity = aws("stepfunctions", "create-activity", "--name", "person", "--query", "activityArn")
    asking = {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": activity, "End": True}}}
    machine = aws("stepfunctions", "create-state-machine", "--name", "asking", "--role-arn", ROLE,
                  "--definition", write(tmp_path / "asking.asl.json", asking),
                  "--query", "stateMachineArn")  # fmt: skip
    execution = aws("stepfunctions", "start-execution", "--state-machine-arn", machine, "--query", "executionArn")
    token = aws("stepfunctions", "get-activity-task", "--activity-arn", activity, "--query", "taskToken")
    aws("stepfunctions", "send-task-success", "--task-token", token, "--task-output", '"yes"')
    status = aws("stepfunctions", "describe-execution", "--execution-arn", execution, "--query", "output")
    assert status == '"yes"'

    (tmp_path / "rows.csv").write_text("1,2\n")
    aws("s3", "mb", "s3://data")
    aws("s3", "cp", "rows.csv", "s3://data/in/rows.csv")
    assert aws("s3", "ls", "s3://data/in/").endswith(" 4 rows.csv")
    assert (tmp_path / ".asl-runner" / "s3" / "data" / "in" / "rows.csv").read_text() == "1,2\n"
    # Version 1 of the CLI has SQS's address of its own, which only this option replaces.
    sqs = ("--endpoint-url", environment["AWS_ENDPOINT_URL"], "sqs")
    queue = aws(*sqs, "create-queue", "--queue-name", "jobs", "--query", "QueueUrl")
    aws(*sqs, "send-message", "--queue-url", queue, "--message-body", "hello")
    body = aws(*sqs, "receive-message", "--queue-url", queue, "--query", "Messages[0].Body")
    assert body == "hello"
    assert aws("sts", "get-caller-identity", "--query", "Account", "--output", "text") == 123456789012
    assert aws("sagemaker", "list-training-jobs") == {"TrainingJobSummaries": []}
