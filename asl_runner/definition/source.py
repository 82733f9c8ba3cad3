"""Definition texts: from a file, bytes, text or a dict to a JSON value, with line and column of everything in it.

The value is decoded fast; places are found by a second, slower reading the first time one is asked for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from asl_runner.definition.json_text import MAX_DEPTH, Path, Scan, SourceProblem, scan_json, text_offset
from asl_runner.expressions.environment import Json
from asl_runner.expressions.patterns import LazyPattern

Format: TypeAlias = Literal["json", "yaml"]
Source: TypeAlias = "FilePath | str | bytes | dict[str, Json]"

MAX_CHARACTERS = 1_048_576
"""The longest definition text Step Functions takes (reference section 1)."""

_KEY = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?')
_YAML_KEY = LazyPattern(r"""^\s*(?:[\w.-]+|"[^"]*"|'[^']*')\s*:(?:\s|$)""", re.MULTILINE)


class Position(NamedTuple):
    """A place in a text; both count from 1, the column in characters."""

    line: int
    column: int


class Document:
    """One definition text and its value.

    `name` is what messages call it (a file name, `<stdin>`, `<text>`). `problems` are errors of the text itself;
    with any of them `value` may be cut off.
    """

    def __init__(self, text: str, name: str, format: Format, scan: Scan | None, value: Json) -> None:
        self.text = text
        self.name = name
        self.format: Format = format
        self.value = value
        self.problems: list[SourceProblem] = [] if scan is None else scan.problems
        self._scan = scan
        self._lines: list[int] | None = None

    @property
    def json_text(self) -> str:
        """The definition as JSON text, as the service would keep it: the text itself where that is JSON."""
        if self.text and self.format == "json" and not self.problems and "${" not in self.text:
            return self.text
        return msgspec.json.encode(self.value).decode()

    def position(self, path: Path, *, key: bool = False, offset: int = 0) -> Position | None:
        """Where the value at `path` starts, or its key; `offset` counts characters into a string value.

        A path that is not in the text gives the place of its nearest container; None for a document made of a dict.
        """
        if not self.text:
            return None
        scan = self._places()
        for length in range(len(path), -1, -1):
            here = path[:length]
            if here in scan.values:
                exact = length == len(path)
                start = scan.values[here][0]
                if (key or not exact) and here in scan.keys:
                    return self.at(scan.keys[here])
                return self.at(text_offset(self.text, start, offset) if offset and exact else start)
        return self.at(0)

    def at(self, offset: int) -> Position:
        """The line and column of a character offset."""
        if self._lines is None:
            self._lines = [0, *(match.end() for match in re.finditer("\n", self.text))]
        line = bisect_right(self._lines, offset)
        return Position(line, offset - self._lines[line - 1] + 1)

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its end."""
        lines = self.text.splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def _places(self) -> Scan:
        if self._scan is None:
            self._scan = scan_text(self.text, self.format)
        return self._scan


def scan_text(text: str, format: Format) -> Scan:
    """Reads a text slowly, with places."""
    if format == "json":
        return scan_json(text)
    from asl_runner.definition.yaml_text import scan_yaml

    return scan_yaml(text)


def read_document(source: Source, *, name: str | None = None) -> Document:
    """Reads a definition: a `pathlib.Path` is a file, `bytes` and `str` are the text itself, a dict is the value.

    Never raises for what is in the text; raises `OSError` where the file cannot be read.
    """
    if isinstance(source, dict):
        return Document("", name or "<definition>", "json", None, source)
    suffix = ""
    if isinstance(source, FilePath):
        suffix = source.suffix.lower()
        name = name or str(source)
        source = source.read_bytes()
    elif name:
        suffix = FilePath(name).suffix.lower()
    name = name or "<text>"
    if isinstance(source, bytes):
        try:
            text = source.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            return _unreadable(source, name, error)
    else:
        text = source.removeprefix("\ufeff")
    return _parse(text, name, _format(text, suffix))


def _unreadable(data: bytes, name: str, error: UnicodeDecodeError) -> Document:
    text = data.decode("utf-8", "replace")
    offset = len(data[: error.start].decode("utf-8", "replace"))
    problem = SourceProblem("ASL001", "The text is not UTF-8", offset, "save the file as UTF-8")
    return Document(text, name, "json", Scan(value=None, keys={}, values={}, problems=[problem]), None)


def _format(text: str, suffix: str) -> Format:
    if suffix in (".yaml", ".yml"):
        return "yaml"
    if suffix == ".json" or text.lstrip()[:1] in ("{", "[", '"', ""):
        return "json"
    return "yaml" if _YAML_KEY.search(text) else "json"


def _parse(text: str, name: str, format: Format) -> Document:
    if len(text) > MAX_CHARACTERS:
        message = f"The definition has {len(text)} characters; at most {MAX_CHARACTERS} are allowed"
        problem = SourceProblem("ASL006", message, 0)
        return Document(text, name, format, Scan(value=None, keys={}, values={}, problems=[problem]), None)
    if not text.strip():
        problem = SourceProblem("ASL005", "The definition is empty", 0)
        return Document(text, name, format, Scan(value=None, keys={}, values={}, problems=[problem]), None)
    if format == "json":
        with suppress(msgspec.DecodeError, RecursionError):
            value = msgspec.json.decode(text)
            if _keys_of(value) == sum(1 for match in _KEY.finditer(text) if match[1]):
                return Document(text, name, format, None, value)
    scan = scan_text(text, format)
    return Document(text, name, format, scan, scan.value)


def _keys_of(value: Json) -> int:
    """How many keys all objects of a value have together; -1 if it is nested too deeply.

    Fewer than the text has means that keys are duplicates: decoders keep the last one and say nothing.
    """
    count, depth = 0, 0
    level = [value]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return -1
        below: list[Json] = []
        for container in level:
            if type(container) is dict:
                count += len(container)
                below += [child for child in container.values() if type(child) in (dict, list)]
            elif type(container) is list:
                below += [child for child in container if type(child) in (dict, list)]
        level = below
    return count
