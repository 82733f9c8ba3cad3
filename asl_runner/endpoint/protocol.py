"""AWS's JSON protocols over botocore's models: a request in, an answer inside the model's shapes and errors out.

`X-Amz-Target: PREFIX.Operation` names the operation, the body is one JSON object. Source: Smithy, "AWS JSON 1.0 and 1.1
protocols"; the texts of refusals are those of the services (reference 23).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from asl_runner.endpoint import faults
from asl_runner.endpoint.constraints import Constraints, Holds
from asl_runner.endpoint.faults import Fault
from asl_runner.endpoint.wire import Convert, Mismatch, Wire
from asl_runner.history.identifiers import random_uuid
from asl_runner.service_model import validation
from asl_runner.service_model.shapes import service_model

Call: TypeAlias = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""Answers one operation: parsed request to answer, keys as in the model. Raises `ServiceError` to refuse."""

Headers: TypeAlias = list[tuple[bytes, bytes]]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Headers
    body: bytes


class Operation(NamedTuple):
    """What one operation needs."""

    name: str
    call: Call
    shape: Any
    read: Convert
    holds: Holds
    write: Convert | None


class JsonApi:
    """One service with a JSON protocol.

    `model` is the service's name in botocore, `calls` its operations, `namespace` that of its own errors. `refusal`
    says what is said to an operation of the model that is not served.
    """

    def __init__(
        self,
        model: str,
        calls: Mapping[str, Call],
        *,
        namespace: str,
        open_enums: frozenset[str] = frozenset(),
        refusal: Callable[[str], str] = "{} is not available here.".format,
    ) -> None:
        self.model = service_model(model)
        self._refusal = refusal
        self.calls = calls
        self._namespace = namespace
        self._wire = Wire()
        self._constraints = Constraints(open_enums=open_enums)
        self._operations: dict[str, Operation] = {}
        self._content_type = f"application/x-amz-json-{self.model.metadata['jsonVersion']}".encode()

    def operation(self, name: str) -> Operation | None:
        """The operation of that name; None if it is not served."""
        known = self._operations.get(name)
        if known is None and name in self.calls:
            known = self._operations[name] = self._compile(name)
        return known

    async def answer(self, name: str, body: bytes) -> Answer:
        """Answers a request; every refusal and every failure is an answer, too."""
        operation = self.operation(name)
        if operation is None:
            known = name in self.model.operation_names
            return self.fault(Fault(code="UnknownOperationException", message=self._refusal(name) if known else ""))
        request = self._request(operation, body)
        if isinstance(request, Fault):
            return self.fault(request)
        try:
            result = await operation.call(request)
            encoded = b"{}" if operation.write is None else _encode(operation.write(result))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the one place where an operation's failure becomes an answer
            return self.fault(faults.from_exception(error, self.model, operation.name))
        return Answer(200, [*_request_id(), (b"content-type", self._content_type)], encoded)

    def fault(self, fault: Fault) -> Answer:
        """An error as this service writes it."""
        namespace = faults.COMMON.get(fault.code, self._namespace)
        body: dict[str, Any] = {"__type": f"{namespace}#{fault.code}"}
        if fault.message:
            body["Message" if namespace.endswith(".service") else "message"] = fault.message
        body.update(fault.members)
        return Answer(fault.status, [*_request_id(), (b"content-type", self._content_type)], _encode(body))

    def _compile(self, name: str) -> Operation:
        model = self.model.operation_model(name)
        shape = model.input_shape
        return Operation(
            name=name,
            call=self.calls[name],
            shape=shape,
            read=self._wire.reader(shape) if shape is not None else dict,
            holds=self._constraints.test(shape) if shape is not None else bool,
            write=self._wire.writer(model.output_shape) if model.output_shape is not None else None,
        )

    def _request(self, operation: Operation, body: bytes) -> dict[str, Any] | Fault:
        try:
            document = _decode(body) if body else {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return faults.serialization(f"The request body is not JSON: {error}")
        try:
            request: dict[str, Any] = operation.read(document)
        except Mismatch as error:
            return faults.serialization(str(error))
        if operation.shape is None:
            return {}
        if not operation.holds(request):
            return invalid(request, operation.shape, self._constraints.open_enums) or request
        return request


def invalid(request: Mapping[str, Any], shape: Any, open_enums: frozenset[str]) -> Fault | None:
    """The `ValidationException` with every constraint a request does not keep."""
    violations = validation.check(request, shape, open_enums=open_enums)
    if not violations:
        return None
    return Fault(code="ValidationException", message=validation.message(violations))


def _request_id() -> Headers:
    return [(b"x-amzn-requestid", random_uuid().encode())]
