"""Requests that wait: what happens when their client does not."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ReadTimeoutError
from served import ROLE, ClientFactory


def test_a_task_is_not_given_to_a_client_that_went_away(client: ClientFactory) -> None:
    states, hasty = client("stepfunctions"), client("stepfunctions", read_timeout=1)
    activity = states.create_activity(name="polled")["activityArn"]
    state = {"Type": "Task", "Resource": activity, "End": True}
    created = states.create_state_machine(
        name="polling", definition=json.dumps({"StartAt": "T", "States": {"T": state}}), roleArn=ROLE
    )
    with pytest.raises(ReadTimeoutError):
        hasty.get_activity_task(activityArn=activity)
    execution = states.start_execution(stateMachineArn=created["stateMachineArn"], input='{"n": 1}')["executionArn"]
    task = states.get_activity_task(activityArn=activity, workerName="w")
    assert json.loads(task["input"]) == {"n": 1}
    states.send_task_success(taskToken=task["taskToken"], output='"done"')
    for _ in range(500):
        described = states.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            break
    assert described["output"] == '"done"'
