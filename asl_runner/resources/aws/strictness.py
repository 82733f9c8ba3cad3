"""Where the local emulation of AWS's services refuses less or answers otherwise than AWS; for calls that stay here.

Source: recorded failures of EventBridge, SNS and Secrets Manager; the services' API references.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

from asl_runner.resources.aws.errors import Refusal

Ask: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]

_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")


ENDLESS = frozenset({"bedrock.GetModelCustomizationJob", "emr.DescribeStep", "emr-containers.DescribeJobRun"})
"""Operations whose jobs the emulation starts and never ends."""


def refusal(operation: str, request: Mapping[str, Any]) -> Refusal | None:
    """What AWS would answer to a request that the emulation takes; `operation` is `service.Operation`."""
    check = _CHECKS.get(operation)
    return None if check is None else check(request)


def reworded(operation: str, request: Mapping[str, Any], refused: Refusal) -> Refusal:
    """A refusal of the emulation in AWS's words; what it cannot answer at all is said to be that."""
    if "NotImplementedError" in refused.message or refused.code == "UnknownOperationException":
        return _refused("NotImplemented", f"{operation} is not emulated on this machine.", 501)
    if refused.status >= 500:
        # The emulation failed: mostly over something that AWS would say does not exist.
        text = f"The emulation on this machine has no answer to this {operation}: what it names may not exist."
        return _refused("NotImplemented", text, 501)
    if operation == "sns.Publish" and refused.code == "NotFound" and "TopicArn" in request:
        return _refused("NotFound", "Topic does not exist", 404)
    return refused


def ask(operation: str, request: dict[str, Any], send: Ask) -> dict[str, Any]:
    """The answer as AWS would give it."""
    if operation == "events.PutEvents":
        return _put_events(request, send)
    answer = send(_with_security_groups(request) if operation == "ecs.RunTask" else request)
    if operation.startswith("dynamodb.") and request.get("ReturnConsumedCapacity", "NONE") == "NONE":
        return {name: value for name, value in answer.items() if name != "ConsumedCapacity"}
    if operation == "sns.Publish" and str(request.get("TopicArn", "")).endswith(".fifo"):
        return {"SequenceNumber": str(10**19 + time.time_ns()), **answer}
    return answer


def unknown_host(request: Mapping[str, Any], endpoint: str) -> str | None:
    """The host of a queue's URL that is neither the endpoint nor AWS: SQS is asked at the URL itself (recorded)."""
    url = request.get("QueueUrl")
    if not isinstance(url, str) or "://" not in url:
        return None
    host = urlsplit(url).hostname or ""
    here = {"localhost", "127.0.0.1", "::1", urlsplit(endpoint).hostname}
    return None if host in here or host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".localhost")) else host


def _publish(request: Mapping[str, Any]) -> Refusal | None:
    topic = str(request.get("TopicArn", ""))
    if topic.endswith(".fifo") and not request.get("MessageGroupId"):
        text = "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
        return _refused("InvalidParameter", text, 400)
    return None


def _create_secret(request: Mapping[str, Any]) -> Refusal | None:
    if _SECRET_NAME.fullmatch(str(request.get("Name", ""))) is None:
        text = (
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        )
        return _refused("ValidationException", text, 400)
    return None


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], Refusal | None]] = {
    "secretsmanager.CreateSecret": _create_secret,
    "sns.Publish": _publish,
}


def _with_security_groups(request: dict[str, Any]) -> dict[str, Any]:
    """The emulation does not know that they have a default."""
    network = request.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if network is None:
        return request
    return {**request, "networkConfiguration": {"awsvpcConfiguration": {"securityGroups": [], **network}}}


def _put_events(request: dict[str, Any], send: Ask) -> dict[str, Any]:
    """Events whose detail is JSON but no object are malformed, like those whose detail is no JSON."""
    entries = request.get("Entries", [])
    sound = [entry for entry in entries if not _is_other_json(entry.get("Detail"))]
    answer: dict[str, Any] = {"Entries": [], "FailedEntryCount": 0}
    if sound:
        answer = send({**request, "Entries": sound})
    answered = iter(answer.get("Entries", ()))
    malformed = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    results = [dict(malformed) if _is_other_json(entry.get("Detail")) else next(answered, {}) for entry in entries]
    failed = answer.get("FailedEntryCount", 0) + len(entries) - len(sound)
    return {**answer, "Entries": results, "FailedEntryCount": failed}


def _is_other_json(detail: Any) -> bool:
    try:
        return not isinstance(json.loads(detail), dict)
    except (TypeError, ValueError):
        return False


def _refused(code: str, message: str, status: int) -> Refusal:
    return Refusal(code, message, status, str(uuid4()))
