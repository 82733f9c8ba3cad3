"""Nested executions: the optimized integration `states:startExecution`, with `.sync`, `.sync:2` and a callback token.

Source: reference section 14 (`states`), recorded histories for the shapes of results, causes and refusals.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import formatdate
from typing import Any
from uuid import UUID, uuid4

import msgspec

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact
from asl_runner.interpreter.errors import RUNTIME, TASK_FAILED
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.resources.started import followed, known

_FIELDS = ("StateMachineArn", "Input", "Name", "TraceHeader")
_DOCUMENTS = ("input", "output")
"""Members of DescribeExecution that are JSON text; `.sync:2` gives them parsed."""
_POLL_SECONDS = (0.05, 5.0)
"""The first and the longest pause between two looks at an execution, where nothing tells of its end."""


class StatesTasks:
    """Answers tasks of the service `states`.

    `client` has the methods of boto3's `stepfunctions` client, plain (called in threads) or as coroutines. One that
    also has a coroutine method `wait_for_execution(executionArn=…)`, which returns once that execution has ended, is
    not polled.
    """

    def __init__(self, client: Any, *, poll_seconds: tuple[float, float] = _POLL_SECONDS) -> None:
        self._client = client
        self._poll = poll_seconds

    async def __call__(self, call: TaskCall) -> Json:
        """The task's result. Raises `TaskFailed`."""
        if call.resource.action != "startExecution":
            raise TaskFailed(RUNTIME, f"The resource {call.resource.arn} is not supported by Step Functions.")
        if call.resource.pattern in ("sync", "sync:2"):
            return await self._awaited(call, parsed=call.resource.pattern == "sync:2")
        return await self.submit(call)

    async def submit(self, call: TaskCall) -> Json:
        """Starts the execution, whatever the pattern: for a callback task, the part before the wait."""
        return _submitted(await self._start(call, _checked(call.input)))

    async def _start(self, call: TaskCall, request: Mapping[str, str]) -> dict[str, Any]:
        """The answer of StartExecution. One that a process started which died is started once all the same."""
        if "name" in request or not call.key:
            return await _ask(self._client.start_execution, request)
        drawn = hashlib.blake2b(call.key.encode(), digest_size=16).digest()
        request = {**request, "name": str(UUID(bytes=drawn, version=4))}
        try:
            return await _ask(self._client.start_execution, request)
        except TaskFailed as refused:
            if call.going_on is None or refused.error != "StepFunctions.ExecutionAlreadyExistsException":
                raise
            # An execution's ARN does not tell the version or alias it was started through.
            machine = ":".join(request["stateMachineArn"].split(":")[:7]).replace(":stateMachine:", ":execution:")
            described = {"executionArn": f"{machine}:{request['name']}"}
            return await _ask(self._client.describe_execution, described)

    async def _awaited(self, call: TaskCall, *, parsed: bool) -> Json:
        """Starts an execution and waits for its end. Cut off, it stops that execution."""

        async def ended(submitted: Json) -> dict[str, Any]:
            call.submitted(submitted)
            return await self._ended(_execution(submitted))

        before = call.submitted_before
        start = self.submit(call) if before is None else known(before)
        document = await followed(start, ended, self._stop)
        result = _described(document, parsed=parsed)
        if document["status"] != "SUCCEEDED":
            raise TaskFailed(TASK_FAILED, compact(result))
        return result

    async def _ended(self, arn: str) -> dict[str, Any]:
        wait = getattr(self._client, "wait_for_execution", None)
        if wait is not None:
            await wait(executionArn=arn)
        pause, longest = self._poll
        while True:
            document = await _ask(self._client.describe_execution, {"executionArn": arn})
            if document["status"] != "RUNNING":
                return document
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, longest)

    async def _stop(self, submitted: Json) -> None:
        await _ask(self._client.stop_execution, {"executionArn": _execution(submitted)})


async def _ask(method: Callable[..., Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Calls the API. Raises `TaskFailed` for what it refuses, and for a connection that fails."""
    try:
        if inspect.iscoroutinefunction(method):
            answer: dict[str, Any] = await method(**request)
            return answer
        return await asyncio.to_thread(lambda: method(**request))
    except Exception as error:
        response = getattr(error, "response", None)
        if isinstance(response, dict) and "Error" in response:
            raise _refused(response) from error
        if type(error).__module__.startswith(("botocore", "urllib3")):
            raise TaskFailed("StepFunctions.SdkClientException", str(error)) from error
        raise


def _refused(response: Mapping[str, Any]) -> TaskFailed:
    code, metadata = str(response["Error"]["Code"]), response.get("ResponseMetadata", {})
    name = code if code.endswith("Exception") else f"{code}Exception"
    status, request_id = metadata.get("HTTPStatusCode", 400), metadata.get("RequestId") or uuid4()
    return TaskFailed(
        f"StepFunctions.{name}",
        f"{response['Error'].get('Message', '')} (Service: AWSStepFunctions; Status Code: {status}; "
        f"Error Code: {code}; Request ID: {request_id}; Proxy: null)",
    )


def _checked(given: Json) -> dict[str, str]:
    """The request of StartExecution, its input as JSON text. Raises `TaskFailed` naming every field that is wrong."""
    parameters: dict[str, Any] = given if isinstance(given, dict) else {}
    problems = [f'The field "{name}" is not supported by Step Functions' for name in parameters if name not in _FIELDS]
    if parameters.get("StateMachineArn") is None:
        problems.append("The field 'StateMachineArn' is required but was missing")
    problems += [
        f"The value of the field '{name}' has an invalid format"
        for name in ("StateMachineArn", "Name", "TraceHeader")
        if not isinstance(parameters.get(name, ""), str | None)
    ]
    if problems:
        text = f"The Parameters '{compact(parameters)}' could not be used to start the Task: [{', '.join(problems)}]"
        raise TaskFailed(RUNTIME, text)
    request = {name[:1].lower() + name[1:]: value for name, value in parameters.items() if value is not None}
    if not isinstance(request.get("input", ""), str):
        request["input"] = compact(request["input"])
    return request


def _submitted(answer: Mapping[str, Any]) -> Json:
    """StartExecution's answer as Step Functions shows it (recorded)."""
    metadata = answer.get("ResponseMetadata", {})
    request_id = metadata.get("RequestId") or str(uuid4())
    shown = {"executionArn": answer["executionArn"], "startDate": _milliseconds(answer["startDate"])}
    headers = {
        "x-amzn-RequestId": request_id,
        "connection": "keep-alive",
        "Content-Length": str(len(compact(shown))),
        "Date": formatdate(usegmt=True),
        "Content-Type": "application/x-amz-json-1.0",
    }
    return {
        "ExecutionArn": shown["executionArn"],
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": dict(sorted(headers.items(), key=lambda header: header[0].lower())),
            "HttpStatusCode": metadata.get("HTTPStatusCode", 200),
        },
        "SdkResponseMetadata": {"RequestId": request_id},
        "StartDate": shown["startDate"],
    }


def _execution(submitted: Json) -> str:
    """The ARN in an answer of StartExecution as it is shown."""
    assert isinstance(submitted, dict)
    return str(submitted["ExecutionArn"])


def _described(document: Mapping[str, Any], *, parsed: bool) -> dict[str, Json]:
    """DescribeExecution's answer as Step Functions shows it (recorded): Pascal case, sorted, times in milliseconds."""
    result: dict[str, Json] = {}
    for name, value in document.items():
        if name == "ResponseMetadata" or value is None:
            continue
        if name in ("startDate", "stopDate", "redriveDate"):
            value = _milliseconds(value)
        elif name in _DOCUMENTS and parsed:
            value = msgspec.json.decode(value)
        elif isinstance(value, Mapping):
            value = {_pascal(key): member for key, member in value.items()}
        result[_pascal(name)] = value
    return dict(sorted(result.items()))


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]


def _milliseconds(time: datetime | float) -> int:
    return round((time.timestamp() if isinstance(time, datetime) else time) * 1000)
