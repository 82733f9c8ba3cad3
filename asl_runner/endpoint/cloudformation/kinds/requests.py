"""From a resource's properties to the request of the API that makes it, led by botocore's shape."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from asl_runner.endpoint.cloudformation.kinds.base import Properties, Refused

_NUMBERS: Mapping[str, type] = {"integer": int, "long": int, "float": float, "double": float}


_KINDS = {"structure": "JSONObject", "map": "JSONObject", "list": "JSONArray", "boolean": "Boolean", "string": "String"}


def to_request(client: Any, operation: str, properties: Properties) -> dict[str, Any]:
    """The members of an operation's input that properties give; names may differ in case, numbers may be text.

    Properties that are no members of the API's are left to the caller. Raises `Refused` for values of a wrong type.
    """
    shape = client.meta.service_model.operation_model(operation).input_shape
    request: dict[str, Any] = _value(properties, shape, "#")
    return request


def _value(given: Any, shape: Any, path: str) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(given, Mapping):
        members = {name.lower(): name for name in shape.members}
        found = {members[key.lower()]: (key, value) for key, value in given.items() if key.lower() in members}
        return {name: _value(value, shape.members[name], f"{path}/{key}") for name, (key, value) in found.items()}
    if kind == "map" and isinstance(given, Mapping):
        return {key: _value(value, shape.value, f"{path}/{key}") for key, value in given.items()}
    if kind == "list" and isinstance(given, list):
        return [_value(item, shape.member, f"{path}/{index}") for index, item in enumerate(given)]
    return _scalar(given, kind, path)


def _scalar(given: Any, kind: str, path: str) -> Any:
    if kind == "string" and isinstance(given, str | bool | int | float):
        return str(given).lower() if isinstance(given, bool) else str(given)
    if kind == "boolean" and str(given).lower() in ("true", "false"):
        return str(given).lower() == "true"
    if kind in _NUMBERS and isinstance(given, str | int | float) and not isinstance(given, bool):
        with suppress(ValueError):
            return _NUMBERS[kind](given)
    if kind not in _KINDS and kind not in _NUMBERS:
        return given
    found = type(given).__name__
    raise Refused(f"Model validation failed ({path}: expected type: {_KINDS.get(kind, 'Number')}, found: {found})")
