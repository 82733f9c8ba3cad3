"""Requests made from the shapes of botocore's models, and answers checked against them."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from hypothesis import strategies as st

from asl_runner.endpoint.faults import COMMON
from asl_runner.service_model.shapes import service_model

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
TEXT = st.text(max_size=20) | st.sampled_from(
    ["", " ", "a", "\u0000", "\ud83d\ude00", "x" * 300, "arn:", "::::::", "a/b"]
)
LONG = "y" * 270_000


class Pool:
    """Values that mean something, by the end of the member's name."""

    def __init__(self, known: Mapping[str, list[Any]]) -> None:
        self._known = {name.lower(): values for name, values in known.items()}

    def of(self, member: str) -> list[Any]:
        for name, values in self._known.items():
            if member.lower().endswith(name):
                return values
        return []


def values(shape: Any, pool: Pool, member: str = "", depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a shape in JSON, most of them valid, some meaningful."""
    match shape.type_name:
        case "structure":
            if depth > 5:
                return st.just({})
            required = {name: values(shape.members[name], pool, name, depth + 1) for name in shape.required_members}
            optional = {
                name: values(each, pool, name, depth + 1)
                for name, each in shape.members.items()
                if name not in shape.required_members
            }
            return st.fixed_dictionaries(required, optional=optional)
        case "list":
            return st.lists(values(shape.member, pool, member, depth + 1), max_size=3)
        case "map":
            return st.dictionaries(TEXT, values(shape.value, pool, "", depth + 1), max_size=3)
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            low, high = shape.metadata.get("min", -2), shape.metadata.get("max", 1100)
            return st.integers(low, high) | st.integers()
        case "float" | "double" | "timestamp":
            return st.floats(-1e12, 1e12) | st.integers(0, 4_000_000_000)
        case "blob":
            return st.binary(max_size=30).map(lambda data: base64.b64encode(data).decode())
    meaningful = list(shape.metadata.get("enum", [])) + pool.of(member)
    return st.sampled_from(meaningful) | TEXT if meaningful else TEXT


def requests(shape: Any, pool: Pool) -> st.SearchStrategy[Any]:
    """Requests of an operation: good ones, ones with a member replaced by anything, and anything at all."""
    if shape is None:
        return ANY_JSON
    good = values(shape, pool)
    if not shape.members:
        return good | ANY_JSON

    def spoil(request: dict[str, Any]) -> st.SearchStrategy[Any]:
        return st.builds(
            lambda name, value: {**request, name: value},
            st.sampled_from(sorted(shape.members)),
            ANY_JSON | st.just(LONG),
        )

    return good | good | good.flatmap(spoil) | ANY_JSON


def faults_of(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """What of an answer is not in its shape."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        yield from (f"{path}.{name} is missing" for name in shape.required_members if name not in value)
        for name, item in value.items():
            if name not in shape.members:
                yield f"{path}.{name} is not in {shape.name}"
            else:
                yield from faults_of(item, shape.members[name], f"{path}.{name}")
    elif kind == "list" and isinstance(value, list):
        for item in value:
            yield from faults_of(item, shape.member, f"{path}[]")
    elif kind == "map" and isinstance(value, dict):
        for item in value.values():
            yield from faults_of(item, shape.value, f"{path}{{}}")
    elif not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{path} is {value!r}, not a {kind}"
    elif kind == "string" and value not in shape.metadata.get("enum", [value]):
        yield f"{path} is {value!r}, not one of {shape.metadata['enum']}"


_TYPES: dict[str, Any] = {
    "structure": dict,
    "list": list,
    "map": dict,
    "string": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "boolean": bool,
    "blob": str,
}


class Raw:
    """Raw requests over one connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body of the answer."""
        self._connection.request(method, path, body, dict(headers))
        with self._connection.getresponse() as answer:
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()

    def json(self, service: str, operation: str, request: Any) -> tuple[int, dict[str, Any]]:
        """An operation of a JSON protocol."""
        metadata = service_model(service).metadata
        headers = {
            "X-Amz-Target": f"{metadata['targetPrefix']}.{operation}",
            "Content-Type": f"application/x-amz-json-{metadata['jsonVersion']}",
        }
        status, answered, body = self.send("POST", "/", json.dumps(request).encode(), headers)
        assert answered["content-type"] == headers["Content-Type"]
        assert answered["x-amzn-requestid"]
        return status, json.loads(body)

    def close(self) -> None:
        self._connection.close()


def check_json(service: str, operation: str, status: int, answer: dict[str, Any]) -> None:
    """Asserts that an answer is in the operation's shape or is one of its errors."""
    model = service_model(service).operation_model(operation)
    if status == 200:
        found = [] if model.output_shape is None else list(faults_of(answer, model.output_shape))
        assert not found, (operation, found, answer)
        return
    code = answer["__type"].partition("#")[2]
    allowed = {shape.name for shape in model.error_shapes} | (COMMON.keys() - {"InternalFailure", "ServiceUnavailable"})
    assert 400 <= status < 500, (operation, answer)
    assert code in allowed, (operation, answer, sorted(allowed))
    assert answer.keys() - {"__type", "message", "Message"} <= {"reason", "resourceName", "kmsKeyState"}
