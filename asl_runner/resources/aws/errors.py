"""What a service refuses, as a failure of the task: names and causes as the Java SDKs give them.

Source: reference section 14, "Errors"; recorded failures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from msgspec import Struct

from asl_runner.interpreter.ports import TaskFailed
from asl_runner.resources.aws.names import exception_name, pascal_case

BUSY = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"})
"""Codes with which a service asks to come back later."""

ATTEMPTS = " (SDK Attempt Count: 1)"
"""Ends causes since the SDK counts attempts (recorded in November 2025, not in January 2025)."""


class Refusal(Struct, frozen=True):
    """An error answer of a service."""

    code: str
    message: str
    status: int
    request_id: str
    shape: str = ""
    """The error's shape, where the answer names it besides the code."""
    extended_request_id: str | None = None

    @classmethod
    def of(cls, response: Mapping[str, Any]) -> Refusal:
        """The refusal in the `response` of botocore's `ClientError`."""
        error, metadata = response["Error"], response.get("ResponseMetadata", {})
        return cls(
            code=str(error.get("Code", "")),
            message=str(error.get("Message") or response.get("message") or ""),
            status=metadata.get("HTTPStatusCode", 400),
            request_id=metadata.get("RequestId") or str(uuid4()),
            shape=str(error.get("QueryErrorCode", "")),
            extended_request_id=metadata.get("HostId") or metadata.get("HTTPHeaders", {}).get("x-amz-id-2"),
        )

    @classmethod
    def of_request(cls, message: str, code: str = "ValidationException") -> Refusal:
        """The refusal a service would answer to a request that breaks its constraints."""
        return cls(code, message, 400, str(uuid4()))


def sdk_cause(service: str, refusal: Refusal) -> str:
    """The message of the exception the Java SDK 2 has for a refusal; `service` as it writes it, `S3`."""
    details = [f"Service: {service}", f"Status Code: {refusal.status}", f"Request ID: {refusal.request_id}"]
    if service == "S3":
        details.append(f"Extended Request ID: {refusal.extended_request_id or uuid4().hex}")
    return f"{refusal.message} ({', '.join(details)}){ATTEMPTS}"


class SdkErrors:
    """Errors of `aws-sdk` tasks: `S3.NoSuchBucketException`, or `S3.S3Exception` where the model has no name for it."""

    def __init__(self, model: Any) -> None:
        """`model` is botocore's model of the service."""
        self._model = model
        self._service = pascal_case(model.metadata.get("serviceId", model.service_name))

    def refused(self, refusal: Refusal) -> TaskFailed:
        """The service refused."""
        shape = modelled(self._model, refusal.shape or refusal.code)
        name = exception_name(shape) if shape else f"{self._service}Exception"
        return TaskFailed(f"{self._service}.{name}", sdk_cause(self._service, refusal))

    def unreachable(self, reason: str) -> TaskFailed:
        """The request did not get through."""
        return TaskFailed(f"{self._service}.SdkClientException", f"Unable to execute HTTP request: {reason}{ATTEMPTS}")


class OptimizedErrors:
    """Errors of optimized integrations: `DynamoDB.ResourceNotFoundException`, else `DynamoDB.AmazonDynamoDBException`,
    as the Java SDK 1 has them."""

    def __init__(self, model: Any, *, prefix: str, label: str, general: str) -> None:
        """`prefix` begins error names, `label` names the service in causes, `general` is its unmodelled exception."""
        self._model = model
        self._prefix, self._label, self._general = prefix, label, general

    def refused(self, refusal: Refusal) -> TaskFailed:
        """The service refused."""
        shape = modelled(self._model, refusal.shape or refusal.code)
        name = f"{shape.removesuffix('Exception')}Exception" if shape else self._general
        cause = (
            f"{refusal.message} (Service: {self._label}; Status Code: {refusal.status}; Error Code: {refusal.code}; "
            f"Request ID: {refusal.request_id}; Proxy: null)"
        )
        return TaskFailed(f"{self._prefix}.{name}", cause)

    def unreachable(self, reason: str) -> TaskFailed:
        """The request did not get through (recorded)."""
        return TaskFailed(f"{self._prefix}.SdkClientException", f"Unable to execute HTTP request: {reason}")


def modelled(model: Any, code: str) -> str | None:
    """The error shape a service's answer with this code means."""
    for shape in model.error_shapes:
        own = shape.metadata.get("error", {}).get("code")
        if code in (own, shape.name):
            return str(shape.name)
    # Query protocols answer with a namespace before the code, newer ones with the shape's name and a suffix.
    short = code.rpartition(".")[2]
    return modelled(model, short) if short != code else None
