"""SageMaker tasks: the optimized integration (`sagemaker:createTrainingJob.sync`) and `aws-sdk:sagemaker:*`.

One path for the local client and for boto3's: both have the same methods, shapes and errors, and both are called in
threads, since they block. Source: reference sections 1.1 to 1.7 of SageMaker, section 14 of the language.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from uuid import uuid4

import msgspec

from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import RUNTIME, TASK_FAILED
from asl_runner.interpreter.ports import TaskCall, TaskFailed, TaskLost
from asl_runner.resources.aws.errors import ATTEMPTS, BUSY
from asl_runner.resources.started import followed, known
from asl_runner.sagemaker import orphans, shapes
from asl_runner.service_model import validation
from asl_runner.service_model.shapes import to_wire

OPTIMIZED = frozenset(
    {
        "createEndpoint",
        "createEndpointConfig",
        "createHyperParameterTuningJob",
        "createLabelingJob",
        "createModel",
        "createProcessingJob",
        "createTrainingJob",
        "createTransformJob",
        "updateEndpoint",
    }
)
"""The actions of the optimized integration; those that create a job can be awaited with `.sync`."""

_ENDED = frozenset({"Completed", "Failed", "Stopped"})
_MISSING = frozenset({"ResourceNotFound", "ValidationException"})
_SPOILED_LOOKS = 20
"""So many looks at a job in a row may be spoiled; about ten minutes on AWS."""
_SKEW = 2.0
"""Seconds by which SageMaker's clock may be behind."""
_STOPS = 5
"""How often a job is asked to stop while the API is busy."""
_OWN_CLASSES = frozenset({"ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound", "ConflictException"})
"""Error codes with an exception class of their own; all others are the service's general one."""


def is_awaited(resource: Resource) -> bool:
    """Whether a task waits for the end of the job it creates: `.sync` of the optimized integration."""
    action = resource.action
    sync = resource.kind == "service" and resource.pattern == "sync"
    return sync and action.startswith("create") and action.endswith("Job")


class SageMakerTasks:
    """Answers tasks of the services `sagemaker` and `aws-sdk:sagemaker`.

    `client` is a `LocalSageMaker` or a boto3 client. A job awaited with `.sync` is looked at every `poll_interval`
    seconds, growing to six times that while it takes long. A cancelled `.sync` task stops its job. `seen` is called in
    a thread with each Describe document of an awaited job and the member that holds its name.
    """

    def __init__(
        self,
        client: Any,
        *,
        poll_interval: float = 0.05,
        seen: Callable[[str, dict[str, Any]], object] = lambda name_member, document: None,
    ) -> None:
        self._client = client
        self._interval = poll_interval
        self._seen = seen

    async def __call__(self, call: TaskCall) -> Json:
        """The task's result. Raises `TaskFailed`."""
        if call.resource.kind == "aws-sdk":
            return await self._sdk(call)
        awaited = is_awaited(call.resource)
        if call.resource.action not in OPTIMIZED or (call.resource.pattern and not awaited):
            raise TaskFailed(RUNTIME, f"The resource {call.resource.arn} is not supported by Step Functions.")
        return await (self._job(call) if awaited else self._once(call))

    async def _once(self, call: TaskCall) -> Json:
        """Request and response: the API's answer with the SDK's metadata."""
        operation = _operation(call.resource.action)
        method = self._method(call, operation)
        request = await asyncio.to_thread(_checked, call.input, operation, _optimized_error)
        return _submitted(await _ask(method, request, _optimized_error))

    async def _job(self, call: TaskCall) -> Json:
        """Creates a job and waits for its end: its Describe document, or a failure with that document as cause."""
        operation = _operation(call.resource.action)
        job = _JobCalls(operation.removeprefix("Create"))
        method = self._method(call, operation)
        request = await asyncio.to_thread(_checked, call.input, operation, _optimized_error)
        name = {job.name: request[job.name]}

        before = await self._before(call, job, request)

        async def ended(answer: dict[str, Any]) -> dict[str, Any]:
            call.submitted(_submitted(answer))
            return await self._ended(job, name)

        creation = _ask(method, request, _optimized_error) if before is None else known(before)
        document = await followed(creation, ended, lambda answer: self._stop(job, name))
        if document[job.status] != "Completed":
            raise _job_failed(document, request)
        return _result(document, request)

    async def _before(self, call: TaskCall, job: _JobCalls, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer to the creation of a job that a process asked for which died since; None to ask for it now.

        Raises `TaskLost` for one that was created and is gone, or was ended with that process.
        """
        if call.going_on is None:
            return None
        try:
            document = await self._described(job, {job.name: request[job.name]})
        except _Missing:
            document = None
        is_submitted = call.submitted_before is not None
        if document is None or document.get("FailureReason") == orphans.REASON:
            if is_submitted:
                raise TaskLost(None if document is None else _job_failed(document, request))
            return None
        if not is_submitted and document["CreationTime"].timestamp() < call.going_on.scheduled - _SKEW:
            return None  # Somebody's else: creating it says that the name is taken.
        arn = job.name.removesuffix("Name") + "Arn"
        return {arn: document[arn]}

    async def _ended(self, job: _JobCalls, name: Mapping[str, str]) -> dict[str, Any]:
        """The Describe document of the job once it has ended."""
        began = time.monotonic()
        while True:
            document = await self._described(job, name)
            await asyncio.to_thread(self._seen, job.name, document)
            if document[job.status] in _ENDED:
                return document
            await asyncio.sleep(min(max(self._interval, (time.monotonic() - began) / 20), self._interval * 6))

    async def _described(self, job: _JobCalls, name: Mapping[str, str]) -> dict[str, Any]:
        """The Describe document of the job. Raises `TaskFailed`.

        A look that is throttled, or that a passing trouble of the service or the connection spoils, is taken again a
        while later: the job goes on meanwhile.
        """
        spoiled = 0
        while True:
            try:
                document = await _ask(getattr(self._client, job.describe), name, _optimized_error)
            except _Passing:
                spoiled += 1
                if spoiled == _SPOILED_LOOKS:
                    raise
                await asyncio.sleep(self._interval * min(2**spoiled, 6))
            else:
                document.pop("ResponseMetadata", None)
                return document

    async def _stop(self, job: _JobCalls, name: Mapping[str, str]) -> None:
        for attempt in range(_STOPS):
            try:
                await _ask(getattr(self._client, job.stop), name, _optimized_error)
            except _Passing:
                await asyncio.sleep(min(self._interval, 1) * 2**attempt)
            else:
                return

    async def _sdk(self, call: TaskCall) -> Json:
        """Any operation of the API: its answer, timestamps in ISO 8601."""
        operation = _operation(call.resource.action)
        method = self._method(call, operation)
        request = await asyncio.to_thread(_checked_sdk, call.input, operation)
        document = await _ask(method, request, _sdk_error)
        document.pop("ResponseMetadata", None)
        return _json(document, _iso_8601)

    def offers(self, action: str) -> bool:
        """Whether the client has an action, such as `createModel`."""
        from botocore import xform_name

        return hasattr(self._client, xform_name(_operation(action)))

    def _method(self, call: TaskCall, operation: str) -> Callable[..., dict[str, Any]]:
        from botocore import xform_name

        method: Callable[..., dict[str, Any]] | None = None
        if operation in shapes.service_model().operation_names and not (
            call.resource.kind == "aws-sdk" and call.resource.pattern
        ):
            method = getattr(self._client, xform_name(operation), None)
        if method is None:
            raise TaskFailed(RUNTIME, f"The resource {call.resource.arn} is not available on this target.")
        return method


class _JobCalls:
    """How the operations and members of one kind of job are called; the API spells all kinds alike."""

    def __init__(self, api: str) -> None:
        from botocore import xform_name

        self.name = f"{api}Name"
        self.status = f"{api}Status"
        self.describe: str = xform_name(f"Describe{api}")
        self.stop: str = xform_name(f"Stop{api}")


class _Passing(TaskFailed):
    """The API asked to come back later, had a trouble of its own, or could not be reached."""


class _Missing(TaskFailed):
    """What was asked for does not exist; SageMaker says so of jobs as it does of a wrong request."""


_ErrorNames = Callable[[str, str, int, str], TaskFailed]


async def _ask(
    method: Callable[..., dict[str, Any]], request: Mapping[str, Any], failed: _ErrorNames
) -> dict[str, Any]:
    """Calls the API in a thread. Raises `TaskFailed` for what it refuses and for a connection that fails."""
    try:
        return await asyncio.to_thread(lambda: method(**request))
    except Exception as error:
        response = getattr(error, "response", None)
        if isinstance(response, dict) and "Error" in response:
            code, metadata = response["Error"]["Code"], response.get("ResponseMetadata", {})
            refused = failed(
                code,
                response["Error"].get("Message", ""),
                metadata.get("HTTPStatusCode", 400),
                metadata.get("RequestId") or str(uuid4()),
            )
            if code in BUSY or metadata.get("HTTPStatusCode", 400) >= 500:
                raise _Passing(refused.error, refused.cause) from error
            if code in _MISSING:
                raise _Missing(refused.error, refused.cause) from error
            raise refused from error
        if type(error).__module__.startswith(("botocore", "urllib3")):
            raise _Passing("SageMaker.SdkClientException", str(error)) from error
        raise


def _optimized_error(code: str, message: str, status: int, request_id: str) -> TaskFailed:
    name = _exception(code) if code in _OWN_CLASSES else "AmazonSageMakerException"
    detail = (
        f"Service: AmazonSageMaker; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null"
    )
    return TaskFailed(f"SageMaker.{name}", f"{message} ({detail})")


def _sdk_error(code: str, message: str, status: int, request_id: str) -> TaskFailed:
    name = _exception(code) if code in _OWN_CLASSES else "SageMakerException"
    cause = f"{message} (Service: SageMaker, Status Code: {status}, Request ID: {request_id}){ATTEMPTS}"
    return TaskFailed(f"SageMaker.{name}", cause)


def _exception(code: str) -> str:
    return code if code.endswith("Exception") else f"{code}Exception"


def _operation(action: str) -> str:
    return action[:1].upper() + action[1:]


def _checked(given: Json, operation: str, failed: _ErrorNames) -> dict[str, Any]:
    """The request, once it keeps the operation's shape.

    Raises `TaskFailed`: what Step Functions itself refuses is `States.Runtime`, what the service would is its
    `ValidationException`.
    """
    request: dict[str, Any] = given if isinstance(given, dict) else {}
    request = to_wire(request)
    violations = validation.check(request, shapes.input_shape(operation), open_enums=shapes.open_enums())
    refused = [_refusal(violation) for violation in violations if violation.problem != "constraint"]
    if refused:
        shown = msgspec.json.encode(request).decode()
        text = f"The Parameters '{shown}' could not be used to start the Task: [{', '.join(refused)}]"
        raise TaskFailed(RUNTIME, text)
    if violations:
        raise failed("ValidationException", validation.message(violations), 400, str(uuid4()))
    return request


def _refusal(violation: validation.Violation) -> str:
    if violation.problem == "unknown":
        return f'The field "{violation.path}" is not supported by Step Functions'
    field = ".".join(part[:1].upper() + part[1:] for part in violation.path.split("."))
    return f"The value of the field '{field}' has an invalid format"


def _checked_sdk(given: Json, operation: str) -> dict[str, Any]:
    request = given if isinstance(given, dict) else {}
    return _checked(_recased(request, shapes.input_shape(operation)), operation, _sdk_error)


def _recased(value: Any, shape: Any) -> Any:
    """Members named as the Java SDK does (`KmsKeyId` where the API has `KMSKeyId`), as the API names them."""
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {name.lower(): name for name in shape.members}
        found = {}
        for key, item in value.items():
            name = names.get(key.lower(), key) if key[:1].isupper() else key
            found[name] = _recased(item, shape.members[name]) if name in shape.members else item
        return found
    if shape.type_name == "list" and isinstance(value, list):
        return [_recased(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _recased(item, shape.value) for key, item in value.items()}
    return value


def _result(document: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Json]:
    """The Describe document of a job as its task gives it: with the tags of its request."""
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    return {**_json(document, _epoch_milliseconds), "Tags": tags}


def _job_failed(document: Mapping[str, Any], request: Mapping[str, Any]) -> TaskFailed:
    return TaskFailed(TASK_FAILED, msgspec.json.encode(_result(document, request)).decode())


def _submitted(response: Mapping[str, Any]) -> dict[str, Json]:
    """An answer of the API as Step Functions shows it (recorded for other services)."""
    answer = {key: value for key, value in response.items() if key != "ResponseMetadata"}
    metadata = response.get("ResponseMetadata", {})
    request_id = metadata.get("RequestId") or str(uuid4())
    found = {str(name).lower(): str(value) for name, value in metadata.get("HTTPHeaders", {}).items()}
    shown = _json(answer, _epoch_milliseconds)
    headers = {
        "x-amzn-RequestId": request_id,
        "Content-Length": found.get("content-length", str(len(msgspec.json.encode(shown)))),
        "Date": found.get("date", formatdate(usegmt=True)),
        "Content-Type": found.get("content-type", "application/x-amz-json-1.1"),
    }
    return {
        **shown,
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": metadata.get("HTTPStatusCode", 200),
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }


def _json(value: Any, timestamp: Callable[[datetime], Json]) -> Any:
    """A response of boto3's kind as JSON."""
    if isinstance(value, Mapping):
        return {key: _json(item, timestamp) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item, timestamp) for item in value]
    return timestamp(value) if isinstance(value, datetime) else value


def _epoch_milliseconds(time_: datetime) -> int:
    return round(time_.timestamp() * 1000)


def _iso_8601(time_: datetime) -> str:
    return time_.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
