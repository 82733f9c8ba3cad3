"""Activities and task tokens, by boto3 against the real server."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ClientFactory, ServerProcess, make_client

from asl_runner.endpoint.server import Server


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    said = error.value.response["Error"]
    return said["Code"], said["Message"]


def activity_machine(arn: str, **fields: Any) -> str:
    task = {"Type": "Task", "Resource": arn, "End": True, **fields}
    return json.dumps({"StartAt": "T", "States": {"T": task}})


def start(states: Any, name: str, definition: str, input: Any = None) -> str:
    machine = states.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
    started: str = states.start_execution(stateMachineArn=machine, input=json.dumps(input))["executionArn"]
    return started


def ended(states: Any, arn: str) -> dict[str, Any]:
    pause = threading.Event()
    while (described := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pause.wait(0.01)
    found: dict[str, Any] = described
    return found


def history(states: Any, arn: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = states.get_execution_history(executionArn=arn)["events"]
    return events


def test_an_activity_is_created_once_described_and_deleted(client: ClientFactory) -> None:
    states = client("stepfunctions")
    created = states.create_activity(name="once", tags=[{"key": "team", "value": "a"}])
    again = states.create_activity(name="once")
    assert (again["activityArn"], again["creationDate"]) == (created["activityArn"], created["creationDate"])
    arn = created["activityArn"]
    described = states.describe_activity(activityArn=arn)
    assert (described["name"], described["encryptionConfiguration"]) == ("once", {"type": "AWS_OWNED_KEY"})
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "a"}]
    states.delete_activity(activityArn=arn)
    states.delete_activity(activityArn=arn)
    missing = ("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
    assert refused(states.describe_activity, activityArn=arn) == missing
    assert refused(states.get_activity_task, activityArn=arn) == missing
    assert refused(states.create_activity, name="a b") == ("InvalidName", "Invalid Name: 'a b'")
    key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/mine"}
    states.create_activity(name="secret", encryptionConfiguration=key)
    assert refused(states.create_activity, name="secret")[0] == "ActivityAlreadyExists"


def test_activities_are_listed_in_pages(client: ClientFactory) -> None:
    states = client("stepfunctions")
    names = [f"paged-{number}" for number in range(5)]
    for name in names:
        states.create_activity(name=name)
    pages = list(states.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["activities"]) <= 2 for page in pages)
    listed = [activity["name"] for page in pages for activity in page["activities"]]
    assert [name for name in listed if name.startswith("paged-")] == names


def test_a_worker_waits_for_a_task_beats_and_answers(client: ClientFactory) -> None:
    states = client("stepfunctions")
    arn = states.create_activity(name="worked")["activityArn"]
    got: dict[str, Any] = {}
    worker = threading.Thread(
        target=lambda: got.update(states.get_activity_task(activityArn=arn, workerName="w1")), daemon=True
    )
    worker.start()
    execution = start(states, "worked", activity_machine(arn, HeartbeatSeconds=30, TimeoutSeconds=60), {"n": 1})
    worker.join(30)
    assert json.loads(got["input"]) == {"n": 1}
    assert [event["type"] for event in history(states, execution)][-1] == "ActivityStarted"
    states.send_task_heartbeat(taskToken=got["taskToken"])
    assert refused(states.send_task_success, taskToken=got["taskToken"], output="{no")[0] == "InvalidOutput"
    states.send_task_success(taskToken=got["taskToken"], output='{"m":2}')
    assert json.loads(ended(states, execution)["output"]) == {"m": 2}
    events = history(states, execution)
    assert [event["type"] for event in events[2:5]] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    assert events[3]["activityStartedEventDetails"] == {"workerName": "w1"}
    late = ("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    assert refused(states.send_task_success, taskToken=got["taskToken"], output="1") == late
    assert refused(states.send_task_heartbeat, taskToken=got["taskToken"]) == late


def test_what_a_worker_reports_as_failure_is_the_tasks(client: ClientFactory) -> None:
    states = client("stepfunctions")
    arn = states.create_activity(name="failing")["activityArn"]
    execution = start(states, "failing", activity_machine(arn))
    token = states.get_activity_task(activityArn=arn)["taskToken"]
    states.send_task_failure(taskToken=token, error="Mine", cause="because")
    described = ended(states, execution)
    assert (described["status"], described["error"], described["cause"]) == ("FAILED", "Mine", "because")
    assert history(states, execution)[3]["activityStartedEventDetails"] == {}


def test_tokens_that_are_none_and_tokens_of_nobody(client: ClientFactory) -> None:
    states = client("stepfunctions")
    assert refused(states.send_task_failure, taskToken="none") == ("InvalidToken", "Invalid Token: 'Invalid token'")
    assert refused(states.send_task_success, taskToken="A" * 160, output="1")[0] == "TaskDoesNotExist"
    assert refused(states.send_task_success, taskToken="none", output="{no")[0] == "InvalidToken"


def test_a_task_of_a_deleted_activity_fails_before_it_is_scheduled(client: ClientFactory) -> None:
    states = client("stepfunctions")
    arn = states.create_activity(name="gone")["activityArn"]
    states.delete_activity(activityArn=arn)
    execution = start(states, "gone", activity_machine(arn))
    described = ended(states, execution)
    assert described["error"] == "States.Runtime"
    assert described["cause"].endswith(f"(entered at the event id #2). The activity {arn} does not exist.")
    assert [event["type"] for event in history(states, execution)] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "ExecutionFailed",
    ]


async def test_a_client_that_goes_away_takes_no_task_with_it(server: Server) -> None:
    states = make_client(server.url, "stepfunctions")
    arn = (await asyncio.to_thread(states.create_activity, name="left"))["activityArn"]
    address = urlsplit(server.url)
    body = json.dumps({"activityArn": arn}).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: {address.netloc}\r\nX-Amz-Target: AWSStepFunctions.GetActivityTask\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection(address.hostname, address.port, family=socket.AF_INET)
    writer.write(head.encode() + body)
    await writer.drain()
    activities = server._workspace.local.activities
    while not activities.polls(arn):
        await asyncio.sleep(0.01)
    writer.close()
    await writer.wait_closed()
    while activities.polls(arn):
        await asyncio.sleep(0.01)
    await asyncio.to_thread(start, states, "left", activity_machine(arn), 5)
    assert (await asyncio.to_thread(states.get_activity_task, activityArn=arn))["input"] == "5"


def test_activities_survive_the_server(serve: Any) -> None:
    first: ServerProcess = serve()
    arn = first.client("stepfunctions").create_activity(name="kept")["activityArn"]
    first.kill()
    second: ServerProcess = serve()
    assert second.client("stepfunctions").describe_activity(activityArn=arn)["name"] == "kept"


def test_a_function_answers_its_own_callback(serve: Any, tmp_path: Any) -> None:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "answer.py").write_text(
        "import boto3, json\n"
        "def handler(event, context):\n"
        "    boto3.client('stepfunctions').send_task_success(taskToken=event['token'], output=json.dumps(event['n']))\n"
        "    return 'asked'\n"
    )
    definition = {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {"FunctionName": "answer", "Payload": {"token.$": "$$.Task.Token", "n.$": "$.n"}},
                "HeartbeatSeconds": 60,
                "End": True,
            }
        },
    }
    states = serve().client("stepfunctions")
    execution = start(states, "asking", json.dumps(definition), {"n": 7})
    assert json.loads(ended(states, execution)["output"]) == 7
    events = history(states, execution)
    types = [event["type"] for event in events]
    assert types[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert json.loads(events[4]["taskSubmittedEventDetails"]["output"])["Payload"] == "asked"
