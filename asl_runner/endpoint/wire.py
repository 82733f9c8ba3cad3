"""Values between JSON and a shape of botocore's models: a reader and a writer per shape, compiled once.

A reader takes parsed JSON apart as AWS's JSON protocols do: members the shape does not know and members that are null
are dropped, a value of another JSON type is a `Mismatch`. A writer gives what the shape says and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

Convert: TypeAlias = Callable[[Any], Any]

_INTEGERS = {"integer": 1 << 31, "long": 1 << 63}
_JAVA = {"string": "String", "integer": "Integer", "long": "Long", "float": "Float", "double": "Double"}


class Mismatch(Exception):
    """A value of the wrong JSON type; `str()` is AWS's text (recorded on services with the same protocol)."""


class Wire:
    """The readers and writers of one service's shapes, made when first asked for."""

    def __init__(self) -> None:
        self._readers: dict[str, Convert] = {}
        self._writers: dict[str, Convert] = {}

    def reader(self, shape: Any) -> Convert:
        """What turns parsed JSON into a request: timestamps aware datetimes, blobs bytes. It raises `Mismatch`."""
        known = self._readers.get(shape.name)
        return known if known is not None else self._make(shape, self._readers, self.reader, _READERS)

    def writer(self, shape: Any) -> Convert:
        """What turns an answer into a value `msgspec.json.encode` takes: datetimes seconds since the epoch.

        It raises `TypeError` for a value the shape does not allow, which is a defect of the answer.
        """
        known = self._writers.get(shape.name)
        return known if known is not None else self._make(shape, self._writers, self.writer, _WRITERS)

    def _make(self, shape: Any, made: dict[str, Convert], of: Callable[[Any], Convert], table: _Table) -> Convert:
        kind = shape.type_name
        if kind == "structure" and not getattr(shape, "is_document_type", False):
            # Known before its members are: shapes may hold themselves.
            members: dict[str, Convert] = {}
            made[shape.name] = table["structure"](shape, members)
            members.update({name: of(member) for name, member in shape.members.items()})
        elif kind in ("list", "map"):
            inner: list[Convert] = []
            made[shape.name] = table[kind](shape, inner)
            inner.append(of(shape.member if kind == "list" else shape.value))
        else:
            made[shape.name] = table["document" if kind == "structure" else kind](shape, None)
        return made[shape.name]


_Table: TypeAlias = Mapping[str, Callable[[Any, Any], Convert]]


def _read_structure(shape: Any, members: dict[str, Convert]) -> Convert:
    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise Mismatch(_unexpected(value, "structure"))
        return {name: members[name](item) for name, item in value.items() if item is not None and name in members}

    return read


def _read_list(shape: Any, inner: list[Convert]) -> Convert:
    def read(value: Any) -> Any:
        if type(value) is not list:
            raise Mismatch(_unexpected(value, "list"))
        member = inner[0]
        return [member(item) for item in value]

    return read


def _read_map(shape: Any, inner: list[Convert]) -> Convert:
    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise Mismatch(_unexpected(value, "map"))
        member = inner[0]
        return {key: member(item) for key, item in value.items() if item is not None}

    return read


def _read_exactly(expected: type, name: str) -> Callable[[Any, Any], Convert]:
    def read(value: Any) -> Any:
        if type(value) is not expected:
            raise Mismatch(_unexpected(value, name))
        return value

    return lambda shape, inner: read


def _read_integer(shape: Any, _: Any) -> Convert:
    kind = shape.type_name
    bound = _INTEGERS[kind]

    def read(value: Any) -> Any:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise Mismatch(_unexpected(value, kind))
        if not -bound <= value < bound:
            raise Mismatch(f"Numeric value ({value}) out of range of {'int' if kind == 'integer' else 'long'}")
        return value

    return read


def _read_number(shape: Any, _: Any) -> Convert:
    kind = shape.type_name

    def read(value: Any) -> Any:
        if type(value) not in (int, float):
            raise Mismatch(_unexpected(value, kind))
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise Mismatch("Numeric value out of range of double")
        return value

    return read


def _read_timestamp(shape: Any, _: Any) -> Convert:
    def read(value: Any) -> Any:
        if type(value) not in (int, float):
            raise Mismatch(_unexpected(value, "timestamp"))
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            raise Mismatch(f"{value} is no timestamp") from None

    return read


def _read_blob(shape: Any, _: Any) -> Convert:
    def read(value: Any) -> Any:
        if type(value) is not str:
            raise Mismatch(_unexpected(value, "blob"))
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise Mismatch("Invalid Base64 in a blob") from None

    return read


def _as_is(shape: Any, _: Any) -> Convert:
    return lambda value: value


def _unexpected(value: Any, wanted: str) -> str:
    """AWS's words for a value of another type."""
    if type(value) is dict:
        return "Start of structure or map found where not expected."
    if type(value) is list:
        return "Start of list found where not expected"
    if wanted in ("structure", "map"):
        return "Unexpected value type in payload"
    if wanted == "list":
        return "Expected list or null"
    token = {str: "STRING_VALUE", bool: "TRUE_VALUE" if value else "FALSE_VALUE", type(None): "NULL_VALUE"}
    found = token.get(type(value), "DECIMAL_VALUE" if type(value) is float else "NUMBER_VALUE")
    return f"{found} cannot be converted to {_JAVA.get(wanted, wanted.capitalize())}"


_READERS: _Table = {
    "structure": _read_structure,
    "list": _read_list,
    "map": _read_map,
    "string": _read_exactly(str, "string"),
    "character": _read_exactly(str, "string"),
    "integer": _read_integer,
    "long": _read_integer,
    "float": _read_number,
    "double": _read_number,
    "boolean": _read_exactly(bool, "boolean"),
    "timestamp": _read_timestamp,
    "blob": _read_blob,
    "document": _as_is,
}


def _write_structure(shape: Any, members: dict[str, Convert]) -> Convert:
    def write(value: Any) -> Any:
        return {name: members[name](item) for name, item in value.items() if item is not None and name in members}

    return write


def _write_list(shape: Any, inner: list[Convert]) -> Convert:
    def write(value: Any) -> Any:
        member = inner[0]
        return [member(item) for item in value]

    return write


def _write_map(shape: Any, inner: list[Convert]) -> Convert:
    def write(value: Any) -> Any:
        member = inner[0]
        return {key: member(item) for key, item in value.items()}

    return write


def _write_exactly(*types: type) -> Callable[[Any, Any], Convert]:
    def make(shape: Any, _: Any) -> Convert:
        def write(value: Any) -> Any:
            if type(value) not in types:
                raise TypeError(f"{shape.name} is a {shape.type_name}, not {value!r}")
            return value

        return write

    return make


def _write_timestamp(shape: Any, _: Any) -> Convert:
    def write(value: Any) -> Any:
        seconds = value.timestamp() if isinstance(value, datetime) else value
        if type(seconds) not in (int, float):
            raise TypeError(f"{shape.name} is a timestamp, not {value!r}")
        return round(seconds, 3)

    return write


def _write_blob(shape: Any, _: Any) -> Convert:
    return lambda value: base64.b64encode(value).decode()


_WRITERS: _Table = {
    "structure": _write_structure,
    "list": _write_list,
    "map": _write_map,
    "string": _write_exactly(str),
    "character": _write_exactly(str),
    "integer": _write_exactly(int),
    "long": _write_exactly(int),
    "float": _write_exactly(float, int),
    "double": _write_exactly(float, int),
    "boolean": _write_exactly(bool),
    "timestamp": _write_timestamp,
    "blob": _write_blob,
    "document": _as_is,
}
