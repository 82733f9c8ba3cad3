"""SageMaker Runtime over HTTP: `InvokeEndpoint` for unmodified clients, as a WSGI application.

Source: botocore's model of `sagemaker-runtime` (protocol rest-json).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from asl_runner.service_model import shapes, validation
from asl_runner.service_model.errors import ServiceError

if TYPE_CHECKING:
    from asl_runner.sagemaker.client import LocalSageMaker

_PATH = re.compile(r"/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)")
_OPERATION = "InvokeEndpoint"
_REASONS = {200: "OK", 400: "Bad Request", 424: "Failed Dependency", 500: "Internal Server Error"}


def is_runtime(path: str) -> bool:
    """Whether a path is one of SageMaker Runtime's."""
    return _PATH.fullmatch(path) is not None


class RuntimeApplication:
    """Answers SageMaker Runtime with the endpoints of `client`, which is made when the first request arrives."""

    def __init__(self, client: Callable[[], LocalSageMaker]) -> None:
        self._client = client

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            answer = self._client().invoke_endpoint(**_request(environ))
        except ServiceError as error:
            return _refused(error, start_response)
        headers = [("Content-Length", str(len(answer["Body"])))]
        headers += [
            (shape.serialization["name"], str(answer[name])) for name, shape in _members("output") if name in answer
        ]
        start_response("200 OK", headers)
        return [answer["Body"]]


def _request(environ: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the operation. Raises `ServiceError` for those that break a constraint."""
    found = _PATH.fullmatch(environ.get("PATH_INFO", ""))
    if found is None or environ.get("REQUEST_METHOD") != "POST":
        raise ServiceError("UnknownOperationException", "There is no such operation of SageMaker Runtime.", status=404)
    if found[2] != "invocations":
        text = f"Only InvokeEndpoint answers here, not /{found[2]}; it gives the whole answer at once."
        raise ServiceError("ValidationError", text)
    length = int(environ.get("CONTENT_LENGTH") or 0)
    given: dict[str, Any] = {"EndpointName": unquote(found[1]), "Body": environ["wsgi.input"].read(length)}
    for name, shape in _members("input"):
        header = shape.serialization["name"].upper().replace("-", "_")
        value = environ.get(header if header == "CONTENT_TYPE" else f"HTTP_{header}")
        if value:
            given[name] = value
    shape = shapes.service_model("sagemaker-runtime").operation_model(_OPERATION).input_shape
    if faults := validation.check(given, shape):
        raise ServiceError("ValidationError", validation.message(faults))
    return given


@lru_cache(maxsize=2)
def _members(side: str) -> list[tuple[str, Any]]:
    """The members that travel as headers."""
    operation = shapes.service_model("sagemaker-runtime").operation_model(_OPERATION)
    members = (operation.input_shape if side == "input" else operation.output_shape).members
    return [(name, shape) for name, shape in members.items() if shape.serialization.get("location") == "header"]


def _refused(error: ServiceError, start_response: Callable[..., Any]) -> Iterable[bytes]:
    metadata = error.response["ResponseMetadata"]
    status = metadata["HTTPStatusCode"]
    more = {name: value for name, value in error.response.items() if name not in ("Error", "ResponseMetadata")}
    body = json.dumps({"Message": error.message, **more}).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("x-amzn-ErrorType", error.code),
        ("x-amzn-RequestId", metadata["RequestId"]),
    ]
    start_response(f"{status} {_REASONS.get(status, 'Error')}", headers)
    return [body]
