"""TestState from boto3: single states, mocked or not, and what is shown and refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ClientFactory

PASS = {"Type": "Pass", "End": True}
INVOKE = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": "f", "Payload.$": "$"},
    "End": True,
}
WAITING = {**INVOKE, "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken"}
BRANCHES = {"Type": "Parallel", "Branches": [{"StartAt": "B", "States": {"B": PASS}}], "End": True}
MAP = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "MaxConcurrency": 3,
    "ItemProcessor": {"StartAt": "I", "States": {"I": PASS}},
    "End": True,
}
INVALID = "ValidationException"
MODES = ("STRICT", "PRESENT", "NONE")


@pytest.fixture
def sfn(client: ClientFactory) -> Any:
    return client("stepfunctions")


def ask(sfn: Any, state: Any, input: Any = None, **more: Any) -> dict[str, Any]:
    """The answer without its metadata, JSON texts parsed."""
    given = {} if input is None else {"input": json.dumps(input)}
    definition = state if isinstance(state, str) else json.dumps(state)
    answer: dict[str, Any] = sfn.test_state(definition=definition, **given, **more)
    del answer["ResponseMetadata"]
    for shown in (answer, answer.get("inspectionData", {})):
        for name, value in shown.items():
            if isinstance(value, str) and value[:1] in '{["':
                shown[name] = json.loads(value)
    return answer


def refused(sfn: Any, state: Any, **more: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        ask(sfn, state, **more)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def result(value: Any, **more: Any) -> dict[str, Any]:
    return {"result": json.dumps(value), **more}


def failure(error: str, cause: str = "because") -> dict[str, Any]:
    return {"errorOutput": {"error": error, "cause": cause}}


def test_levels_show_more_and_more(sfn: Any) -> None:
    state = {"Type": "Pass", "Parameters": {"n.$": "$.a"}, "ResultPath": "$.r", "Next": "Elsewhere"}
    plain = {"status": "SUCCEEDED", "output": {"a": 1, "r": {"n": 1}}, "nextState": "Elsewhere"}
    assert ask(sfn, state, {"a": 1}) == plain
    shown = ask(sfn, state, {"a": 1}, inspectionLevel="DEBUG")
    assert shown == {
        **plain,
        "inspectionData": {
            "input": {"a": 1},
            "afterInputPath": {"a": 1},
            "afterParameters": {"n": 1},
            "afterResultSelector": {"n": 1},
            "afterResultPath": {"a": 1, "r": {"n": 1}},
        },
    }
    assert ask(sfn, state, {"a": 1}, inspectionLevel="TRACE") == shown


def test_variables_come_in_and_go_out(sfn: Any) -> None:
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"b": "{% $a + 1 %}"}, "End": True}
    answer = ask(sfn, state, variables='{"a": 1}', inspectionLevel="DEBUG")
    assert answer["inspectionData"]["variables"] == {"a": 1, "b": 2}
    assert refused(sfn, state, variables="[]")[0] == "ValidationException"


@pytest.mark.parametrize(
    "state, next_state",
    [
        (
            {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsPresent": True, "Next": "Yes"}], "Default": "No"},
            "Yes",
        ),
        ({"Type": "Wait", "Seconds": 0, "Next": "Then"}, "Then"),
        ({"Type": "Succeed"}, None),
    ],
)
def test_states_that_only_pass_on_show_their_input(sfn: Any, state: dict[str, Any], next_state: str | None) -> None:
    answer = ask(sfn, state, {"n": 1}, inspectionLevel="DEBUG")
    assert (answer["status"], answer.get("nextState")) == ("SUCCEEDED", next_state)
    assert answer["inspectionData"] == {"input": {"n": 1}, "afterInputPath": {"n": 1}}


def test_a_failing_state_fails(sfn: Any) -> None:
    assert ask(sfn, {"Type": "Fail", "Error": "E", "Cause": "c"}) == {"status": "FAILED", "error": "E", "cause": "c"}
    answer = ask(sfn, {"Type": "Pass", "InputPath": "$.missing", "End": True})
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Runtime")


def test_a_mocked_task_shows_all_stages(sfn: Any) -> None:
    state = {**INVOKE, "ResultSelector": {"p.$": "$.Payload"}, "ResultPath": "$.r"}
    answer = ask(sfn, state, {"a": 1}, mock=result({"Payload": {"x": 1}, "StatusCode": 200}), inspectionLevel="DEBUG")
    assert answer["output"] == {"a": 1, "r": {"p": {"x": 1}}}
    assert answer["inspectionData"]["afterParameters"] == {"FunctionName": "f", "Payload": {"a": 1}}
    assert answer["inspectionData"]["result"] == {"Payload": {"x": 1}, "StatusCode": 200}


def test_retries_and_catchers_of_a_mocked_error(sfn: Any) -> None:
    retried = {**INVOKE, "Retry": [{"ErrorEquals": ["Oops"], "IntervalSeconds": 2, "MaxAttempts": 2}]}
    answer = ask(sfn, retried, mock=failure("Oops"), inspectionLevel="DEBUG")
    assert answer["status"] == "RETRIABLE"
    assert answer["inspectionData"]["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 2}
    assert "output" not in answer
    spent = ask(sfn, retried, mock=failure("Oops"), stateConfiguration={"retrierRetryCount": 2})
    assert spent == {"status": "FAILED", "error": "Oops", "cause": "because"}
    caught = {**INVOKE, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Help", "ResultPath": "$.e"}]}
    answer = ask(sfn, caught, {"a": 1}, mock=failure("Oops"), inspectionLevel="DEBUG")
    assert (answer["status"], answer["nextState"]) == ("CAUGHT_ERROR", "Help")
    assert answer["output"] == {"a": 1, "e": {"Error": "Oops", "Cause": "because"}}
    assert answer["inspectionData"]["errorDetails"] == {"catchIndex": 0}


def test_a_mocked_map_and_parallel(sfn: Any) -> None:
    answer = ask(sfn, MAP, {"items": [1, 2]}, mock=result(["a", "b"]), inspectionLevel="DEBUG")
    assert answer["output"] == ["a", "b"]
    assert answer["inspectionData"]["afterItemsPath"] == [1, 2]
    assert answer["inspectionData"]["maxConcurrency"] == 3
    assert ask(sfn, BRANCHES, mock=result([7]))["output"] == [7]


def test_a_state_anywhere_in_a_definition(sfn: Any) -> None:
    machine = {"StartAt": "M", "States": {"M": {**MAP, "End": False, "Next": "End"}, "End": {"Type": "Succeed"}}}
    assert ask(sfn, machine, {"a": 1}, stateName="I")["output"] == {"a": 1}
    assert ask(sfn, machine, {"items": []}, stateName="M", mock=result([]))["nextState"] == "End"
    assert refused(sfn, machine, stateName="None") == ("ValidationException", "State not found in definition")


def test_a_context_given_with_a_mock(sfn: Any) -> None:
    state = {**INVOKE, "Parameters": {"FunctionName.$": "$$.Execution.Name"}}
    mock = result({})
    given = {"Execution": {"Name": "mine"}}
    answer = ask(sfn, state, mock=mock, context=json.dumps(given), inspectionLevel="DEBUG")
    assert answer["inspectionData"]["afterParameters"] == {"FunctionName": "mine"}
    for context, reason in {
        '{"Map": {}}': "'Map' field is not supported when mocking a Context object",
        '{"State": {"Colour": 1}}': "Field 'Colour' is not allowed",
        '{"State": {"RetryCount": "1"}}': "State.RetryCount must be a number",
    }.items():
        said = ("ValidationException", f"Invalid Context object provided: {reason}")
        assert refused(sfn, state, mock=mock, context=context) == said
    assert refused(sfn, PASS, context="{}")[0] == "ValidationException"


PUT_EVENTS = {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Parameters": {}, "End": True}
START = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "Parameters": {}, "End": True}
AWAITED = {**START, "Resource": "arn:aws:states:::states:startExecution.sync:2"}
BATCH = {**START, "Resource": "arn:aws:states:::batch:submitJob.sync"}
KMS = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:kms:encrypt", "Parameters": {}, "End": True}


@pytest.mark.parametrize(
    "state, value, laxest, reason",
    [
        (PUT_EVENTS, {"Entries": [{"EventId": 1}]}, "PRESENT", "Field 'EventId' must be a string"),
        (PUT_EVENTS, {"FailedEntryCount": "1"}, "PRESENT", "Field 'FailedEntryCount' must be a number"),
        (PUT_EVENTS, {"FailedEntryCount": True}, "PRESENT", "Field 'FailedEntryCount' must be a number"),
        (PUT_EVENTS, {"Entries": {}}, "PRESENT", "Field 'Entries' must be an array"),
        (PUT_EVENTS, {"Entries": [1]}, "PRESENT", "Field 'Entries' must be an object"),
        (START, {"StartDate": "now"}, "STRICT", "Required field 'ExecutionArn' is missing"),
        (AWAITED, {"ExecutionArn": "a"}, "STRICT", "Required field 'StateMachineArn' is missing"),
        (AWAITED, {"Output": {"any": 1}, "RedriveCount": "1"}, "PRESENT", "Field 'RedriveCount' must be a number"),
        (BATCH, {"Status": "RESTING"}, "PRESENT", "Field 'Status' is not an expected value"),
        (
            KMS,
            {"EncryptionAlgorithm": "none"},
            "PRESENT",
            "Field 'EncryptionAlgorithm' is not an expected value",
        ),
    ],
)
def test_mocked_results_are_compared_with_the_api(
    sfn: Any, state: dict[str, Any], value: Any, laxest: str, reason: str
) -> None:
    said = ("ValidationException", f"Mock result schema validation error: {reason}")
    assert refused(sfn, state, mock=result(value, fieldValidationMode=laxest)) == said
    for mode in MODES[MODES.index(laxest) + 1 :]:
        assert ask(sfn, state, mock=result(value, fieldValidationMode=mode))["output"] == value


@pytest.mark.parametrize(
    "state, more, code, message",
    [
        (PASS, {"mock": result(1)}, INVALID, "State type 'Pass' is not supported when a mock is specified"),
        (MAP, {"mock": result({})}, INVALID, "Mocked result must be an array."),
        (INVOKE, {"mock": {"result": "{"}}, INVALID, "Mocked result must be valid JSON"),
        (INVOKE, {"mock": result([])}, INVALID, "Mocked result must be a JSON object."),
        (INVOKE, {}, INVALID, "RoleArn must be specified when testing a Task state"),
        (INVOKE, {"roleArn": "me"}, "InvalidArn", "Invalid Role Arn: 'me'"),
        ("{", {}, "InvalidDefinition", None),
        ("[]", {}, "InvalidDefinition", None),
        ({"Type": "Pass"}, {}, "InvalidDefinition", None),
        (MAP, {}, "InvalidDefinition", None),
        (WAITING, {"roleArn": ROLE}, "InvalidDefinition", None),
        (PASS, {"input": "{"}, "InvalidExecutionInput", None),
    ],
)
def test_refusals(sfn: Any, state: Any, more: dict[str, Any], code: str, message: str | None) -> None:
    given = {"definition": state if isinstance(state, str) else json.dumps(state), **more}
    with pytest.raises(ClientError) as raised:
        sfn.test_state(**given)
    error = raised.value.response["Error"]
    assert error["Code"] == code
    assert message is None or error["Message"] == message


def test_a_state_alone_may_lead_anywhere_but_is_judged_itself(sfn: Any) -> None:
    said = refused(sfn, {"Type": "Parallel", "Branches": [], "End": True}, mock=result([]))
    problem = "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/StateName/Branches"
    assert said == ("InvalidDefinition", f"Invalid State Machine Definition: '{problem}'")
    loop = {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsNull": True, "Next": "StateName"}], "Default": "X"}
    assert ask(sfn, loop, {"n": None})["nextState"] == "StateName"
