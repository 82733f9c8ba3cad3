"""HTTP Tasks: `arn:aws:states:::http:invoke` calls an API, authenticated by an EventBridge connection.

Source: developer guide, "Call HTTPS APIs"; reference section 14, "HTTP Task".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import DATA_LIMIT_EXCEEDED, RUNTIME
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.resources.aws.answers import json_or_text
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.aws.requests import could_not_start
from asl_runner.resources.http_client import Answer, Request, Unreachable, is_local, send
from asl_runner.resources.http_connections import Connection, Connections
from asl_runner.resources.http_encoding import ARRAY_FORMATS, form, text, with_query
from asl_runner.resources.http_exchange import exchange

METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"})
_FIELDS = frozenset(
    {
        "ApiEndpoint",
        "Method",
        "Authentication",
        "InvocationConfig",
        "Headers",
        "QueryParameters",
        "RequestBody",
        "Transform",
    }
)
_LIMIT = 262_144
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json; charset=UTF-8"
_BINARY = ("application/octet-stream", "image/", "video/", "audio/")
_FORBIDDEN = re.compile(
    "a-im|accept-(charset|datetime|encoding)|authorization|cache-control|connection|content-(encoding|md5)|date|expect"
    "|forwarded|from|host|http2-settings|if-(match|modified-since|none-match|range|unmodified-since)|max-forwards"
    "|origin|pragma|proxy-authorization|referer|server|te|trailer|transfer-encoding|upgrade|via|warning"
    "|x-forwarded.*|x-amz.*"
)

_NOTHING = Connection({}, {}, {})


class HttpTasks:
    """Answers HTTP Tasks. An endpoint on this machine may be plain http."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._connections = Connections(clients)

    async def __call__(self, call: TaskCall) -> Json:
        """Headers, body and status of the API's answer. Raises `TaskFailed` (`States.Http.…`, `Events.Connection…`)."""
        if call.resource.action != "invoke" or call.resource.pattern:
            raise TaskFailed(RUNTIME, f"The resource {call.resource.arn} is not supported by Step Functions.")
        parameters = checked(call.input)
        request, answer = await self._clients.run(lambda: self._exchange(call, parameters))
        call.exchanged(exchange(_request(parameters, _NOTHING, call.execution.region), request, answer))
        return result(answer)

    def _exchange(self, call: TaskCall, parameters: Mapping[str, Any]) -> tuple[Request, Answer]:
        arn, region = _connection_arn(parameters), call.execution.region
        connection = self._connections.find(arn)
        request = _checked_form(parameters, _request(parameters, connection, region))
        answer = _sent(request)
        if connection.oauth and answer.status in (401, 407):
            # A token may have run out; EventBridge gets a new one then.
            self._connections.forget(connection)
            request = _request(parameters, self._connections.find(arn), region)
            answer = _sent(request)
        return request, answer


def result(answer: Answer) -> dict[str, Json]:
    """The task's result. Raises `TaskFailed` for a status that is no success and for what is no text."""
    if len(answer.body) > _LIMIT:
        raise TaskFailed(
            DATA_LIMIT_EXCEEDED,
            "The state/task 'http' returned a result with a size exceeding the maximum number of bytes service limit.",
        )
    try:
        body = answer.body.decode()
        readable = not answer.content_type.startswith(_BINARY)
    except UnicodeDecodeError:
        body, readable = "", False
    if not 200 <= answer.status < 300:
        raise TaskFailed(f"States.Http.StatusCode.{answer.status}", body, retry_after=answer.retry_after)
    if not readable:
        raise TaskFailed(RUNTIME, f"The response body of type {answer.content_type!r} is not text.")
    return {
        "Headers": answer.grouped(),
        "ResponseBody": json_or_text(body),
        "StatusCode": answer.status,
        "StatusText": answer.reason,
    }


def checked(given: Json) -> dict[str, Any]:
    """The parameters of an HTTP Task. Raises `TaskFailed` naming every field that is wrong."""
    parameters: dict[str, Any] = given if isinstance(given, dict) else {}
    if problems := list(_problems(parameters)):
        raise could_not_start(parameters, problems)
    return parameters


def _problems(parameters: Mapping[str, Any]) -> Iterator[str]:
    yield from (f'The field "{name}" is not supported by Step Functions' for name in parameters if name not in _FIELDS)
    for name in ("ApiEndpoint", "Method"):
        if name not in parameters:
            yield f"The field '{name}' is required but was missing"
    if _connection_arn(parameters) == "":
        yield "The field 'ConnectionArn' is required but was missing"
    endpoint = parameters.get("ApiEndpoint", "https://")
    if not isinstance(endpoint, str) or not (endpoint.startswith("https://") or _is_local_http(endpoint)):
        yield "The value of the field 'ApiEndpoint' has an invalid format"
    if parameters.get("Method", "GET") not in METHODS:
        yield "The value of the field 'Method' has an invalid format"
    for name in ("Headers", "QueryParameters", "Transform"):
        if not isinstance(parameters.get(name, {}), dict | None):
            yield f"The value of the field '{name}' has an invalid format"
    if array_format(parameters) not in ARRAY_FORMATS:
        yield "The value of the field 'ArrayFormat' has an invalid format"
    headers = parameters.get("Headers")
    if forbidden := forbidden_headers(headers if isinstance(headers, dict) else {}, _FORBIDDEN):
        yield f"The 'Headers' field contains unsupported values: [{', '.join(forbidden)}]"


def forbidden_headers(headers: Mapping[str, Any], forbidden: re.Pattern[str]) -> list[str]:
    """Headers that only Step Functions itself may set, in lower case."""
    return [name.lower() for name in headers if forbidden.fullmatch(name.lower())]


def array_format(parameters: Mapping[str, Any]) -> Any:
    """How arrays are written in a form."""
    transform = parameters.get("Transform")
    options = transform.get("RequestEncodingOptions") if isinstance(transform, dict) else None
    return options.get("ArrayFormat", "INDICES") if isinstance(options, dict) else "INDICES"


def _is_local_http(endpoint: str) -> bool:
    return endpoint.startswith("http://") and is_local(endpoint)


def _connection_arn(parameters: Mapping[str, Any]) -> str:
    for name in ("Authentication", "InvocationConfig"):
        found = parameters.get(name)
        if isinstance(found, dict) and isinstance(found.get("ConnectionArn"), str):
            return str(found["ConnectionArn"])
    return ""


def _request(parameters: Mapping[str, Any], connection: Connection, region: str) -> Request:
    """What goes out: the connection's parameters over the task's, then Step Functions' own headers."""
    headers = _merged_headers(parameters.get("Headers") or {}, connection.headers)
    headers += [("User-Agent", f"Amazon|StepFunctions|HttpInvoke|{region}"), ("Range", f"bytes=0-{_LIMIT}")]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", _JSON))
    query = {**(parameters.get("QueryParameters") or {}), **connection.query}
    url = with_query(str(parameters["ApiEndpoint"]), query)
    return Request(str(parameters["Method"]), url, headers, _body(parameters, connection))


def _checked_form(parameters: Mapping[str, Any], request: Request) -> Request:
    """The request. Raises `TaskFailed` for a form that does not say that it is one."""
    if request.body is not None and _is_form(parameters) and request.content_type != _FORM:
        raise TaskFailed(RUNTIME, f"A URL-encoded request body needs the header content-type: {_FORM}.")
    return request


def _merged_headers(own: Mapping[str, Any], connections: Mapping[str, str]) -> list[tuple[str, str]]:
    taken = {name.lower() for name in connections}
    headers = [
        (name, text(value))
        for name, values in own.items()
        if name.lower() not in taken
        for value in (values if isinstance(values, list) else [values])
    ]
    return headers + list(connections.items())


def _body(parameters: Mapping[str, Any], connection: Connection) -> bytes | None:
    body = parameters.get("RequestBody")
    if connection.body:
        if body is not None and not isinstance(body, dict):
            raise TaskFailed(RUNTIME, "The request body cannot be merged with the connection's: it is not an object.")
        body = {**(body or {}), **connection.body}
    if body is None:
        return None
    if _is_form(parameters) and isinstance(body, dict):
        return form(body, array_format(parameters)).encode()
    return text(body).encode()


def _is_form(parameters: Mapping[str, Any]) -> bool:
    return bool((parameters.get("Transform") or {}).get("RequestBodyEncoding") == "URL_ENCODED")


def _sent(request: Request) -> Answer:
    try:
        return send(request, read=_LIMIT + 1)
    except Unreachable as problem:
        raise TaskFailed("States.Http.Socket", str(problem)) from problem
