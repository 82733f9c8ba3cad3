"""Lambda tasks: what they give and how they fail, as recorded on AWS (conformance cases named beside)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from asl_runner.definition.resource import parse_resource
from asl_runner.expressions.environment import Json
from asl_runner.functions import Functions, Invocation
from asl_runner.interpreter.ports import ExecutionInfo, TaskCall, TaskFailed
from asl_runner.resources.lambda_ import LambdaFunction, LambdaInvoke
from asl_runner.resources.lambda_preflight import problem

ARN = "arn:aws-cn:lambda:cn-north-1:111122223333:function:"
INVOKE = "arn:aws:states:::lambda:invoke"

CODE = {
    "echo": "def handler(event, context): return event",
    "hello": "def handler(event, context):\n    print('hi')\n    return 'HelloWorld!'",
    "fail": "class CustomError(Exception): ...\n\ndef handler(event, context):\n    raise CustomError('Some é')\n",
    "raw": "def handler(event, context): return b'not json'",
    "untyped": "import os\ndef handler(event, context): os._exit(1)",
    "hang": "import time\ndef handler(event, context): time.sleep(60)",
    "tell": "def handler(event, context):\n    return [context.invoked_function_arn, context.client_context.custom]",
}


@pytest_asyncio.fixture
async def functions(tmp_path: Path) -> AsyncIterator[Functions]:
    (tmp_path / "lambdas").mkdir()
    for name, code in CODE.items():
        (tmp_path / "lambdas" / f"{name}.py").write_text(code)
    config = {"slow": {"path": "lambdas/hang.py", "timeout": 1}}
    functions = Functions(tmp_path, config, logs=tmp_path / "logs", region="cn-north-1", account="111122223333")
    yield functions
    await functions.close(grace=0)


def call(resource: str, value: Any) -> TaskCall:
    return TaskCall(
        resource=parse_resource(resource),
        input=value,
        state="Charge card",
        execution=ExecutionInfo(
            arn="arn:aws-cn:states:cn-north-1:111122223333:execution:machine:run-1",
            name="run-1",
            state_machine_arn="arn:aws-cn:states:cn-north-1:111122223333:stateMachine:machine",
            state_machine_name="machine",
            role_arn="arn:aws-cn:iam::111122223333:role/r",
            region="cn-north-1",
            start_time=0.0,
        ),
        scope="",
        attempt=0,
        event_id=3,
        log_name="00003-Charge",
    )


async def task(functions: Functions, name: str, value: Any) -> Any:
    return await LambdaFunction(functions)(call(f"{ARN}{name}", value))


async def invoke(functions: Functions, **parameters: Any) -> Any:
    return await LambdaInvoke(functions)(call(INVOKE, parameters))


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None]}, [], "HelloWorld", 0, True, None])
async def test_a_function_arn_gives_the_functions_answer(functions: Functions, value: Any) -> None:
    result = await task(functions, "echo", value)
    assert (result, type(result)) == (value, type(value))


async def test_the_log_is_kept_with_the_execution(functions: Functions, tmp_path: Path) -> None:
    await task(functions, "hello", {})
    assert "\nhi\n" in (tmp_path / "logs/run-1/00003-Charge.log").read_text()


async def test_a_functions_error_is_its_type_and_its_whole_payload(functions: Functions) -> None:
    with pytest.raises(TaskFailed) as caught:
        await task(functions, "fail", {})
    assert caught.value.error == "CustomError"
    cause = json.loads(caught.value.cause or "")
    assert list(cause) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert cause["stackTrace"] == [
        "  File \"/var/task/fail.py\", line 4, in handler\n    raise CustomError('Some é')\n"
    ]
    with pytest.raises(TaskFailed) as invoked:
        await invoke(functions, FunctionName="fail", Payload={})
    assert invoked.value.error == "CustomError"


async def test_a_functions_own_timeout(functions: Functions) -> None:
    with pytest.raises(TaskFailed) as caught:
        await task(functions, "slow", {})
    assert caught.value.error == "Sandbox.Timedout"
    assert json.loads(caught.value.cause or "")["errorMessage"].endswith("Task timed out after 1.00 seconds")


async def test_a_function_that_exits(functions: Functions) -> None:
    with pytest.raises(TaskFailed) as caught:
        await invoke(functions, FunctionName="untyped")
    assert caught.value.error == "Runtime.ExitError"


@pytest.mark.parametrize("payload", ['{"errorMessage":"RequestId: 1 Error: Task timed out"}', "no JSON", "[]"])
async def test_an_error_without_a_type_is_unknown(payload: str) -> None:
    class Untyped(Functions):
        def __init__(self) -> None:
            """No functions."""

        async def invoke(self, *arguments: Any, **options: Any) -> Invocation:
            return Invocation(
                status_code=200,
                payload=payload.encode(),
                function_error="Unhandled",
                executed_version="$LATEST",
                log_tail=b"",
                request_id="r",
                trace_id="t",
            )

    with pytest.raises(TaskFailed) as caught:
        await task(Untyped(), "any", {})
    assert caught.value.error == "Lambda.Unknown"
    assert caught.value.cause == (
        f"The cause could not be determined because Lambda did not return an error type. Returned payload: {payload}"
    )


async def test_invoke_answers_as_recorded(functions: Functions) -> None:
    """services.test_lambda_task_service.test_invoke_bytes_payload"""
    answer = await invoke(functions, FunctionName="hello", Payload="\"'{'Hello':'World'}'\"")
    headers = answer["SdkHttpMetadata"]["HttpHeaders"]
    request_id, date, trace = headers["x-amzn-RequestId"], headers["Date"], headers["X-Amzn-Trace-Id"]
    assert answer == {
        "ExecutedVersion": "$LATEST",
        "Payload": "HelloWorld!",
        "SdkHttpMetadata": {
            "AllHttpHeaders": {
                "X-Amz-Executed-Version": ["$LATEST"],
                "x-amzn-Remapped-Content-Length": ["0"],
                "Connection": ["keep-alive"],
                "x-amzn-RequestId": [request_id],
                "Content-Length": ["13"],
                "Date": [date],
                "X-Amzn-Trace-Id": [trace],
                "Content-Type": ["application/json"],
            },
            "HttpHeaders": {
                "Connection": "keep-alive",
                "Content-Length": "13",
                "Content-Type": "application/json",
                "Date": date,
                "X-Amz-Executed-Version": "$LATEST",
                "x-amzn-Remapped-Content-Length": "0",
                "x-amzn-RequestId": request_id,
                "X-Amzn-Trace-Id": trace,
            },
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
        "StatusCode": 200,
    }
    assert list(answer) == ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]
    assert list(answer["SdkHttpMetadata"]["HttpHeaders"])[4:] == [
        "X-Amz-Executed-Version",
        "x-amzn-Remapped-Content-Length",
        "x-amzn-RequestId",
        "X-Amzn-Trace-Id",
    ]


async def test_invoke_with_its_log(functions: Functions) -> None:
    """services.test_lambda_task_service.test_invoke_unsupported_param"""
    answer = await invoke(functions, FunctionName="hello", LogType="Tail")
    assert list(answer)[:3] == ["ExecutedVersion", "LogResult", "Payload"]
    assert b"\nhi\n" in base64.b64decode(answer["LogResult"])
    headers = answer["SdkHttpMetadata"]["AllHttpHeaders"]
    assert next(iter(headers)) == "X-Amz-Log-Result"
    assert headers["X-Amz-Log-Result"] == [answer["LogResult"]]


@pytest.mark.parametrize(
    ("payload", "seen"),
    [(None, {}), ({}, {}), ("{}", {}), ("0.0", 0.0), ("0", 0), ("null", None), ([1], [1]), (7, 7), (False, False)],
)
async def test_invokes_payload(functions: Functions, payload: Any, seen: Any) -> None:
    """services.test_lambda_task_service.test_invoke_json_values"""
    result = (await invoke(functions, FunctionName="echo", Payload=payload))["Payload"]
    assert (result, type(result)) == (seen, type(seen))


async def test_a_payload_that_is_not_json_stays_text(functions: Functions) -> None:
    assert (await invoke(functions, FunctionName="raw"))["Payload"] == "not json"


async def test_qualifier_and_client_context(functions: Functions) -> None:
    context = base64.b64encode(b'{"custom": {"a": 1}}').decode()
    answer = await invoke(functions, FunctionName="tell", Qualifier="3", ClientContext=context)
    assert answer["Payload"] == [f"{ARN.replace('aws-cn', 'aws')}tell:3", {"a": 1}]
    assert answer["ExecutedVersion"] == "3"


async def test_an_event_is_accepted(functions: Functions) -> None:
    answer = await invoke(functions, FunctionName="echo", InvocationType="Event", Payload={})
    assert (answer["StatusCode"], answer["Payload"]) == (202, "")
    assert "ExecutedVersion" not in answer


async def test_an_unknown_function(functions: Functions, caplog: pytest.LogCaptureFixture) -> None:
    """error_handling.test_task_service_lambda.test_no_such_function_catch"""
    with pytest.raises(TaskFailed) as caught:
        await invoke(functions, FunctionName="no_such", Payload=None)
    assert caught.value.error == "Lambda.ResourceNotFoundException"
    before, _, after = (caught.value.cause or "").partition("Request ID: ")
    assert before == (
        f"Function not found: {ARN}no_such:$LATEST (Service: AWSLambda; Status Code: 404; "
        "Error Code: ResourceNotFoundException; "
    )
    assert after.endswith("; Proxy: null)")
    assert "[functions]" in caplog.text
    with pytest.raises(TaskFailed) as direct:
        await task(functions, "no_such:live", {})
    assert f"Function not found: {ARN}no_such:live (" in (direct.value.cause or "")


async def test_text_that_is_not_json_is_refused(functions: Functions) -> None:
    with pytest.raises(TaskFailed) as caught:
        await invoke(functions, FunctionName="echo", Payload="hello")
    assert caught.value.error == "Lambda.InvalidRequestContentException"
    assert "Status Code: 400" in (caught.value.cause or "")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({}, "[The field 'FunctionName' is required but was missing]"),
        ({"FunctionName": 7}, "[The value of the field 'FunctionName' has an invalid format]"),
        ({"FunctionName": "echo", "Foo": 1}, '[The field "Foo" is not supported by Step Functions]'),
        ({"FunctionName": "echo", "InvocationType": "Soon"}, "field 'InvocationType' has an invalid format]"),
    ],
)
async def test_parameters_that_cannot_be_used(functions: Functions, parameters: Any, says: str) -> None:
    with pytest.raises(TaskFailed) as caught:
        await invoke(functions, **parameters)
    assert caught.value.error == "States.Runtime"
    assert (caught.value.cause or "").startswith(f"The Parameters '{json.dumps(parameters, separators=(',', ':'))}'")
    assert says in (caught.value.cause or "")


async def test_a_pattern_that_is_not_answered_here(functions: Functions) -> None:
    handler = LambdaInvoke(functions)
    waiting = call(f"{INVOKE}.waitForTaskToken", {"FunctionName": "echo", "Payload": {"token": "t"}})
    with pytest.raises(TaskFailed, match="is not available here"):
        await handler(waiting)
    assert (await handler.submit(waiting))["Payload"] == {"token": "t"}


async def test_cancelling_ends_the_function(functions: Functions, tmp_path: Path) -> None:
    running = asyncio.create_task(task(functions, "hang", {}))
    log = tmp_path / "logs/run-1/00003-Charge.log"
    while not log.exists():
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize(
    "resource, parameters, says",
    [
        (f"{ARN}echo", None, None),
        (f"{ARN}first", None, 'No local code for the Lambda function "first"'),
        (INVOKE, {"FunctionName": "second"}, 'No local code for the Lambda function "second"'),
        (INVOKE, {"FunctionName.$": "$.name"}, None),
        (INVOKE, {"FunctionName": "{% $name %}"}, None),
        (f"{ARN}gone", None, "[functions] 'gone': "),
        (f"{INVOKE}.sync", {"FunctionName": "echo"}, f"available: {INVOKE}, which waits"),
        (f"{INVOKE}.sync", {"FunctionName": "echo"}, f"The resource {INVOKE}.sync is not available"),
        (f"{INVOKE}Function", {"FunctionName": "echo"}, f"available: {INVOKE}, which waits"),
    ],
)
def test_what_cannot_run_is_known_before(tmp_path: Path, resource: str, parameters: Json, says: str | None) -> None:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas/echo.py").write_text(CODE["echo"])
    found = problem(Functions(tmp_path, {"gone": "gone.py"}, logs=tmp_path), parse_resource(resource), parameters)
    assert (found is None) is (says is None)
    assert found is None or (says or "") in found
