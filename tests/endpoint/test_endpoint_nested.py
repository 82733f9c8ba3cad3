"""Nested executions and map runs, by boto3 against the real server."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ClientFactory

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


def create(states: Any, name: str, definition: dict[str, Any]) -> str:
    made = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    arn: str = made["stateMachineArn"]
    return arn


def parent(pattern: str, child: str, **parameters: Any) -> dict[str, Any]:
    resource = f"arn:aws:states:::states:startExecution{pattern}"
    fields = {"StateMachineArn": child, **parameters}
    task = {"Type": "Task", "Resource": resource, "Parameters": fields, "End": True}
    return {"StartAt": "T", "States": {"T": task}}


def start(states: Any, machine: str, input: Any = None) -> str:
    arn: str = states.start_execution(stateMachineArn=machine, input=json.dumps(input))["executionArn"]
    return arn


def until(states: Any, arn: str, *statuses: str) -> dict[str, Any]:
    pause = threading.Event()
    while (described := states.describe_execution(executionArn=arn))["status"] not in statuses:
        pause.wait(0.01)
    found: dict[str, Any] = described
    return found


def ended(states: Any, arn: str) -> dict[str, Any]:
    return until(states, arn, "SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")


@pytest.mark.parametrize("pattern, output", [(".sync", '{"n":1}'), (".sync:2", {"n": 1})])
def test_a_nested_execution_is_waited_for(client: ClientFactory, pattern: str, output: Any) -> None:
    states = client("stepfunctions")
    name = f"awaited{len(pattern)}"
    child = create(states, f"{name}-child", PASS)
    machine = create(states, name, parent(pattern, child, Input={"n": 1}))
    result = json.loads(ended(states, start(states, machine))["output"])
    assert (result["Status"], result["Output"], result["Input"]) == ("SUCCEEDED", output, output)
    assert result["RedriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"
    assert "SdkHttpMetadata" not in result


def test_a_nested_execution_is_only_started(client: ClientFactory) -> None:
    states = client("stepfunctions")
    child = create(states, "begun-child", PASS)
    machine = create(states, "begun", parent("", child, Name="given", Input='{"a":1}'))
    result = json.loads(ended(states, start(states, machine))["output"])
    assert result["ExecutionArn"].endswith(":execution:begun-child:given")
    assert result["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert json.loads(ended(states, result["ExecutionArn"])["output"]) == {"a": 1}


def test_a_failed_nested_execution_is_the_cause(client: ClientFactory) -> None:
    states = client("stepfunctions")
    fail = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}}
    machine = create(states, "blamed", parent(".sync", create(states, "blamed-child", fail)))
    described = ended(states, start(states, machine))
    cause = json.loads(described["cause"])
    assert described["error"] == "States.TaskFailed"
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "E", "C")


def test_what_cannot_be_started_is_refused_in_the_services_words(client: ClientFactory) -> None:
    states = client("stepfunctions")
    missing = "arn:aws:states:us-east-1:123456789012:stateMachine:nothing-here"
    described = ended(states, start(states, create(states, "lost", parent("", missing))))
    assert described["error"] == "StepFunctions.StateMachineDoesNotExistException"
    assert described["cause"].startswith(
        f"State Machine Does Not Exist: '{missing}' (Service: AWSStepFunctions; Status Code: 400; Error Code: "
    )
    wrong = ended(states, start(states, create(states, "odd", parent(".sync", missing, Nmae="x"))))
    assert wrong["error"] == "States.Runtime"
    assert wrong["cause"].endswith('[The field "Nmae" is not supported by Step Functions]')


def test_stopping_the_parent_stops_the_child(client: ClientFactory) -> None:
    states = client("stepfunctions")
    child = create(states, "cut-child", WAIT)
    execution = start(states, create(states, "cut", parent(".sync", child)))
    pause = threading.Event()
    while not (running := states.list_executions(stateMachineArn=child, statusFilter="RUNNING")["executions"]):
        pause.wait(0.01)
    states.stop_execution(executionArn=execution, error="Enough")
    assert until(states, running[0]["executionArn"], "ABORTED")["status"] == "ABORTED"
    assert ended(states, execution)["status"] == "ABORTED"


@pytest.mark.parametrize("cut", ["task", "machine", "branch"])
def test_what_cuts_the_parent_off_stops_the_child(client: ClientFactory, cut: str) -> None:
    """The Task runs out of its time, the machine does, or another branch fails."""
    states = client("stepfunctions")
    child = create(states, f"cut-child-{cut}", WAIT)
    machine = parent(".sync:2", child)
    if cut == "task":
        machine["States"]["T"]["TimeoutSeconds"] = 1
    elif cut == "machine":
        machine["TimeoutSeconds"] = 1
    else:
        soon = {
            "W": {"Type": "Wait", "Seconds": 1, "Next": "F"},
            "F": {"Type": "Fail", "Error": "Own"},
        }
        branches = [machine, {"StartAt": "W", "States": soon}]
        machine = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}}
    arn = start(states, create(states, f"cut-{cut}", machine))
    assert ended(states, arn)["status"] == ("TIMED_OUT" if cut == "machine" else "FAILED")
    [execution] = states.list_executions(stateMachineArn=child)["executions"]
    assert ended(states, execution["executionArn"])["status"] == "ABORTED"


def test_a_callback_without_heartbeats_times_out_and_its_token_is_done(client: ClientFactory) -> None:
    states, queues = client("stepfunctions"), client("sqs")
    queue = queues.create_queue(QueueName="no-heartbeats")["QueueUrl"]
    caught = [
        {"ErrorEquals": ["States.TaskFailed"], "Next": "Wrong"},
        {"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Right"},
    ]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
        "HeartbeatSeconds": 1,
        "Catch": caught,
        "End": True,
    }
    machine = {"StartAt": "T", "States": {"T": task, "Wrong": {"Type": "Fail"}, "Right": {"Type": "Succeed"}}}
    arn = start(states, create(states, "no-heartbeats", machine))
    message = queues.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"][0]
    token = json.loads(message["Body"])["token"]
    result = ended(states, arn)
    assert (result["status"], json.loads(result["output"])) == ("SUCCEEDED", {"Error": "States.Timeout", "Cause": ""})
    events = states.get_execution_history(executionArn=arn)["events"]
    [timed_out] = [event for event in events if event["type"] == "TaskTimedOut"]
    assert timed_out["taskTimedOutEventDetails"] == {
        "resourceType": "sqs",
        "resource": "sendMessage.waitForTaskToken",
        "error": "States.Timeout",
    }
    for late in (states.send_task_heartbeat, lambda **one: states.send_task_success(output="1", **one)):
        with pytest.raises(ClientError, match="TaskTimedOut"):
            late(taskToken=token)


def test_a_nested_execution_answers_by_token(client: ClientFactory) -> None:
    states = client("stepfunctions")
    child = create(states, "told-child", PASS)
    token = {"token.$": "$$.Task.Token"}
    execution = start(states, create(states, "told", parent(".waitForTaskToken", child, Input=token)))
    pause = threading.Event()
    while not (done := states.list_executions(stateMachineArn=child, statusFilter="SUCCEEDED")["executions"]):
        pause.wait(0.01)
    given = json.loads(states.describe_execution(executionArn=done[0]["executionArn"])["output"])
    states.send_task_success(taskToken=given["token"], output='"yes"')
    assert ended(states, execution)["output"] == '"yes"'


def distributed(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    state = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **processor}, "End": True, **fields}
    return {"StartAt": "M", "States": {"M": state}}


def test_map_runs_are_listed_and_described_with_their_children(client: ClientFactory) -> None:
    states = client("stepfunctions")
    machine = create(states, "mapped", distributed(PASS, Label="Each", MaxConcurrency=3))
    execution = start(states, machine, [1, 2])
    assert json.loads(ended(states, execution)["output"]) == [1, 2]
    (listed,) = states.list_map_runs(executionArn=execution)["mapRuns"]
    assert listed["stateMachineArn"] == f"{machine}/Each"
    described = states.describe_map_run(mapRunArn=listed["mapRunArn"])
    assert (described["status"], described["maxConcurrency"]) == ("SUCCEEDED", 3)
    assert described["itemCounts"]["succeeded"] == described["executionCounts"]["total"] == 2
    children = states.list_executions(mapRunArn=listed["mapRunArn"])["executions"]
    assert [child["itemCount"] for child in children] == [1, 1]
    child = states.describe_execution(executionArn=children[0]["executionArn"])
    assert child["mapRunArn"] == listed["mapRunArn"]
    shown = states.describe_state_machine_for_execution(executionArn=child["executionArn"])
    assert (shown["label"], shown["mapRunArn"]) == ("Each", listed["mapRunArn"])
    assert json.loads(shown["definition"])["StartAt"] == "P"


def test_a_map_run_is_updated_while_it_runs_and_not_after(client: ClientFactory) -> None:
    states = client("stepfunctions")
    execution = start(states, create(states, "changed", distributed(WAIT, MaxConcurrency=1)), [1, 2, 3])
    pause = threading.Event()
    while not (runs := states.list_map_runs(executionArn=execution)["mapRuns"]):
        pause.wait(0.01)
    arn = runs[0]["mapRunArn"]
    while (counts := states.describe_map_run(mapRunArn=arn)["executionCounts"])["running"] != 1:
        pause.wait(0.01)
    assert counts["pending"] == 2
    states.update_map_run(mapRunArn=arn, maxConcurrency=2, toleratedFailurePercentage=12.5)
    while (described := states.describe_map_run(mapRunArn=arn))["executionCounts"]["running"] != 2:
        pause.wait(0.01)
    assert (described["maxConcurrency"], described["toleratedFailurePercentage"]) == (2, 12.5)
    states.stop_execution(executionArn=execution)
    while (described := states.describe_map_run(mapRunArn=arn))["status"] == "RUNNING":
        pause.wait(0.01)
    assert described["status"] == "ABORTED"
    assert described["executionCounts"]["aborted"] == 3
    with pytest.raises(ClientError, match="ValidationException"):
        states.update_map_run(mapRunArn=arn, maxConcurrency=1)


def test_express_children_are_described_though_express(client: ClientFactory) -> None:
    states = client("stepfunctions")
    machine = distributed(PASS, Label="Fast")
    machine["States"]["M"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "EXPRESS"
    execution = start(states, create(states, "express-children", machine), [1])
    ended(states, execution)
    (run,) = states.list_map_runs(executionArn=execution)["mapRuns"]
    (child,) = states.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    described = states.describe_execution(executionArn=child["executionArn"])
    assert (described["status"], described["mapRunArn"], described["output"]) == ("SUCCEEDED", run["mapRunArn"], "1")
    with pytest.raises(ClientError, match="InvalidArn"):
        states.get_execution_history(executionArn=child["executionArn"])


def test_map_runs_under_way_go_on_after_their_process(serve: Any) -> None:
    first = serve()
    states = first.client("stepfunctions")
    execution = start(states, create(states, "killed", distributed(WAIT)), [1, 2])
    pause = threading.Event()
    while not (runs := states.list_map_runs(executionArn=execution)["mapRuns"]):
        pause.wait(0.01)
    arn = runs[0]["mapRunArn"]
    while states.describe_map_run(mapRunArn=arn)["executionCounts"]["running"] != 2:
        pause.wait(0.01)
    first.kill()
    states = serve().client("stepfunctions")
    described = states.describe_map_run(mapRunArn=arn)
    assert (described["status"], described["executionCounts"]["running"]) == ("RUNNING", 2)
    states.stop_execution(executionArn=execution)
    assert ended(states, execution)["status"] == "ABORTED"
    described = states.describe_map_run(mapRunArn=arn)
    assert (described["status"], described["executionCounts"]["aborted"]) == ("ABORTED", 2)


def test_map_runs_that_are_not_there(client: ClientFactory) -> None:
    states = client("stepfunctions")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        states.describe_map_run(mapRunArn="arn:aws:states:us-east-1:123456789012:mapRun:a/b:c")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        states.list_executions(mapRunArn="arn:aws:states:us-east-1:123456789012:mapRun:a/b:c")
    with pytest.raises(ClientError, match="InvalidArn"):
        states.describe_map_run(mapRunArn="nothing")
    with pytest.raises(ClientError, match="ExecutionDoesNotExist"):
        states.list_map_runs(executionArn="arn:aws:states:us-east-1:123456789012:execution:a:b")


def test_a_redrive_of_the_parent_redrives_its_map_run(client: ClientFactory) -> None:
    states = client("stepfunctions")
    execution = start(states, create(states, "redriven-map", distributed(WAIT)), [1])
    pause = threading.Event()
    while not (runs := states.list_map_runs(executionArn=execution)["mapRuns"]):
        pause.wait(0.01)
    arn = runs[0]["mapRunArn"]
    while not (children := states.list_executions(mapRunArn=arn, statusFilter="RUNNING")["executions"]):
        pause.wait(0.01)
    states.stop_execution(executionArn=execution)
    child = until(states, children[0]["executionArn"], "ABORTED")
    assert child["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    states.redrive_execution(executionArn=execution)
    child = until(states, child["executionArn"], "RUNNING")
    assert child["redriveCount"] == 1
    described = states.describe_map_run(mapRunArn=arn)
    assert (described["status"], described["redriveCount"]) == ("RUNNING", 1)
    assert "stopDate" not in described
    assert states.list_executions(mapRunArn=arn, redriveFilter="REDRIVEN")["executions"][0]["redriveCount"] == 1
    states.stop_execution(executionArn=execution)
    assert ended(states, execution)["status"] == "ABORTED"
