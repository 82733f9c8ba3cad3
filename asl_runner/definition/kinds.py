"""The checks of plain values: strings, numbers, names, timestamps, ARNs. Texts are the service's where known."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from asl_runner.definition import fields as f
from asl_runner.definition.diagnostics import Report, did_you_mean
from asl_runner.definition.fields import Field, Kind, Language
from asl_runner.definition.json_text import Path
from asl_runner.definition.resource import parse_resource
from asl_runner.expressions.environment import Json
from asl_runner.expressions.patterns import LazyPattern

_RFC3339 = LazyPattern(
    r"(?P<second>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_ARN = LazyPattern(r"arn:[^:]*:[^:]+:[^:]*:[^:]*:.+", re.DOTALL)


class _Problem(Exception):
    def __init__(self, code: str, message: str, expected: str = "", hint: str = "") -> None:
        self.details: dict[str, Any] = {"code": code, "message": message, "expected": expected, "hint": hint}


def check_plain(kind: Kind, value: Json, path: Path, report: Report, field: Field, language: Language) -> None:
    """Reports what is wrong with a value of a plain kind. A text with a placeholder may stand for anything."""
    try:
        _CHECKS[type(kind)](kind, value)
    except _Problem as problem:
        if isinstance(value, str) and "${" in value:
            return
        details = problem.details
        if field.expression and language == "JSONata" and isinstance(value, str):
            details["hint"] = details["hint"] or "an expression is written {% … %}"
        report.add(details.pop("code"), details.pop("message"), path, found=value, **details)


def is_timestamp(text: str) -> bool:
    """Whether a text is an RFC 3339 timestamp as the service takes it: `T`, then `Z` or an offset."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        return False
    try:
        datetime.fromisoformat(match["second"])
    except ValueError:
        return False
    return True


def _anything(kind: Any, value: Json) -> None:
    return


def _string(kind: f.String, value: Json) -> None:
    if not isinstance(value, str):
        raise _Problem("ASL103", "Expected value of type String", "a string")


def _boolean(kind: f.Boolean, value: Json) -> None:
    if not isinstance(value, bool):
        hint = (
            f"write {value.lower()} without quotes"
            if isinstance(value, str) and value.lower() in ("true", "false")
            else ""
        )
        raise _Problem("ASL103", "Expected value of type Boolean", "true or false", hint)


def _range(kind: f.Integer | f.Number) -> str:
    least = "" if kind.minimum is None else f" of at least {kind.minimum}"
    most = "" if kind.maximum is None else f"{' and' if least else ' of'} at most {kind.maximum}"
    return f"{'an integer' if isinstance(kind, f.Integer) else 'a number'}{least}{most}"


def _integer(kind: f.Integer, value: Json) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        hint = ""
        if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
            hint = f"write {value} without quotes"
        elif isinstance(value, str) and value.startswith("$"):
            hint = "for a path, use the field with 'Path' at the end"
        raise _Problem("ASL103", "Expected value of type Integer", _range(kind), hint)
    _limits(kind, value)


def _number(kind: f.Number, value: Json) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        hint = (
            f"write {value} without quotes" if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) else ""
        )
        raise _Problem("ASL103", "Expected value of type Number", _range(kind), hint)
    _limits(kind, value)


def _limits(kind: f.Integer | f.Number, value: float) -> None:
    if kind.minimum is not None and value < kind.minimum:
        raise _Problem("ASL105", f"Minimum value is {kind.minimum}", _range(kind))
    if kind.maximum is not None and value > kind.maximum:
        raise _Problem("ASL105", f"Maximum value is {kind.maximum}", _range(kind))


def _choice(kind: f.Choice, value: Json) -> None:
    if value not in kind.values or not isinstance(value, str):
        hint = did_you_mean(value, kind.values) if isinstance(value, str) else f'write "{value}" in quotes'
        message = f"Value should be one of the following: [{', '.join(kind.values)}]"
        raise _Problem("ASL104", message, hint=hint if isinstance(value, (str, float)) else "")


def _timestamp(kind: f.Timestamp, value: Json) -> None:
    _string(f.String(), value)
    if not is_timestamp(value):
        hint = ""
        if is_timestamp(f"{value}Z"):
            hint = f'the offset is missing: "{value}Z"'
        elif is_timestamp(value.replace(" ", "T")):
            hint = "a capital T stands between date and time"
        raise _Problem("ASL109", "String does not match RFC3339 timestamp", "such as 2030-01-31T12:00:00Z", hint)


def _resource(kind: f.ResourceArn, value: Json) -> None:
    _string(f.String(), value)
    if not _ARN.fullmatch(value):
        raise _Problem("ASL110", "Value is not a valid resource ARN", "arn:aws:…", "" if value else "the text is empty")


def _reader(kind: f.ReaderArn, value: Json) -> None:
    _string(f.String(), value)
    resource = parse_resource(value)
    if f"{resource.service}:{resource.action}" not in kind.actions or resource.pattern:
        allowed = " or ".join(f"arn:aws:states:::{action}" for action in kind.actions)
        raise _Problem("ASL110", "The field 'Resource' does not match any of the allowed values", allowed)


def _target(kind: f.Target, value: Json) -> None:
    _string(f.String(), value)


def _error_names(kind: f.ErrorNames, value: Json) -> None:
    if not isinstance(value, list):
        hint = f'write ["{value}"]' if isinstance(value, str) else ""
        raise _Problem("ASL103", "Expected value of type Array", "an array of error names", hint)
    if not value:
        raise _Problem("ASL106", "Value cannot be empty", 'such as ["States.ALL"]')
    if not all(isinstance(name, str) for name in value):
        raise _Problem("ASL103", "Expected value of type String", "an array of error names")


_CHECKS: dict[type[Kind], Callable[[Any, Json], None]] = {
    f.Anything: _anything,
    f.String: _string,
    f.Boolean: _boolean,
    f.Integer: _integer,
    f.Number: _number,
    f.Choice: _choice,
    f.Timestamp: _timestamp,
    f.ResourceArn: _resource,
    f.ReaderArn: _reader,
    f.Target: _target,
    f.ErrorNames: _error_names,
}
PLAIN_KINDS = tuple(_CHECKS)
"""The kinds whose values need no compiling."""
