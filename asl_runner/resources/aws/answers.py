"""From an answer of botocore to the result of a task; reads streaming bodies, so it may block.

`aws-sdk` tasks name members as the Java SDK 2 does and write times in ISO 8601; optimized integrations keep the API's
names with a capital, write times in milliseconds, and add the SDK's metadata. Keys of maps are data and stay.
Source: reference section 14; recorded answers of S3, DynamoDB, SNS, SQS, EventBridge and Step Functions.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from uuid import uuid4

import msgspec

from asl_runner.expressions.environment import Json
from asl_runner.resources.aws.names import capitalized, sdk_member

_SPELT_HEADERS = {"x-amzn-requestid": "x-amzn-RequestId", "x-amz-crc32": "x-amz-crc32", "connection": "connection"}
"""How recorded answers spell headers that are not capitalised word by word."""

_SHOWN_HEADERS = ("server", "x-amzn-requestid", "connection", "x-amz-crc32", "content-length", "date", "content-type")


def sdk_answer(answer: Mapping[str, Any], shape: Any) -> dict[str, Json]:
    """An `aws-sdk` task's result."""
    if shape is None:
        return {}
    body = shape.serialization.get("payload")
    result = _Writing(sdk_member, _iso_8601).structure(answer, shape)
    if body is not None and hasattr(answer.get(body), "read"):
        # Step Functions reads the body after the rest (recorded).
        name = sdk_member(shape.name, body)
        result[name] = result.pop(name)
    return result


def optimized_answer(answer: Mapping[str, Any], shape: Any, *, metadata: bool = True) -> dict[str, Json]:
    """An optimized integration's result, members in alphabetical order."""
    result = {} if shape is None else _Writing(_keep, _milliseconds).structure(answer, shape)
    if metadata:
        result |= _metadata(answer.get("ResponseMetadata", {}))
    return dict(sorted(result.items()))


def json_or_text(value: Json) -> Json:
    """Text as JSON where it is JSON; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value


def _keep(shape: str, member: str) -> str:
    return capitalized(member)


class _Writing:
    """Turns values of a shape into JSON."""

    def __init__(self, name: Callable[[str, str], str], time: Callable[[datetime], Json]) -> None:
        self._name, self._time = name, time

    def structure(self, value: Mapping[str, Any], shape: Any) -> dict[str, Json]:
        return {
            self._name(shape.name, name): self.value(value[name], member)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }

    def value(self, value: Any, shape: Any) -> Any:
        if hasattr(value, "read"):
            with closing(value):
                return _text(value.read())
        match value:
            case None | bool() | int() | float() | str():
                return value
            case bytes() | bytearray():
                return _text(bytes(value))
            case datetime():
                return self._time(value)
        if getattr(shape, "is_document_type", False):
            return value
        match shape.type_name:
            case "structure":
                return self.structure(value, shape)
            case "list":
                return [self.value(item, shape.member) for item in value]
            case "map":
                return {key: self.value(item, shape.value) for key, item in value.items()}
        raise TypeError(f"an answer holds {type(value).__name__} where {shape.type_name} is expected")


def _text(content: bytes) -> str:
    """Text as it is; what is not UTF-8 in base64."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return base64.b64encode(content).decode()


def _metadata(answered: Mapping[str, Any]) -> dict[str, Json]:
    """The SDK's view of the HTTP answer, as Step Functions shows it (recorded)."""
    request_id = answered.get("RequestId") or str(uuid4())
    found = {str(name).lower(): str(value) for name, value in answered.get("HTTPHeaders", {}).items()}
    found = {"connection": "keep-alive", "date": formatdate(usegmt=True), **found, "x-amzn-requestid": request_id}
    headers = {_spelt(name): found[name] for name in _SHOWN_HEADERS if name in found}
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": dict(sorted(headers.items(), key=lambda header: header[0].lower())),
            "HttpStatusCode": answered.get("HTTPStatusCode", 200),
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }


def _spelt(header: str) -> str:
    return _SPELT_HEADERS.get(header) or header.title()


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _iso_8601(time: datetime) -> str:
    """As Java prints an instant: no fraction where there is none."""
    text = time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return text.replace(".000Z", "Z")
