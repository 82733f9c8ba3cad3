"""Executions over HTTP, asked for by boto3."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ClientFactory, ServerProcess

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"x": 1}, "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Oh", "Cause": "no"}}}


@pytest.fixture
def sfn(client: ClientFactory) -> Any:
    return client("stepfunctions")


def create(sfn: Any, name: str, definition: dict[str, Any], **more: Any) -> str:
    made = sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE, **more)
    arn: str = made["stateMachineArn"]
    return arn


def ended(sfn: Any, arn: str) -> dict[str, Any]:
    for _ in range(400):
        answer: dict[str, Any] = sfn.describe_execution(executionArn=arn)
        if answer["status"] != "RUNNING":
            return answer
        time.sleep(0.01)
    raise AssertionError(answer)


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_execution_is_described_as_it_ended(sfn: Any) -> None:
    machine = create(sfn, "described", PASS)
    started = sfn.start_execution(stateMachineArn=machine, name="one", input=' {"a": 1}', traceHeader="Root=1-2-3")
    answer = ended(sfn, started["executionArn"])
    assert started["executionArn"] == machine.replace("stateMachine", "execution") + ":one"
    assert {key: value for key, value in answer.items() if key not in ("stopDate", "ResponseMetadata")} == {
        "executionArn": started["executionArn"],
        "stateMachineArn": machine,
        "name": "one",
        "status": "SUCCEEDED",
        "startDate": started["startDate"],
        "input": ' {"a": 1}',
        "inputDetails": {"included": True},
        "output": '{"x":1}',
        "outputDetails": {"included": True},
        "traceHeader": "Root=1-2-3",
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    }
    bare = sfn.describe_execution(executionArn=started["executionArn"], includedData="METADATA_ONLY")
    assert "input" not in bare
    assert bare["inputDetails"] == {"included": False}


def test_the_same_start_is_the_same_execution_while_it_runs(sfn: Any) -> None:
    machine = create(sfn, "idempotent", WAIT)
    first = sfn.start_execution(stateMachineArn=machine, name="one", input='{"a":1}')
    again = sfn.start_execution(stateMachineArn=machine, name="one", input='{"a":1}')
    assert (first["executionArn"], first["startDate"]) == (again["executionArn"], again["startDate"])
    taken = ("ExecutionAlreadyExists", f"Execution Already Exists: '{first['executionArn']}'")
    assert refusal(sfn.start_execution, stateMachineArn=machine, name="one", input="{}") == taken
    stopped = sfn.stop_execution(executionArn=first["executionArn"], error="E", cause="C")
    answer = ended(sfn, first["executionArn"])
    assert (answer["status"], answer["error"], answer["cause"]) == ("ABORTED", "E", "C")
    assert stopped["stopDate"] == answer["stopDate"]
    assert sfn.stop_execution(executionArn=first["executionArn"])["stopDate"] == answer["stopDate"]
    assert refusal(sfn.start_execution, stateMachineArn=machine, name="one", input='{"a":1}') == taken


def test_what_is_wrong_with_a_start(sfn: Any) -> None:
    machine = create(sfn, "refusing", PASS)
    assert refusal(sfn.start_execution, stateMachineArn=machine, input="not json") == (
        "InvalidExecutionInput",
        "Invalid State Machine Execution Input: 'Unrecognized token 'not': was expecting (JSON String, Number, Array, "
        "Object or token 'null', 'true' or 'false')\n at [Source: (String)\"not json\"; line: 1, column: 4]'",
    )
    assert refusal(sfn.start_execution, stateMachineArn=machine, name="a b") == ("InvalidName", "Invalid Name: 'a b'")
    code, message = refusal(sfn.start_execution, stateMachineArn=machine, input='"' + "é" * 140_000 + '"')
    assert (code, message[:48]) == ("ValidationException", "1 validation error detected: Value at 'input' fa")
    missing = f"{machine}x"
    assert refusal(sfn.start_execution, stateMachineArn=missing) == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{missing}'",
    )
    gone = machine.replace("stateMachine", "execution") + ":nothing"
    for call in (sfn.describe_execution, sfn.stop_execution, sfn.get_execution_history, sfn.redrive_execution):
        assert refusal(call, executionArn=gone) == ("ExecutionDoesNotExist", f"Execution Does Not Exist: '{gone}'")
    assert refusal(sfn.describe_execution, executionArn="x") == (
        "InvalidArn",
        "Invalid Arn: 'Invalid ARN prefix: x'",
    )


def test_lists_have_filters_and_pages(sfn: Any) -> None:
    machine = create(sfn, "listed", PASS)
    arns = [sfn.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(7)]
    for arn in arns:
        ended(sfn, arn)
    pages = list(sfn.get_paginator("list_executions").paginate(stateMachineArn=machine, maxResults=3))
    assert [len(page["executions"]) for page in pages] == [3, 3, 1]
    assert [item["executionArn"] for page in pages for item in page["executions"]] == arns[::-1]
    assert set(pages[0]["executions"][0]) == {
        "executionArn",
        "stateMachineArn",
        "name",
        "status",
        "startDate",
        "stopDate",
        "redriveCount",
    }
    assert sfn.list_executions(stateMachineArn=machine, statusFilter="FAILED")["executions"] == []
    token = pages[0]["nextToken"]
    invalid = ("InvalidToken", "Invalid Token: 'Invalid token'")
    assert refusal(sfn.list_executions, stateMachineArn=machine, nextToken="x") == invalid
    assert refusal(sfn.list_executions, stateMachineArn=machine, statusFilter="FAILED", nextToken=token) == invalid
    assert refusal(sfn.list_executions, stateMachineArn=machine, redriveFilter="REDRIVEN")[0] == "ValidationException"
    assert refusal(sfn.list_executions)[0] == "ValidationException"


def test_histories_have_pages_in_both_orders(sfn: Any) -> None:
    names = [f"S{n}" for n in range(10)]
    states: dict[str, Any] = {name: {"Type": "Pass", "Next": f"S{n + 1}"} for n, name in enumerate(names)}
    states["S10"] = {"Type": "Succeed"}
    machine = create(sfn, "paged", {"StartAt": "S0", "States": states})
    arn = sfn.start_execution(stateMachineArn=machine, input='{"a":1}')["executionArn"]
    ended(sfn, arn)
    paginator = sfn.get_paginator("get_execution_history")
    for reverse in (False, True):
        pages = list(paginator.paginate(executionArn=arn, maxResults=5, reverseOrder=reverse))
        ids = [event["id"] for page in pages for event in page["events"]]
        assert [len(page["events"]) for page in pages] == [5, 5, 5, 5, 4]
        assert ids == (list(range(24, 0, -1)) if reverse else list(range(1, 25)))
    bare = sfn.get_execution_history(executionArn=arn, includeExecutionData=False)["events"]
    assert bare[0]["executionStartedEventDetails"] == {"roleArn": ROLE}
    assert bare[1]["stateEnteredEventDetails"] == {"name": "S0"}
    token = sfn.get_execution_history(executionArn=arn, maxResults=5)["nextToken"]
    invalid = ("InvalidToken", "Invalid Token: 'Invalid token'")
    assert refusal(sfn.get_execution_history, executionArn=arn, reverseOrder=True, nextToken=token) == invalid
    assert refusal(sfn.get_execution_history, executionArn=arn, nextToken="AAAA") == invalid
    code, message = refusal(sfn.get_execution_history, executionArn=arn, maxResults=1001)
    assert (code, message) == (
        "ValidationException",
        "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: "
        "Member must have value less than or equal to 1000",
    )


def test_an_unknown_function_fails_the_state_not_the_start(sfn: Any) -> None:
    function = "arn:aws:lambda:us-east-1:123456789012:function:nowhere"
    task = {"Type": "Task", "Resource": function, "End": True}
    machine = create(sfn, "unknown-function", {"StartAt": "T", "States": {"T": task}})
    answer = ended(sfn, sfn.start_execution(stateMachineArn=machine)["executionArn"])
    assert answer["status"] == "FAILED"
    assert answer["error"].startswith("Lambda.")


def test_versions_and_aliases_are_recorded(sfn: Any) -> None:
    machine = create(sfn, "routed", PASS, publish=True)
    version = f"{machine}:1"
    alias = sfn.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}]
    )["stateMachineAliasArn"]
    arn = sfn.start_execution(stateMachineArn=alias)["executionArn"]
    answer = ended(sfn, arn)
    assert (answer["stateMachineVersionArn"], answer["stateMachineAliasArn"]) == (version, alias)
    started = sfn.get_execution_history(executionArn=arn)["events"][0]["executionStartedEventDetails"]
    assert (started["stateMachineVersionArn"], started["stateMachineAliasArn"]) == (version, alias)
    plain = sfn.start_execution(stateMachineArn=machine)["executionArn"]
    assert "stateMachineVersionArn" not in ended(sfn, plain)
    for named, expected in ((alias, [arn]), (version, [arn]), (machine, [plain, arn])):
        listed = sfn.list_executions(stateMachineArn=named)["executions"]
        assert [item["executionArn"] for item in listed] == expected


def test_an_execution_keeps_its_definition(sfn: Any) -> None:
    machine = create(sfn, "pinned", WAIT)
    arn = sfn.start_execution(stateMachineArn=machine)["executionArn"]
    sfn.update_state_machine(stateMachineArn=machine, definition=json.dumps(PASS))
    answer = sfn.describe_state_machine_for_execution(executionArn=arn)
    assert json.loads(answer["definition"]) == WAIT
    assert (answer["stateMachineArn"], answer["name"], answer["roleArn"]) == (machine, "pinned", ROLE)
    assert answer["loggingConfiguration"]["level"] == "OFF"
    sfn.stop_execution(executionArn=arn)


def test_express_executions_have_no_histories(sfn: Any) -> None:
    machine = create(sfn, "express", PASS, type="EXPRESS")
    arn = sfn.start_execution(stateMachineArn=machine, name="one")["executionArn"]
    assert arn.startswith(machine.replace("stateMachine", "express") + ":one:")
    assert sfn.start_execution(stateMachineArn=machine, name="one")["executionArn"] != arn
    for call in (sfn.describe_execution, sfn.stop_execution, sfn.get_execution_history, sfn.redrive_execution):
        assert refusal(call, executionArn=arn) == (
            "InvalidArn",
            "Invalid Arn: 'Resource type not valid in this context: express'",
        )
    unsupported = ("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
    assert refusal(sfn.list_executions, stateMachineArn=machine) == unsupported
    standard = create(sfn, "not-express", PASS)
    assert refusal(sfn.start_sync_execution, stateMachineArn=standard) == unsupported


def test_a_synchronous_execution_answers_with_its_end(sfn: Any) -> None:
    machine = create(sfn, "sync", {**PASS, "States": {"P": {"Type": "Pass", "End": True}}}, type="EXPRESS")
    answer = sfn.start_sync_execution(stateMachineArn=machine, name="one", input='{"a": 1}')
    assert (answer["status"], answer["input"], answer["name"]) == ("SUCCEEDED", '{"a": 1}', "one")
    assert json.loads(answer["output"]) == {"a": 1}
    assert answer["billingDetails"] == {"billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64}
    assert answer["stopDate"] >= answer["startDate"]

    failed = sfn.start_sync_execution(stateMachineArn=create(sfn, "sync-fail", FAIL, type="EXPRESS"))
    assert (failed["status"], failed["error"], failed["cause"]) == ("FAILED", "Oh", "no")
    assert "output" not in failed

    slow = create(sfn, "sync-slow", {**WAIT, "TimeoutSeconds": 1}, type="EXPRESS")
    assert sfn.start_sync_execution(stateMachineArn=slow)["status"] == "TIMED_OUT"


def test_an_express_execution_shows_no_redrives_in_its_context(sfn: Any) -> None:
    state = {"Type": "Pass", "Parameters": {"execution.$": "$$.Execution"}, "End": True}
    machine = create(sfn, "express-context", {"StartAt": "S", "States": {"S": state}}, type="EXPRESS")
    answer = sfn.start_sync_execution(stateMachineArn=machine)
    execution = json.loads(answer["output"])["execution"]
    assert set(execution) == {"Id", "Input", "Name", "RoleArn", "StartTime"}
    assert execution["Id"] == answer["executionArn"]


@pytest.mark.parametrize(
    ("level", "data", "types"),
    [
        ("ALL", True, ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]),
        ("ERROR", False, ["FailStateEntered", "ExecutionFailed"]),
        ("FATAL", False, ["ExecutionFailed"]),
    ],
)
def test_logs_are_kept_as_cloudwatch_keeps_them(
    client: ClientFactory, server_process: ServerProcess, level: str, data: bool, types: list[str]
) -> None:
    sfn, logs = client("stepfunctions"), client("logs")
    group = f"/aws/vendedlogs/states/logged-{level}"
    logs.create_log_group(logGroupName=group)
    destination = {"logGroupArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"}
    configuration = {
        "level": level,
        "includeExecutionData": data,
        "destinations": [{"cloudWatchLogsLogGroup": destination}],
    }
    machine = create(sfn, f"logged-{level}", FAIL, loggingConfiguration=configuration)
    arn = sfn.start_execution(stateMachineArn=machine, input='{"a":1}')["executionArn"]
    ended(sfn, arn)
    found: list[dict[str, Any]] = []
    for _ in range(300):
        events = logs.filter_log_events(logGroupName=group)["events"]
        found = [record for event in events if "execution_arn" in (record := json.loads(event["message"]))]
        if len(found) == len(types):
            break
        time.sleep(0.02)
    assert [record["type"] for record in found] == types
    last = found[-1]
    assert int(last.pop("event_timestamp")) > 1_600_000_000_000
    assert last == {
        "id": "3",
        "type": "ExecutionFailed",
        "details": {"error": "Oh", "cause": "no"},
        "previous_event_id": "2",
        "execution_arn": arn,
        "redrive_count": "0",
    }
    path = server_process.directory / ".asl-runner/logs/cloudwatch" / group.lstrip("/") / f"logged-{level}.jsonl"
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["type"] for record in written] == types
    if data:
        assert written[0]["details"]["input"] == '{"a":1}'
    else:
        assert all("input" not in record["details"] for record in written)


def logging_to(logs: Any, name: str) -> dict[str, Any]:
    """A configuration that logs everything to a new log group."""
    logs.create_log_group(logGroupName=name)
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{name}:*"
    return {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]}


def logged(directory: Path, group: str, machine: str) -> list[dict[str, Any]]:
    path = directory / ".asl-runner/logs/cloudwatch" / group / f"{machine}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_children_of_a_map_run_express_ones_and_stopped_ones_are_logged_too(
    serve: Callable[..., ServerProcess],
) -> None:
    served = serve()
    sfn, logs = served.client("stepfunctions"), served.client("logs")
    configuration = logging_to(logs, "all")
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, **PASS}
    state = {"Type": "Map", "Label": "each", "ItemProcessor": processor, "End": True}
    mapped = create(sfn, "mapped", {"StartAt": "M", "States": {"M": state}}, loggingConfiguration=configuration)
    ended(sfn, sfn.start_execution(stateMachineArn=mapped, input="[1,2]")["executionArn"])
    express = create(sfn, "quick", PASS, type="EXPRESS", loggingConfiguration=configuration)
    answer = sfn.start_sync_execution(stateMachineArn=express)
    waiting = create(sfn, "stopped", WAIT, loggingConfiguration=configuration)
    sfn.start_execution(stateMachineArn=waiting)
    assert served.stop() == 0
    children = logged(served.directory, "all", "mapped/each")
    assert [record["type"] for record in children].count("ExecutionSucceeded") == 2
    assert len({record["execution_arn"] for record in children}) == 2
    quick = logged(served.directory, "all", "quick")
    assert [record["type"] for record in quick][-1] == "ExecutionSucceeded"
    assert {record["execution_arn"] for record in quick} == {answer["executionArn"]}
    assert [record["type"] for record in logged(served.directory, "all", "mapped")][-1] == "ExecutionSucceeded"
    assert [record["type"] for record in logged(served.directory, "all", "stopped")][-1] == "ExecutionAborted"


def test_what_was_acknowledged_survives_the_end_of_the_server(
    serve: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    first = serve()
    sfn = first.client("stepfunctions")
    done, waiting = create(sfn, "done", PASS), create(sfn, "waiting", WAIT)
    finished = sfn.start_execution(stateMachineArn=done)["executionArn"]
    ended(sfn, finished)
    running = [sfn.start_execution(stateMachineArn=waiting)["executionArn"] for _ in range(20)]
    first.kill()

    sfn = serve().client("stepfunctions")
    assert sfn.describe_execution(executionArn=finished)["status"] == "SUCCEEDED"
    for arn in running:
        assert sfn.describe_execution(executionArn=arn)["status"] == "RUNNING"
    assert len(sfn.list_executions(stateMachineArn=waiting, statusFilter="RUNNING")["executions"]) == 20
    sfn.stop_execution(executionArn=running[0], cause="enough")
    assert ended(sfn, running[0])["cause"] == "enough"
    types = [event["type"] for event in sfn.get_execution_history(executionArn=running[0])["events"]]
    assert types == ["ExecutionStarted", "WaitStateEntered", "ExecutionAborted"]
