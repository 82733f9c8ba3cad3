"""Bodies of requests and answers that are objects of S3: `Input.S3Uri` in place of `Body`, `Output.S3Uri` for it.

Source: developer guide, "Invoke and customize Amazon Bedrock models", `InvokeModel`.
"""

from __future__ import annotations

from typing import Any

from asl_runner.errors import UsageError
from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact
from asl_runner.resources.aws import models
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.aws.errors import OptimizedErrors
from asl_runner.resources.aws.requests import could_not_start
from asl_runner.storage.names import S3Uri, parse_uri


def fetched(given: Json, body: str, clients: AwsClients) -> tuple[Json, str]:
    """The parameters with what `Input.S3Uri` names as their member `body`, and the place `Output.S3Uri` gives or "".

    Without a `ContentType` that of the object is taken. Raises `TaskFailed`.
    """
    if not isinstance(given, dict) or not {"Input", "Output"} & given.keys():
        return given, ""
    problems = [
        f"The value of the field '{name}' has an invalid format"
        for name in ("Input", "Output")
        if name in given and _place(given[name]) is None
    ]
    if body in given and "Input" in given:
        problems.append(f"The fields '{body}' and 'Input' cannot be used together")
    if problems:
        raise could_not_start(given, problems)
    request = {name: value for name, value in given.items() if name not in ("Input", "Output")}
    if "Input" in given:
        found = _call(clients, "GetObject", given["Input"]["S3Uri"])
        request[body] = found["Body"].read()
        request.setdefault("ContentType", found.get("ContentType") or "application/json")
    return request, str(given["Output"]["S3Uri"]) if "Output" in given else ""


def stored(answer: dict[str, Any], body: str, place: str, clients: AwsClients) -> dict[str, Any]:
    """The answer with its member `body` kept in S3, and the place of it instead. Raises `TaskFailed`."""
    content = answer.get(body, "")
    text = content if isinstance(content, str) else compact(content)
    _call(clients, "PutObject", place, Body=text.encode(), ContentType=answer.get("ContentType", "application/json"))
    return {**answer, body: place}


def _place(value: Json) -> S3Uri | None:
    if not isinstance(value, dict) or value.keys() != {"S3Uri"} or not isinstance(value["S3Uri"], str):
        return None
    try:
        place = parse_uri(value["S3Uri"])
    except UsageError:
        return None
    return place if place.key else None


def _call(clients: AwsClients, operation: str, uri: str, **more: Any) -> dict[str, Any]:
    place = parse_uri(uri)
    model = models.service_model("s3")
    errors = OptimizedErrors(model, prefix="S3", label="Amazon S3", general="AmazonS3Exception")
    request = {"Bucket": place.bucket, "Key": place.key, **more}
    return clients.call("s3", model.operation_model(operation), request, errors)
