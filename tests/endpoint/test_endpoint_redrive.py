"""RedriveExecution over HTTP: tasks of an activity, as recorded on the service."""

from __future__ import annotations

import json
from typing import Any

import pytest
from served import ClientFactory
from test_endpoint_executions import create, ended, refusal


@pytest.fixture
def sfn(client: ClientFactory) -> Any:
    return client("stepfunctions")


def test_redrives_keep_what_succeeded(sfn: Any) -> None:
    activity = sfn.create_activity(name="leased-and-redriven")["activityArn"]
    task = {"Type": "Task", "Resource": activity, "TimeoutSeconds": 60}
    context = {"execution.$": "$$.Execution", "state.$": "$$.State", "input.$": "$"}
    definition = {
        "StartAt": "First",
        "States": {
            "First": {**task, "ResultPath": "$.first", "Next": "Work"},
            "Work": {
                **task,
                "Parameters": context,
                "Retry": [{"ErrorEquals": ["Try"], "MaxAttempts": 1, "IntervalSeconds": 1}],
                "End": True,
            },
        },
    }
    machine = create(sfn, "leased-and-redriven", definition)
    arn = sfn.start_execution(stateMachineArn=machine, input='{"n":1}')["executionArn"]
    not_while_running = f"Execution {arn} invalid for redrive as: Execution is RUNNING and cannot be redriven"
    refused = ("ExecutionNotRedrivable", not_while_running)

    def lease() -> tuple[str, Any]:
        given = sfn.get_activity_task(activityArn=activity, workerName="worker")
        return given["taskToken"], json.loads(given["input"])

    token, _ = lease()
    assert refusal(sfn.redrive_execution, executionArn=arn) == refused
    sfn.send_task_success(taskToken=token, output='"kept"')
    tries = []
    for _ in range(2):
        old, given = lease()
        tries.append(given["state"]["RetryCount"])
        sfn.send_task_failure(taskToken=old, error="Try", cause="again")
    failed = ended(sfn, arn)
    assert (failed["status"], failed["redriveStatus"], failed["redriveCount"]) == ("FAILED", "REDRIVABLE", 0)
    assert "redriveDate" not in failed

    redriven = sfn.redrive_execution(executionArn=arn, clientToken="A")["redriveDate"]
    assert sfn.redrive_execution(executionArn=arn, clientToken="A")["redriveDate"] == redriven
    assert refusal(sfn.redrive_execution, executionArn=arn, clientToken="B") == refused
    running = sfn.describe_execution(executionArn=arn)
    assert (running["status"], running["redriveCount"], running["redriveDate"]) == ("RUNNING", 1, redriven)
    assert {"stopDate", "error", "cause"}.isdisjoint(running)
    assert running["redriveStatusReason"] == "Execution is RUNNING and cannot be redriven"

    new, given = lease()
    assert new != old
    assert tries == [0, 1]
    assert (given["state"]["RetryCount"], given["execution"]["RedriveCount"]) == (0, 1)
    assert given["execution"]["RedriveTime"] == redriven.isoformat(timespec="milliseconds")[:23] + "Z"
    assert given["input"] == {"n": 1, "first": "kept"}
    assert refusal(sfn.send_task_success, taskToken=old, output="{}")[0] in ("TaskTimedOut", "TaskDoesNotExist")
    sfn.send_task_success(taskToken=new, output='"done"')
    answer = ended(sfn, arn)
    assert (answer["status"], answer["output"], answer["redriveCount"]) == ("SUCCEEDED", '"done"', 1)
    assert sfn.redrive_execution(executionArn=arn, clientToken="A")["redriveDate"] == redriven
    reason = f"Execution {arn} invalid for redrive as: Execution is SUCCEEDED and cannot be redriven"
    assert refusal(sfn.redrive_execution, executionArn=arn, clientToken="C") == ("ExecutionNotRedrivable", reason)

    events = sfn.get_execution_history(executionArn=arn)["events"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    entries = [event["id"] for event in events if event["type"] == "TaskStateEntered"]
    assert len(entries) == 2
    at = next(place for place, event in enumerate(events) if event["type"] == "ExecutionRedriven")
    assert events[at]["executionRedrivenEventDetails"] == {"redriveCount": 1}
    assert events[at]["previousEventId"] == events[at - 1]["id"]
    assert (events[at + 1]["type"], events[at + 1]["previousEventId"]) == ("ActivityScheduled", entries[1])


def test_a_fail_state_fails_again(sfn: Any) -> None:
    machine = create(sfn, "fails-again", {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}})
    arn = sfn.start_execution(stateMachineArn=machine)["executionArn"]
    ended(sfn, arn)
    for count in (1, 2):
        sfn.redrive_execution(executionArn=arn)
        answer = ended(sfn, arn)
        assert (answer["status"], answer["error"], answer["redriveCount"]) == ("FAILED", "E", count)
    events = sfn.get_execution_history(executionArn=arn)["events"]
    assert [(event["type"], event["previousEventId"]) for event in events] == [
        ("ExecutionStarted", 0),
        ("FailStateEntered", 0),
        ("ExecutionFailed", 2),
        ("ExecutionRedriven", 3),
        ("ExecutionFailed", 4),
        ("ExecutionRedriven", 5),
        ("ExecutionFailed", 6),
    ]


def test_a_deleted_state_machine_lets_no_execution_be_redriven(sfn: Any) -> None:
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    machine = create(sfn, "deleting", wait)
    failed, running = (sfn.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(2))
    sfn.stop_execution(executionArn=failed)
    sfn.delete_state_machine(stateMachineArn=machine)
    code, message = refusal(sfn.redrive_execution, executionArn=failed)
    assert (code, message.rpartition(": ")[2]) == ("ExecutionNotRedrivable", "State machine is in DELETING status")
    sfn.stop_execution(executionArn=running)
