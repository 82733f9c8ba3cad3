"""Mocked results of service integrations, compared with what the service's API answers.

STRICT asks for all required members and that those present fit; PRESENT only the latter; NONE for nothing. Members the
API does not have may be there. Source: API reference, MockInput; recorded refusals.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from asl_runner.definition.resource import Resource
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import Json
from asl_runner.resources.aws.names import capitalized, sdk_member
from asl_runner.resources.mocks.answer_shapes import answer_shape

_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "a string"),
    "blob": ((str,), "a string"),
    "timestamp": ((str,), "a string"),
    "character": ((str,), "a string"),
    "integer": ((int, float), "a number"),
    "long": ((int, float), "a number"),
    "float": ((int, float), "a number"),
    "double": ((int, float), "a number"),
    "bigdecimal": ((int, float), "a number"),
    "boolean": ((bool,), "a boolean"),
    "list": ((list,), "an array"),
    "map": ((dict,), "an object"),
    "structure": ((dict,), "an object"),
}
"""What a value of each type of shape is in JSON."""


Mode: TypeAlias = Literal["STRICT", "PRESENT", "NONE"]


class Mismatch(UsageError):
    """A mocked result that the integration could not have given; the message is AWS's."""


def check_result(resource: Resource, result: Json, mode: Mode) -> None:
    """Raises `Mismatch` for a result the integration could not have given."""
    answer = None if mode == "NONE" else answer_shape(resource)
    if answer is None:
        return
    if not isinstance(result, dict):
        raise Mismatch("Mocked result must be a JSON object.")
    checking = _Answer(sdk=resource.kind == "aws-sdk", strict=mode == "STRICT", free=answer.free)
    checking.structure(answer.shape, result)


class _Answer:
    """Checks one result."""

    def __init__(self, *, sdk: bool, strict: bool, free: str) -> None:
        self._sdk = sdk
        self._strict = strict
        self._free = free

    def structure(self, shape: Any, value: dict[str, Json]) -> None:
        """The members of an object."""
        names = {self._name(shape, member): member for member in shape.members}
        if self._strict:
            for name, member in names.items():
                if member in shape.required_members and name not in value:
                    raise _refused(f"Required field '{name}' is missing")
        for name, item in value.items():
            if name in names and name != self._free:
                self._value(name, shape.members[names[name]], item)

    def _name(self, shape: Any, member: str) -> str:
        return str(sdk_member(shape.name, member) if self._sdk else capitalized(member))

    def _value(self, name: str, shape: Any, value: Json) -> None:
        kind = shape.type_name
        types, words = _KINDS[kind]
        if type(value) not in types:
            raise _refused(f"Field '{name}' must be {words}")
        match kind:
            case "structure":
                if not getattr(shape, "is_document_type", False):
                    self.structure(shape, value)
            case "list":
                for item in value:
                    self._value(name, shape.member, item)
            case "map":
                for item in value.values():
                    self._value(name, shape.value, item)
            case "string" | "blob":
                _check_text(name, shape, value)
            case "integer" | "long" | "float" | "double":
                _check_number(name, shape, value)


def _check_text(name: str, shape: Any, value: str) -> None:
    rules = shape.metadata
    if rules.get("enum") and value not in rules["enum"]:
        raise _refused(f"Field '{name}' is not an expected value")
    if len(value) < rules.get("min", 0):
        raise _refused(f"Field '{name}' is smaller than the minimum length")
    if len(value) > rules.get("max", len(value)):
        raise _refused(f"Field '{name}' exceeds the maximum length")


def _check_number(name: str, shape: Any, value: float) -> None:
    rules = shape.metadata
    if value < rules.get("min", value):
        raise _refused(f"Field '{name}' is less than the minimum value")
    if value > rules.get("max", value):
        raise _refused(f"Field '{name}' exceeds the maximum value")


def _refused(reason: str) -> Mismatch:
    return Mismatch(f"Mock result schema validation error: {reason}")
