"""Runs the table of the services' errors against a server of its own."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import ROLE, ServerProcess
from service_errors import CASES, ServiceError

FAILING = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Own", "Cause": "because"}}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with two functions, a state machine that fails, and a connection."""
    directory: Path = tmp_path_factory.mktemp("service-errors")
    (directory / "lambdas").mkdir()
    (directory / "lambdas" / "raises.py").write_text("def handler(event, context):\n    raise ValueError('no good')\n")
    (directory / "lambdas" / "exits.py").write_text("import os\n\ndef handler(event, context):\n    os._exit(3)\n")
    server = ServerProcess(directory)
    states = server.client("stepfunctions")
    states.create_state_machine(name="failing", definition=json.dumps(FAILING), roleArn=ROLE)
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}}
    server.client("events").create_connection(Name="own", AuthorizationType="API_KEY", AuthParameters=key)
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.said


def run(server: ServerProcess, name: str, state: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An execution of a machine with this state, as it is described at its end, and its events."""
    states = server.client("stepfunctions")
    definition = {"StartAt": "S", "States": {"S": {**state, "End": True}, "Caught": {"Type": "Succeed"}}}
    if "Catch" not in state:
        del definition["States"]["Caught"]  # type: ignore[attr-defined]
    made = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    arn = states.start_execution(stateMachineArn=made["stateMachineArn"], input='{"items": [1]}')["executionArn"]
    pause = threading.Event()
    while (described := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pause.wait(0.01)
    return described, states.get_execution_history(executionArn=arn)["events"]


@pytest.mark.parametrize("case", [pytest.param(case, id=re.sub(r"\W+", "-", case.when)) for case in CASES])
def test_a_task_fails_as_the_table_says(served: ServerProcess, case: ServiceError) -> None:
    name = f"case{CASES.index(case)}"
    state = case.state or task(served, case)
    described, events = run(served, name, state)
    assert (described["status"], described["error"]) == ("FAILED", case.error)
    pattern = ".*".join(map(re.escape, case.cause.split("…")))
    assert re.fullmatch(pattern, described["cause"], re.DOTALL), described["cause"]
    types = [event["type"] for event in events]
    kind = state["Type"]
    assert types == ["ExecutionStarted", f"{kind}StateEntered", *case.events.split(), "ExecutionFailed"]
    caught = case.caught.split()
    for error, short in {"States.ALL": "ALL", "States.TaskFailed": "TaskFailed", case.error: "name"}.items():
        catch = [{"ErrorEquals": [error], "ResultPath": None, "Next": "Caught"}]
        described, _ = run(served, f"{name}-{short}", {**state, "Catch": catch})
        assert (described["status"] == "SUCCEEDED") is (short in caught), error


def task(served: ServerProcess, case: ServiceError) -> dict[str, Any]:
    """The Task of a case."""
    given = json.loads(json.dumps(case.given).replace("ENDPOINT", served.url))
    resource = case.resource if case.resource.startswith("arn:") else f"arn:aws:states:::{case.resource}"
    return {"Type": "Task", "Resource": resource, "Parameters": given}
