"""JSON text as AWS writes it in messages and history: compact, non-ASCII kept, `1.0` stays `1.0`."""

from __future__ import annotations

import msgspec

from asl_runner.expressions.environment import Json

_encode = msgspec.json.Encoder().encode


def compact_bytes(value: Json) -> bytes:
    """The compact JSON text of a value, UTF-8 encoded; its length is what the payload limit counts."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        import json

        # A lone surrogate has no UTF-8 form: only a JSON escape can carry it.
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def compact(value: Json) -> str:
    """The compact JSON text of a value."""
    return compact_bytes(value).decode("utf-8")


def quoted_name(name: str) -> str:
    """A name in the bracket notation of Jayway's messages: `['name']`."""
    return f"['{name}']"


def type_name(value: Json) -> str:
    """The JSON type of a value in AWS's words: array, object, string, number, boolean or null."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (int, float)):
        return "number"
    return "array" if isinstance(value, (list, tuple)) else "object"


def java_text(value: Json) -> str:
    """A value as Java's `toString` prints it, which is how Format prints objects and arrays: `{a=1, b=[x, null]}`."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={java_text(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(java_text, value)) + "]"
    return compact(value)
