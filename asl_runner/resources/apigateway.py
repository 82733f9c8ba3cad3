"""`arn:aws:states:::apigateway:invoke` calls an API of API Gateway, or of whatever serves one on this machine.

Source: developer guide, "Create API Gateway REST APIs with Step Functions"; reference section 14; recorded refusals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import RUNTIME
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.resources.aws.answers import json_or_text
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.aws.requests import could_not_start
from asl_runner.resources.http import METHODS, forbidden_headers
from asl_runner.resources.http_client import Answer, Request, Unreachable, is_local, send
from asl_runner.resources.http_encoding import text, with_query

_FIELDS: Mapping[str, type] = {
    "ApiEndpoint": str,
    "Method": str,
    "Stage": str,
    "Path": str,
    "Headers": dict,
    "QueryParameters": dict,
    "RequestBody": object,
    "AuthType": str,
    "AllowNullValues": bool,
}
_AUTH_TYPES = frozenset({"NO_AUTH", "IAM_ROLE", "RESOURCE_POLICY"})
_FORBIDDEN = re.compile(
    "authorization|connection|content-md5|expect|host|max-forwards|proxy-authenticate|server|te|transfer-encoding"
    "|trailer|upgrade|via|www-authenticate|x-forwarded.*|x-amz.*"
)
_READ = 1 << 20


class ApiGatewayTasks:
    """Answers `apigateway:invoke`; for a callback task, the part before the wait."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    async def __call__(self, call: TaskCall) -> Json:
        """Headers, body and status of the API's answer. Raises `TaskFailed` (`ApiGateway.STATUS`)."""
        if call.resource.action != "invoke" or call.resource.pattern not in ("", "waitForTaskToken"):
            raise TaskFailed(RUNTIME, f"The resource {call.resource.arn} is not supported by Step Functions.")
        request = self._request(call.input)
        return _result(await self._clients.run(lambda: _sent(request)))

    def _request(self, given: Json) -> Request:
        parameters: dict[str, Any] = given if isinstance(given, dict) else {}
        if problems := list(_problems(parameters)):
            raise could_not_start(parameters, problems)
        place = str(parameters["ApiEndpoint"])
        base = place if "://" in place else f"{'http' if self._clients.local else 'https'}://{place}"
        if self._clients.local and not is_local(base):
            raise TaskFailed(
                "ApiGateway.SdkClientException",
                f"Unable to execute HTTP request: {place} is not on this machine. Calls of API Gateway's own APIs stay "
                "here; give ApiEndpoint the address of a server that answers for it, such as 127.0.0.1:3000.",
            )
        stage = f"/{parameters['Stage']}" if parameters.get("Stage") else ""
        path = quote("/" + str(parameters.get("Path") or "").removeprefix("/"), safe="/%-._~!$&'()*+,;=:@")
        body = _body(parameters)
        headers = [(name, value) for name, values in (parameters.get("Headers") or {}).items() for value in values]
        if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
        url = with_query(f"{base.rstrip('/')}{stage}{path}", parameters.get("QueryParameters") or {})
        request = Request(str(parameters["Method"]), url, headers, body)
        signed = parameters.get("AuthType") == "IAM_ROLE" and not self._clients.local
        return _signed(request, self._clients) if signed else request


def _signed(request: Request, clients: AwsClients) -> Request:
    """The request with the signature of the user, or of the role of the task."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    unsigned = AWSRequest(method=request.method, url=request.url, headers=dict(request.headers), data=request.body)
    SigV4Auth(clients.session.get_credentials(), "execute-api", clients.region).add_auth(unsigned)
    return Request(request.method, request.url, list(unsigned.headers.items()), request.body)


def _problems(parameters: Mapping[str, Any]) -> Iterator[str]:
    yield from (f'The field "{name}" is not supported by Step Functions' for name in parameters if name not in _FIELDS)
    for name in ("ApiEndpoint", "Method"):
        if name not in parameters:
            yield f"The field '{name}' is required but was missing"
    for name, kind in _FIELDS.items():
        value = parameters.get(name)
        wrong = value is not None and not isinstance(value, kind)
        if name in ("Headers", "QueryParameters") and isinstance(value, dict):
            wrong = not all(_are_texts(item) for item in value.values())
        if wrong or (name == "Method" and isinstance(value, str) and value not in METHODS):
            yield f"The value of the field '{name}' has an invalid format"
    auth = parameters.get("AuthType", "NO_AUTH")
    if isinstance(auth, str) and auth not in _AUTH_TYPES:
        yield "The value of the field 'AuthType' has an invalid format"
    headers = parameters.get("Headers")
    if forbidden := forbidden_headers(headers if isinstance(headers, dict) else {}, _FORBIDDEN):
        yield f"The 'Headers' field contains unsupported values: [{', '.join(forbidden)}]"


def _are_texts(value: Json) -> bool:
    """Header and query values come in lists of strings (recorded: a plain string is refused)."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _body(parameters: Mapping[str, Any]) -> bytes | None:
    body = parameters.get("RequestBody")
    if body is None:
        return None
    if isinstance(body, dict) and not parameters.get("AllowNullValues"):
        body = {name: value for name, value in body.items() if value is not None}
    return text(body).encode()


def _sent(request: Request) -> Answer:
    try:
        return send(request, read=_READ)
    except Unreachable as problem:
        raise TaskFailed("ApiGateway.SdkClientException", f"Unable to execute HTTP request: {problem}") from problem


def _result(answer: Answer) -> Json:
    body = answer.body.decode(errors="replace")
    if not 200 <= answer.status < 300:
        raise TaskFailed(f"ApiGateway.{answer.status}", body)
    return {
        "Headers": answer.grouped(),
        "ResponseBody": json_or_text(body),
        "StatusCode": answer.status,
        "StatusText": answer.reason,
    }
