"""AWS's REST-JSON protocol over botocore's models: method and path name the operation, the rest is spread.

Members of a request come from the path, the query, headers, and the body; members of an answer go to the status,
headers, and the body. Source: Smithy, "AWS restJson1 protocol"; botocore's models say which member is where.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import msgspec

from asl_runner.endpoint import faults
from asl_runner.endpoint.constraints import Constraints, Holds
from asl_runner.endpoint.faults import Fault
from asl_runner.endpoint.protocol import Answer, Call, Headers, invalid
from asl_runner.endpoint.wire import Convert, Mismatch, Wire
from asl_runner.service_model.shapes import service_model

_PLACE = re.compile(r"\{(\w+)(\+?)\}")


class HttpRequest(NamedTuple):
    """What of an HTTP request an operation is read from; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]


class Route(NamedTuple):
    """Where an operation is found."""

    method: str
    pattern: re.Pattern[str]
    query: Mapping[str, list[str]]
    """What the query must have, for operations that share a path."""
    name: str


class RestOperation(NamedTuple):
    """What one operation needs."""

    name: str
    call: Call
    input: Any
    output: Any
    status: int
    readers: dict[str, Convert]
    holds: Holds


class RestApi:
    """One service with the REST-JSON protocol: `model` its name in botocore, `calls` its operations."""

    def __init__(self, model: str, calls: Mapping[str, Call], *, open_enums: frozenset[str] = frozenset()) -> None:
        self.model = service_model(model)
        self._calls = calls
        self._wire = Wire()
        self._constraints = Constraints(open_enums=open_enums)
        self._routes = _routes(self.model)
        self._operations: dict[str, RestOperation] = {}

    def find(self, request: HttpRequest) -> tuple[str, dict[str, str]] | None:
        """The operation a request asks for, whether it is served or not, and what its path says."""
        given: dict[str, list[str]] = {}
        for route in self._routes:
            if route.method != request.method or (match := route.pattern.fullmatch(request.path)) is None:
                continue
            if route.query:
                given = given or parse_qs(request.query, keep_blank_values=True)
                if any(given.get(name) != values for name, values in route.query.items()):
                    continue
            return route.name, {name: unquote(value) for name, value in match.groupdict().items()}
        return None

    async def answer(self, request: HttpRequest, body: bytes) -> Answer:
        """Answers a request; every refusal and every failure is an answer, too."""
        found = self.find(request)
        if found is None:
            return self.fault(Fault(code="UnknownOperationException", message="", status=404))
        name, places = found
        if name not in self._calls:
            text = f"{name} is not available here; available are {', '.join(sorted(self._calls))}."
            return self.fault(Fault(code="UnknownOperationException", message=text))
        operation = self._operations.get(name)
        if operation is None:
            operation = self._operations[name] = self._compile(name)
        try:
            parsed = self._read(operation, request, places, body)
        except Mismatch as error:
            return self.fault(faults.serialization(str(error)))
        if not operation.holds(parsed):
            fault = invalid(parsed, operation.input, self._constraints.open_enums)
            if fault is not None:
                return self.fault(fault)
        try:
            return self._write(operation, await operation.call(parsed))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the one place where an operation's failure becomes an answer
            return self.fault(faults.from_exception(error, self.model, name))

    def fault(self, fault: Fault) -> Answer:
        """An error as this service writes it: its name in a header."""
        shape = self.model.shape_for_error_code(fault.code) if fault.code not in faults.COMMON else None
        key = "message" if shape is None or "message" in shape.members else "Message"
        body: dict[str, Any] = {"Type": "User" if fault.status < 500 else "Service", key: fault.message}
        body.update(fault.members)
        headers = [*_common(), (b"x-amzn-errortype", fault.code.encode())]
        return Answer(fault.status, headers, msgspec.json.encode(body))

    def _compile(self, name: str) -> RestOperation:
        model = self.model.operation_model(name)
        shape = model.input_shape
        return RestOperation(
            name=name,
            call=self._calls[name],
            input=shape,
            output=model.output_shape,
            status=model.http.get("responseCode", 200),
            readers={} if shape is None else {key: self._wire.reader(each) for key, each in shape.members.items()},
            holds=self._constraints.test(shape) if shape is not None else lambda value: True,
        )

    def _read(
        self, operation: RestOperation, request: HttpRequest, places: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        """The request's members. Raises `Mismatch`."""
        if operation.input is None:
            return {}
        query = parse_qs(request.query, keep_blank_values=True)
        payload = operation.input.serialization.get("payload")
        members = operation.input.members
        document: Any = None
        parsed: dict[str, Any] = {}
        for name, shape in members.items():
            location = shape.serialization.get("location")
            key = shape.serialization.get("name", name)
            if location is None and name == payload and shape.type_name in ("blob", "string"):
                if body:
                    parsed[name] = body if shape.type_name == "blob" else body.decode(errors="replace")
                continue
            if location == "uri":
                value: Any = places.get(key)
            elif location == "querystring":
                value = query.get(key)
                value = value if value is None or shape.type_name == "list" else value[-1]
            elif location == "header":
                header = request.headers.get(key.lower().encode())
                value = None if header is None else header.decode("latin-1")
            else:
                if document is None:
                    document = _document(body)
                value = document if name == payload else document.get(name)
            if value is not None:
                parsed[name] = operation.readers[name](value if location is None else _from_text(value, shape))
        return parsed

    def _write(self, operation: RestOperation, result: Mapping[str, Any]) -> Answer:
        status, headers, body = operation.status, _common(), b""
        shape = operation.output
        if shape is None:
            return Answer(status, headers, b"")
        payload = shape.serialization.get("payload")
        document: dict[str, Any] = {}
        for name, member in shape.members.items():
            value = result.get(name)
            if value is None:
                continue
            location = member.serialization.get("location")
            if location == "statusCode":
                status = value
            elif location == "header":
                key = member.serialization.get("name", name)
                headers.append((key.lower().encode(), str(value).encode("latin-1", "replace")))
            elif name == payload and member.type_name == "blob":
                body = value
            else:
                document[name] = self._wire.writer(member)(value)
        if payload is None:
            body = b"" if status == 204 else msgspec.json.encode(document)
        return Answer(status, headers, body)


def _routes(model: Any) -> list[Route]:
    """Every operation's place, the most specific first."""
    routes: list[tuple[int, Route]] = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        pattern, end = "", 0
        for place in _PLACE.finditer(path):
            wild = ".+" if place[2] else "[^/]+"
            pattern += re.escape(path[end : place.start()]) + f"(?P<{place[1]}>{wild})"
            end = place.end()
        pattern += re.escape(path[end:].rstrip("/")) + "/?"
        required = parse_qs(query, keep_blank_values=True)
        literal = len(_PLACE.sub("", path)) + len(query)
        routes.append((-literal, Route(http["method"], re.compile(pattern), required, name)))
    return [route for _, route in sorted(routes, key=lambda pair: (pair[0], pair[1].name))]


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Mismatch(f"Could not parse request body into json: {error}") from None
    if not isinstance(document, dict):
        raise Mismatch("Unexpected value type in payload")
    return document


def _from_text(value: Any, shape: Any) -> Any:
    """A value of the path, the query or a header as the JSON it stands for. Raises `Mismatch`."""
    kind = shape.type_name
    if kind == "list":
        return [_from_text(item, shape.member) for item in value]
    try:
        if kind in ("integer", "long"):
            return int(value)
        if kind in ("float", "double", "timestamp"):
            return float(value)
    except ValueError:
        raise Mismatch(f"STRING_VALUE cannot be converted to {kind.capitalize()}") from None
    return {"true": True, "false": False}.get(value.lower(), value) if kind == "boolean" else value


def _common() -> Headers:
    return [(b"x-amzn-requestid", str(uuid.uuid4()).encode()), (b"content-type", b"application/json")]
