"""boto3 as it comes: default settings, waiters, and the paginators of all Step Functions operations that have one."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import WaiterError
from served import ROLE, ClientFactory, ServerProcess

PASSING = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "done", "End": True}}})
MAPPING = json.dumps(
    {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "A",
                    "States": {
                        "A": {"Type": "Pass", "Next": "Again"},
                        "Again": {"Type": "Wait", "Seconds": 0, "End": True},
                    },
                },
                "Next": "More",
            },
            "More": {"Type": "Pass", "Result": [3], "Next": "Each again"},
            "Each again": {
                "Type": "Map",
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "B",
                    "States": {"B": {"Type": "Pass", "End": True}},
                },
                "End": True,
            },
        },
    }
)


@pytest.fixture
def default(server_process: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """`boto3.client(service)` with nothing but environment variables set."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server_process.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    return lambda service: boto3.Session().client(service)  # type: ignore[call-overload]


def ended(states: Any, execution: str) -> dict[str, Any]:
    for _ in range(1000):
        described: dict[str, Any] = states.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.02)
    raise AssertionError(described)


def quick(states: Any) -> str:
    """An Express state machine."""
    arn: str = states.create_state_machine(
        name=f"quick-{uuid.uuid4().hex}", definition=PASSING, roleArn=ROLE, type="EXPRESS"
    )["stateMachineArn"]
    return arn


def test_defaults_reach_everything(default: Callable[[str], Any]) -> None:
    states, s3, queues = default("stepfunctions"), default("s3"), default("sqs")
    arn = states.create_state_machine(name="defaults", definition=PASSING, roleArn=ROLE)["stateMachineArn"]
    assert ended(states, states.start_execution(stateMachineArn=arn)["executionArn"])["output"] == '"done"'
    s3.create_bucket(Bucket="defaults")
    s3.put_object(Bucket="defaults", Key="a/b", Body=b"text")
    assert s3.get_object(Bucket="defaults", Key="a/b")["Body"].read() == b"text"
    url = queues.create_queue(QueueName="defaults")["QueueUrl"]
    queues.send_message(QueueUrl=url, MessageBody="hello")
    assert queues.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"
    assert default("lambda").list_functions()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert default("sagemaker").list_models()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_one_setting_for_calls_with_a_host_prefix(
    default: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
    states = default("stepfunctions")
    assert states.start_sync_execution(stateMachineArn=quick(states))["output"] == '"done"'
    assert states.test_state(definition='{"Type": "Succeed"}', input="1")["output"] == "1"


def test_a_name_whose_prefixed_form_resolves(
    default: Callable[[str], Any], server_process: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `*.localhost` is this machine, as systemd-resolved and macOS have it, no setting is needed."""
    resolve = socket.getaddrinfo

    def of_loopback(host: Any, *more: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", of_loopback)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", server_process.url.replace("127.0.0.1", "states.localhost"))
    states = default("stepfunctions")
    assert states.start_sync_execution(stateMachineArn=quick(states))["output"] == '"done"'


def test_any_host_name_is_answered(server_process: ServerProcess) -> None:
    connection = http.client.HTTPConnection(server_process.url.removeprefix("http://"))
    headers = {
        "Host": "sync-states.us-east-1.amazonaws.com",
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AWSStepFunctions.TestState",
    }
    connection.request("POST", "/", json.dumps({"definition": '{"Type": "Succeed"}', "input": "{}"}), headers)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())) == (200, {"output": "{}", "status": "SUCCEEDED"})
    connection.close()


def test_paginators(client: ClientFactory) -> None:
    states = client("stepfunctions")
    tag = uuid.uuid4().hex
    names = [f"pages-{tag}-{number}" for number in range(5)]
    for name in names:
        states.create_activity(name=name)
        states.create_state_machine(name=name, definition=PASSING, roleArn=ROLE)
    mapping = states.create_state_machine(name=f"pages-{tag}", definition=MAPPING, roleArn=ROLE)["stateMachineArn"]
    executions = [states.start_execution(stateMachineArn=mapping, input="[1,2]")["executionArn"] for _ in range(3)]
    for execution in executions:
        assert ended(states, execution)["status"] == "SUCCEEDED"
    runs = states.list_map_runs(executionArn=executions[0])["mapRuns"]
    assert len(runs) == 2
    asked: dict[str, dict[str, Any]] = {
        "get_execution_history": {"executionArn": executions[0]},
        "list_activities": {},
        "list_executions": {"stateMachineArn": mapping},
        "list_map_runs": {"executionArn": executions[0]},
        "list_state_machines": {},
    }
    operations = map(xform_name, states.meta.service_model.operation_names)
    assert set(asked) == {name for name in operations if states.can_paginate(name)}
    for operation, request in asked.items():
        paginator = states.get_paginator(operation)
        key = paginator.result_keys[0].expression
        whole = paginator.paginate(**request).build_full_result()[key]
        pages = [page[key] for page in paginator.paginate(**request, PaginationConfig={"PageSize": 1})]
        assert [one for page in pages for one in page] == whole, operation
        assert len(whole) > 1, operation
        assert all(len(page) <= 1 for page in pages), operation
        part = paginator.paginate(**request, PaginationConfig={"MaxItems": 1, "PageSize": 2}).build_full_result()
        assert part[key] == whole[:1], operation
        resumed = paginator.paginate(**request, PaginationConfig={"StartingToken": part["NextToken"], "PageSize": 2})
        assert resumed.build_full_result()[key] == whole[1:], operation
    children = states.get_paginator("list_executions").paginate(mapRunArn=runs[0]["mapRunArn"], maxResults=1)
    assert {one["mapRunArn"] for page in children for one in page["executions"]} == {runs[0]["mapRunArn"]}


@pytest.mark.parametrize("listed", ["versions", "aliases"])
def test_pages_of_versions_and_aliases(client: ClientFactory, listed: str) -> None:
    """boto3 has no paginators for these: the tokens are passed on by hand."""
    states = client("stepfunctions")
    arn = states.create_state_machine(name=f"{listed}-{uuid.uuid4().hex}", definition=PASSING, roleArn=ROLE)[
        "stateMachineArn"
    ]
    for number in range(3):
        states.update_state_machine(stateMachineArn=arn, definition=PASSING.replace("done", f"done {number}"))
        version = states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
        route = [{"stateMachineVersionArn": version, "weight": 100}]
        states.create_state_machine_alias(name=f"a{number}", routingConfiguration=route)
    key = {"versions": "stateMachineVersions", "aliases": "stateMachineAliases"}[listed]
    call = getattr(states, f"list_state_machine_{listed}")
    whole = call(stateMachineArn=arn)[key]
    found, request = [], {"stateMachineArn": arn, "maxResults": 1}
    while True:
        page = call(**request)
        found += page[key]
        if "nextToken" not in page:
            break
        request["nextToken"] = page["nextToken"]
    assert found == whole
    assert len(whole) == 3


def test_waiters(client: ClientFactory) -> None:
    s3, functions = client("s3"), client("lambda")
    briefly = {"Delay": 1, "MaxAttempts": 2}
    bucket = f"waits-{uuid.uuid4().hex}"
    s3.get_waiter("bucket_not_exists").wait(Bucket=bucket, WaiterConfig=briefly)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"")
    s3.get_waiter("bucket_exists").wait(Bucket=bucket, WaiterConfig=briefly)
    s3.get_waiter("object_exists").wait(Bucket=bucket, Key="a", WaiterConfig=briefly)
    s3.get_waiter("object_not_exists").wait(Bucket=bucket, Key="b", WaiterConfig=briefly)
    with pytest.raises(WaiterError):
        functions.get_waiter("function_exists").wait(FunctionName="nobody", WaiterConfig=briefly)
