"""Diagnostics as text for people, JSON, GitHub workflow commands, and SARIF 2.1.0."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from asl_runner.definition.codes import CODES
from asl_runner.definition.diagnostics import Diagnostic

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|[^\s,:{}\[\]]+|.')
_STYLES = {"error": "31;1", "warning": "33;1", "caret": "32;1", "dim": "2", "bold": "1"}
_WIDEST = 120


class Checked(Struct, frozen=True, kw_only=True):
    """What was found in one file. `states` counts all its states; None where the definition is invalid."""

    file: str
    diagnostics: list[Diagnostic]
    states: int | None = None

    def count(self, severity: str) -> int:
        """How many diagnostics have this severity."""
        return sum(1 for item in self.diagnostics if item.severity == severity)


def as_text(checked: Checked, *, color: bool = False) -> str:
    """One block per diagnostic with its line and a caret, then one line about the file."""
    blocks = [_block(item, color) for item in checked.diagnostics]
    errors, warnings = checked.count("error"), checked.count("warning")
    found = [_plural(count, word) for count, word in ((errors, "error"), (warnings, "warning")) if count]
    if errors:
        blocks.append(f"{_styled(checked.file, 'bold', color)}: {', '.join(found)}")
    else:
        states = [] if checked.states is None else [_plural(checked.states, "state")]
        blocks.append(f"OK {checked.file} ({', '.join([*states, *found])})")
    return "\n".join(blocks) + "\n"


def _block(item: Diagnostic, color: bool) -> str:
    place = item.file + (f":{item.position.line}:{item.position.column}" if item.position else "")
    severity = _styled(f"{item.severity} {item.code}", item.severity, color)
    lines = [f"{_styled(place, 'bold', color)}: {severity}: {item.message}"]
    margin = "  "
    if item.position and item.line.strip():
        number = str(item.position.line)
        margin = " " * (len(number) + 2)
        text, caret = _excerpt(item.line, item.position.column)
        lines.append(f" {_styled(f'{number} |', 'dim', color)} {text}")
        lines.append(f"{margin}{_styled('|', 'dim', color)} {_styled(caret, 'caret', color)}")
    if item.location and item.path:
        lines.append(f"{margin}{_styled('=', 'dim', color)} at {item.location}")
    if item.expected:
        lines.append(f"{margin}{_styled('=', 'dim', color)} expected: {item.expected}")
    if item.note:
        lines.append(f"{margin}{_styled('=', 'dim', color)} note: {item.note}")
    if item.hint:
        lines.append(f"{margin}{_styled('=', 'dim', color)} hint: {item.hint}")
    return "\n".join(lines) + "\n"


def _excerpt(line: str, column: int) -> tuple[str, str]:
    """The line, cut around the column where it is long, and carets under the token there."""
    line = line.rstrip().replace("\t", " ")
    token = _TOKEN.match(line, column - 1)
    length = len(token[0]) if token else 1
    start = 0
    if len(line) > _WIDEST:
        start = max(0, min(column - 1 - 20, len(line) - _WIDEST))
    shown = line[start : start + _WIDEST]
    if start:
        shown = "…" + shown[1:]
    if start + _WIDEST < len(line):
        shown = shown[:-1] + "…"
    at = column - 1 - start
    return shown, " " * at + "^" * max(1, min(length, _WIDEST - at))


def _styled(text: str, style: str, color: bool) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if color else text


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def as_dict(item: Diagnostic) -> dict[str, Any]:
    """A diagnostic as plain JSON."""
    return {
        "code": item.code,
        "awsCode": item.aws_code or None,
        "severity": item.severity,
        "message": item.message,
        "location": item.location,
        "path": list(item.path),
        "line": item.position.line if item.position else None,
        "column": item.position.column if item.position else None,
        "found": item.found or None,
        "expected": item.expected or None,
        "note": item.note or None,
        "hint": item.hint or None,
    }


def as_json(files: Sequence[Checked]) -> str:
    """One array, one object per file: `{"file", "valid", "states", "diagnostics": [...]}`."""
    return _pretty(
        [
            {
                "file": checked.file,
                "valid": checked.count("error") == 0,
                "states": checked.states,
                "diagnostics": [as_dict(item) for item in checked.diagnostics],
            }
            for checked in files
        ]
    )


def as_github(files: Sequence[Checked]) -> str:
    """Workflow commands that make annotations on the changed lines."""
    lines = []
    for checked in files:
        for item in checked.diagnostics:
            fields = [f"file={_property(item.file)}"]
            if item.position:
                fields += [f"line={item.position.line}", f"col={item.position.column}"]
            fields.append(f"title={item.code}")
            hint = f" ({item.hint})" if item.hint else ""
            lines.append(f"::{item.severity} {','.join(fields)}::{_data(item.message + hint)}")
    return "".join(f"{line}\n" for line in lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(files: Sequence[Checked], version: str) -> str:
    """A SARIF 2.1.0 log with one run; `version` is that of the tool."""
    used = sorted({item.code for checked in files for item in checked.diagnostics})
    run = {
        "tool": {
            "driver": {
                "name": "asl-runner",
                "version": version,
                "rules": [
                    {
                        "id": code,
                        "name": re.sub(r"\W+", " ", CODES[code].title).title().replace(" ", ""),
                        "shortDescription": {"text": CODES[code].title},
                        "help": {"text": CODES[code].help},
                        "defaultConfiguration": {"level": CODES[code].severity},
                    }
                    for code in used
                ],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(item, used) for checked in files for item in checked.diagnostics],
    }
    return _pretty({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]})


def _result(item: Diagnostic, rules: list[str]) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(item.file)}}
    if item.position:
        physical["region"] = {"startLine": item.position.line, "startColumn": item.position.column}
    location: dict[str, Any] = {"physicalLocation": physical}
    if item.location:
        location["logicalLocations"] = [{"fullyQualifiedName": item.location, "kind": "member"}]
    hint = f" ({item.hint})" if item.hint else ""
    return {
        "ruleId": item.code,
        "ruleIndex": rules.index(item.code),
        "level": item.severity,
        "message": {"text": item.message + hint},
        "locations": [location],
    }


def _uri(file: str) -> str:
    from urllib.parse import quote

    return quote(file.replace("\\", "/"))


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
