"""From the evaluated `Parameters` of a task to a request as botocore takes it.

A shape of the API's model leads: members are found by their spelling in the Java SDK or in the API itself, an object
where the API wants text is sent as its JSON, text where it wants bytes as UTF-8.
Source: reference section 14; recorded requests of S3, SNS, SQS and Step Functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact
from asl_runner.interpreter.errors import RUNTIME
from asl_runner.interpreter.ports import TaskFailed
from asl_runner.resources.aws.names import sdk_member

_BITS = {"integer": 32, "long": 64}


class NullMembers(Exception):
    """Required members were given as null, which the service is the one to refuse; `str()` is its message."""


def to_request(given: Json, shape: Any) -> dict[str, Any]:
    """The request of an operation with input `shape`; None when it takes nothing.

    Raises `TaskFailed` (States.Runtime) naming every field that is missing, unknown or of a wrong kind, and
    `NullMembers`.
    """
    parameters: dict[str, Any] = given if isinstance(given, dict) else {}
    reading = _Reading()
    if shape is None:
        reading.problems += [_unsupported(name) for name in parameters]
        request: dict[str, Any] = {}
    else:
        reading.problems += [
            f"The field '{sdk_member(shape.name, name)}' is required but was missing"
            for name in _required(shape)
            if name not in {_member(shape, key) for key in parameters}
        ]
        request = reading.structure(parameters, shape, "")
    if reading.problems:
        raise could_not_start(parameters, reading.problems)
    if reading.nulls:
        raise NullMembers(_null_message(reading.nulls))
    return request


def could_not_start(parameters: Json, problems: list[str]) -> TaskFailed:
    """What Step Functions says of parameters it does not send to the service (recorded)."""
    text = f"The Parameters '{compact(parameters)}' could not be used to start the Task: [{', '.join(problems)}]"
    return TaskFailed(RUNTIME, text)


class _Reading:
    """One request being read: what is wrong with it is collected on the way."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.nulls: list[str] = []

    def structure(self, given: Mapping[str, Any], shape: Any, path: str) -> dict[str, Any]:
        request: dict[str, Any] = {}
        required = set(_required(shape))
        for key, value in given.items():
            name = _member(shape, key)
            if name is None:
                self.problems.append(_unsupported(key))
            elif value is not None:
                request[name] = self.value(value, shape.members[name], _join(path, key))
            elif name in required:
                self.nulls.append(_join(path, key))
        return request

    def value(self, given: Any, shape: Any, path: str) -> Any:
        kind = shape.type_name
        if getattr(shape, "is_document_type", False):
            return given
        if kind in ("string", "character"):
            return given if isinstance(given, str) else compact(given)
        if kind == "blob":
            return given if isinstance(given, bytes) else (given if isinstance(given, str) else compact(given)).encode()
        if kind == "structure" and isinstance(given, dict):
            return self.structure(given, shape, path)
        if kind == "map" and isinstance(given, dict):
            return {
                key: self.value(item, shape.value, _join(path, key)) for key, item in given.items() if item is not None
            }
        if kind == "list" and isinstance(given, list):
            return [self.value(item, shape.member, f"{path}[{index}]") for index, item in enumerate(given)]
        return self._scalar(given, kind, path)

    def _scalar(self, given: Any, kind: str, path: str) -> Any:
        if kind == "boolean" and isinstance(given, bool):
            return given
        if kind == "timestamp" and (found := _time(given)) is not None:
            return found
        if isinstance(given, (int, float)) and not isinstance(given, bool):
            if kind in ("float", "double"):
                return float(given)
            if kind in _BITS and float(given).is_integer() and int(given).bit_length() < _BITS[kind]:
                return int(given)
        self.problems.append(f"The value of the field '{path}' has an invalid format")
        return None


def _time(given: Any) -> Any:
    from botocore.utils import parse_timestamp

    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        return None
    try:
        return parse_timestamp(str(given))
    except (ValueError, OverflowError, RuntimeError):
        return None


def _required(shape: Any) -> Iterator[str]:
    """Members a request must have; tokens against doing things twice are made up by the SDK."""
    for name in shape.required_members:
        if not shape.members[name].metadata.get("idempotencyToken"):
            yield name


def _member(shape: Any, key: str) -> str | None:
    """The member a field means: spelt as in the API or in the SDK, but never with a small first letter."""
    if key[:1].islower():
        return None
    return key if key in shape.members else _spelt(shape).get(key.lower())


@lru_cache(maxsize=4096)
def _spelt(shape: Any) -> dict[str, str]:
    """Members by their spellings in lower case."""
    known = {sdk_member(shape.name, name).lower(): name for name in shape.members}
    return known | {name.lower(): name for name in shape.members}


def _unsupported(name: str) -> str:
    return f'The field "{name}" is not supported by Step Functions'


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _null_message(paths: list[str]) -> str:
    """The services' own text (recorded for DynamoDB)."""
    noun = "validation error" if len(paths) == 1 else "validation errors"
    faults = (
        f"Value null at '{'.'.join(part[:1].lower() + part[1:] for part in path.split('.'))}' failed to satisfy "
        "constraint: Member must not be null"
        for path in paths
    )
    return f"{len(paths)} {noun} detected: " + "; ".join(faults)
