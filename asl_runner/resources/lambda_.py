"""Lambda tasks: a function ARN as `Resource`, and the optimized integration `lambda:invoke`.

Source: reference sections 12 (errors) and 14; recorded histories for the shape of the answer and the texts of refusals.
"""

from __future__ import annotations

import base64
import logging
import re
from email.utils import formatdate
from pathlib import Path
from typing import Protocol, get_args
from uuid import uuid4

import msgspec

from asl_runner.errors import NotFound
from asl_runner.expressions.environment import Json
from asl_runner.functions import Invocation, InvocationType, InvokeRefused
from asl_runner.functions.arn import LATEST, parse_function_name
from asl_runner.functions.payloads import error_type
from asl_runner.interpreter.ports import ExecutionInfo, TaskCall, TaskFailed

_log = logging.getLogger(__name__)

_PARAMETERS: dict[str, tuple[type, ...]] = {
    "FunctionName": (str,),
    "Payload": (object,),
    "Qualifier": (str,),
    "InvocationType": (str,),
    "LogType": (str,),
    "ClientContext": (str, dict),
}


class Invoker(Protocol):
    """Invokes functions: those of the project, or those on AWS."""

    async def invoke(
        self,
        name_or_arn: str,
        payload: bytes,
        *,
        client_context: str | None = None,
        log: Path | None = None,
        invocation_type: InvocationType = "RequestResponse",
    ) -> Invocation:
        """Lambda's answer to Invoke; see `Functions.invoke`."""


class LambdaFunction:
    """Answers tasks whose `Resource` is a function ARN: the function gets the input, its answer is the result."""

    def __init__(self, functions: Invoker) -> None:
        self._functions = functions

    async def __call__(self, call: TaskCall) -> Json:
        """The function's answer. Raises `TaskFailed` with the function's error type and its error payload."""
        invocation = await _invoke(self._functions, call, call.resource.arn, msgspec.json.encode(call.input))
        return _parsed(invocation.payload)


class LambdaInvoke:
    """Answers `lambda:invoke` tasks, request-response."""

    def __init__(self, functions: Invoker) -> None:
        self._functions = functions

    async def __call__(self, call: TaskCall) -> Json:
        """Invoke's answer as Step Functions shows it, `Payload` parsed. Raises `TaskFailed`."""
        if call.resource.action != "invoke" or call.resource.pattern:
            raise TaskFailed(
                "States.Runtime",
                f"The resource {call.resource.arn} is not available here: of lambda, invoke without a suffix is.",
            )
        return await self.submit(call)

    async def submit(self, call: TaskCall) -> Json:
        """Invokes, whatever the pattern: for a callback task, the part before the wait. Raises `TaskFailed`."""
        parameters = _checked(call.input)
        name = parameters["FunctionName"]
        qualifier = parameters.get("Qualifier")
        written = parse_function_name(name)
        if qualifier and written is not None and not written.qualifier:
            name = f"{name}:{qualifier}"
        invocation = await _invoke(
            self._functions,
            call,
            name,
            _payload(parameters.get("Payload")),
            client_context=_client_context(parameters.get("ClientContext")),
            invocation_type=parameters.get("InvocationType", "RequestResponse"),
        )
        return _answer(invocation, tail=parameters.get("LogType") == "Tail")


async def _invoke(
    functions: Invoker,
    call: TaskCall,
    name: str,
    payload: bytes,
    *,
    client_context: str | None = None,
    invocation_type: InvocationType = "RequestResponse",
) -> Invocation:
    log = Path(file_name(call.execution.name), f"{call.log_name or file_name(call.state)}.log")
    try:
        invocation = await functions.invoke(
            name, payload, client_context=client_context, log=log, invocation_type=invocation_type
        )
    except NotFound as missing:
        # The cause is AWS's text; what to put in the configuration goes where a person looks for it.
        _log.warning("%s", missing)
        arn = _full_arn(name, call.execution)
        raise _refused("ResourceNotFoundException", f"Function not found: {arn}", 404) from None
    except InvokeRefused as refusal:
        raise _refused(refusal.code, refusal.message, refusal.status) from None
    if invocation.function_error is not None:
        raise _failed(invocation.payload)
    return invocation


def _failed(payload: bytes) -> TaskFailed:
    """A function's error: its type and whole payload, or `Lambda.Unknown` where it names no type."""
    text = payload.decode(errors="replace")
    name = error_type(payload)
    if name is not None:
        return TaskFailed(name, text)
    return TaskFailed(
        "Lambda.Unknown",
        f"The cause could not be determined because Lambda did not return an error type. Returned payload: {text}",
    )


def _refused(code: str, message: str, status: int) -> TaskFailed:
    cause = (
        f"{message} (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: {uuid4()}; Proxy: null)"
    )
    return TaskFailed(f"Lambda.{code}", cause)


def _full_arn(name: str, execution: ExecutionInfo) -> str:
    """The ARN Lambda names in its refusal: complete, and always with a version."""
    written = parse_function_name(name)
    if written is None:
        return name
    _, partition, _, region, account, *_ = execution.arn.split(":") + [""] * 5
    arn = written.completed(partition=partition or "aws", region=region, account=account)
    return f"{arn.unqualified}:{arn.qualifier or LATEST}"


def _checked(parameters: Json) -> dict[str, Json]:
    """The parameters of Invoke. Raises `TaskFailed` with every field that is missing, unknown or of a wrong kind."""
    if not isinstance(parameters, dict):
        parameters = {}
    given: dict[str, Json] = parameters
    problems = [
        f'The field "{name}" is not supported by Step Functions' for name in parameters if name not in _PARAMETERS
    ]
    if "FunctionName" not in parameters:
        problems.append("The field 'FunctionName' is required but was missing")
    problems += [
        f"The value of the field '{name}' has an invalid format"
        for name, kinds in _PARAMETERS.items()
        if name in parameters and not isinstance(parameters[name], kinds)
    ]
    kind = parameters.get("InvocationType", "RequestResponse")
    if isinstance(kind, str) and kind not in get_args(InvocationType):
        problems.append("The value of the field 'InvocationType' has an invalid format")
    if problems:
        shown = msgspec.json.encode(parameters).decode()
        raise TaskFailed(
            "States.Runtime",
            f"The Parameters '{shown}' could not be used to start the Task: [{', '.join(problems)}]",
        )
    return given


def _payload(value: Json) -> bytes:
    """The request body: a string is sent as it is, anything else as JSON; none is `{}` (recorded)."""
    if value is None:
        return b"{}"
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)


def _client_context(value: Json) -> str | None:
    """ClientContext as JSON text: given as an object, as JSON text, or in base64 as the API takes it."""
    if value is None:
        return None
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    text: str = value
    if text.lstrip().startswith("{"):
        return text
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise _refused(
            "InvalidRequestContentException", "Client context must be a Base64-encoded JSON object.", 400
        ) from None


def _parsed(payload: bytes) -> Json:
    """The payload as JSON where it is JSON, else as text."""
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return payload.decode(errors="replace")


def _answer(invocation: Invocation, *, tail: bool) -> dict[str, Json]:
    """Step Functions' view of the answer, in its order (recorded)."""
    answer: dict[str, Json] = {}
    headers: dict[str, str] = {}
    log_result = base64.b64encode(invocation.log_tail).decode()
    if invocation.status_code == 200:
        answer["ExecutedVersion"] = invocation.executed_version
        if tail:
            answer["LogResult"] = headers["X-Amz-Log-Result"] = log_result
        headers["X-Amz-Executed-Version"] = invocation.executed_version
    headers |= {
        "x-amzn-Remapped-Content-Length": "0",
        "Connection": "keep-alive",
        "x-amzn-RequestId": invocation.request_id,
        "Content-Length": str(len(invocation.payload)),
        "Date": formatdate(usegmt=True),
        "X-Amzn-Trace-Id": invocation.trace_id,
        "Content-Type": "application/json",
    }
    return answer | {
        "Payload": _parsed(invocation.payload),
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": dict(sorted(headers.items(), key=lambda header: header[0].lower())),
            "HttpStatusCode": invocation.status_code,
        },
        "SdkResponseMetadata": {"RequestId": invocation.request_id},
        "StatusCode": invocation.status_code,
    }


def file_name(text: str) -> str:
    """The name of an execution or a state as a part of the path of its logs."""
    return re.sub(r"[^\w.-]+|^\.+", "_", text)[:120] or "_"
