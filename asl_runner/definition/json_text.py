"""JSON text with places: the value, where every key and value stands, and every syntax problem in one pass.

Slower than a plain decoder and forgiving: it goes on after a trailing comma, a comment or a single-quoted string, so
that all such slips are reported together. Used when the fast decoder refuses a text, and when a place is asked for.
"""

from __future__ import annotations

import re

from msgspec import Struct

from asl_runner.expressions.environment import Json
from asl_runner.expressions.patterns import LazyPattern

MAX_DEPTH = 200
"""Containers inside containers; deeper documents are refused before anything recursive reads them."""

Path = tuple[str | int, ...]


class SourceProblem(Struct, frozen=True):
    """Something wrong with the text itself. `offset` counts characters from the start."""

    code: str
    message: str
    offset: int
    hint: str = ""


class Scan(Struct):
    """What a scan found. `keys` has the offset of a member's key, `values` the start and end of each value."""

    value: Json
    keys: dict[Path, int]
    values: dict[Path, tuple[int, int]]
    problems: list[SourceProblem]


class _Stop(Exception):
    """The rest of the text cannot be read."""


_BLANK = LazyPattern(r"[ \t\r\n]*")
_COMMENT = LazyPattern(r"//[^\n]*|#[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_STRING = LazyPattern(r'"([^"\\\x00-\x1f]*)"')
_LONG_STRING = LazyPattern(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SINGLE = LazyPattern(r"'((?:[^'\\\n]|\\.)*)'")
_NUMBER = LazyPattern(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?(?![\w.+-])")
_WORD = LazyPattern(r"[^\s,:{}\[\]\"']+")
_ESCAPE = LazyPattern(r"\\(?:u([0-9a-fA-F]{4})|(.))|([\x00-\x1f])", re.DOTALL)
_QUOTED = r"""[^{}"']|"[^"]*"|'[^']*'"""
_PLACEHOLDER = LazyPattern(rf"\$\{{(?:{_QUOTED}|\{{(?:{_QUOTED})*\}})*\}}")
_LITERALS: dict[str, Json] = {"true": True, "false": False, "null": None}
_FOREIGN: dict[str, tuple[Json, str]] = {
    "True": (True, "true"),
    "False": (False, "false"),
    "None": (None, "null"),
    "undefined": (None, "null"),
    "NaN": (None, "null"),
    "Infinity": (None, "a number or null"),
    "-Infinity": (None, "a number or null"),
}
_SIMPLE = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def scan_json(text: str) -> Scan:
    """Reads `text` as JSON; never raises. A value that could not be read to the end is cut off there."""
    scanner = _Scanner(text)
    try:
        value = scanner.value((), 0)
        scanner.end()
    except _Stop:
        value = scanner.root
    return Scan(value=value, keys=scanner.keys, values=scanner.values, problems=scanner.problems)


def text_offset(text: str, start: int, decoded: int) -> int:
    """The offset in `text` of character number `decoded` of the string literal that starts at `start`."""
    if not text.startswith('"', start):
        return min(start + decoded, len(text))
    at = start + 1
    for _ in range(decoded):
        if match := _ESCAPE.match(text, at):
            at = match.end()
        elif at < len(text) and text[at] != '"':
            at += 1
    return at


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.keys: dict[Path, int] = {}
        self.values: dict[Path, tuple[int, int]] = {}
        self.problems: list[SourceProblem] = []
        self.root: Json = None

    def problem(self, code: str, message: str, offset: int, hint: str = "") -> None:
        self.problems.append(SourceProblem(code, message, offset, hint))

    def stop(self, message: str, offset: int, hint: str = "") -> _Stop:
        self.problem("ASL002", message, offset, hint)
        return _Stop()

    def blank(self) -> str:
        """Skips blanks and comments; gives the next character, empty at the end."""
        while True:
            match = _BLANK.match(self.text, self.at)
            assert match
            self.at = match.end()
            comment = _COMMENT.match(self.text, self.at)
            if comment is None:
                return self.text[self.at : self.at + 1]
            self.problem("ASL003", "Comments are not allowed in JSON", self.at, "put the text in a 'Comment' field")
            self.at = comment.end()

    def end(self) -> None:
        if self.blank():
            raise self.stop("Unexpected text after the end of the document", self.at, "only one JSON value is allowed")

    def value(self, path: Path, depth: int) -> Json:
        char = self.blank()
        start = self.at
        if depth > MAX_DEPTH:
            self.problem("ASL007", f"The document is nested more than {MAX_DEPTH} levels deep", start)
            raise _Stop
        if char == "{":
            result: Json = self.object(path, depth)
        elif char == "[":
            result = self.array(path, depth)
        elif char in ('"', "'") and char:
            result = self.string()
        elif not char:
            raise self.stop("The document ends where a value was expected", start, "something is not closed")
        else:
            result = self.word()
        self.values[path] = (start, self.at)
        return result

    def object(self, path: Path, depth: int) -> dict[str, Json]:
        members: dict[str, Json] = {}
        if not path:
            self.root = members
        opened = self.at
        self.at += 1
        while (char := self.blank()) != "}":
            start = self.at
            key = self.key(char, opened)
            if self.blank() != ":":
                raise self.stop(f"Expected ':' after the key \"{key}\"", self.at, self.quote_hint(start))
            self.at += 1
            here = (*path, key)
            if key in members:
                self.problem(
                    "ASL004", f'The key "{key}" appears more than once in this object; the last one counts', start
                )
            self.keys[here] = start
            members[key] = self.value(here, depth + 1)
            self.comma("}", opened)
        self.at += 1
        return members

    def array(self, path: Path, depth: int) -> list[Json]:
        items: list[Json] = []
        if not path:
            self.root = items
        opened = self.at
        self.at += 1
        while self.blank() != "]":
            items.append(self.value((*path, len(items)), depth + 1))
            self.comma("]", opened)
        self.at += 1
        return items

    def key(self, char: str, opened: int) -> str:
        if char and char in "\"'":
            return self.string()
        if not char:
            raise self.unclosed("{", opened)
        match = _PLACEHOLDER.match(self.text, self.at) or _WORD.match(self.text, self.at)
        if match is None:
            raise self.stop(f"Expected a key in double quotes, found '{char}'", self.at)
        self.problem("ASL002", f"The key {match[0]} is not in double quotes", self.at, f'write "{match[0]}"')
        self.at = match.end()
        return match[0]

    def comma(self, close: str, opened: int) -> None:
        """Steps over the comma after a member; the closing bracket stays."""
        before = self.at
        char = self.blank()
        if char == ",":
            comma, self.at = self.at, self.at + 1
            if self.blank() == close:
                self.problem("ASL003", f"A comma before '{close}' is not allowed in JSON", comma, "remove the comma")
        elif not char:
            raise self.unclosed("{" if close == "}" else "[", opened)
        elif char != close:
            if char in "}]:":
                raise self.stop(f"Expected ',' or '{close}', found '{char}'", self.at)
            self.problem("ASL002", f"Expected ',' or '{close}'", before, "put a comma here")

    def unclosed(self, bracket: str, opened: int) -> _Stop:
        line = self.text.count("\n", 0, opened) + 1
        return self.stop(f"The '{bracket}' opened on line {line} is never closed", len(self.text.rstrip()))

    def quote_hint(self, start: int) -> str:
        return "a double quote may be missing" if "\n" in self.text[start : self.at] else ""

    def string(self) -> str:
        start = self.at
        if match := _STRING.match(self.text, start):
            self.at = match.end()
            return match[1]
        if self.text[start] == "'":
            return self.single(start)
        match = _LONG_STRING.match(self.text, start)
        if match is None:
            raise self.stop("This string is never closed", start, "a double quote is missing")
        self.at = match.end()
        return self.unescape(match[1], start + 1)

    def single(self, start: int) -> str:
        match = _SINGLE.match(self.text, start)
        if match is None:
            raise self.stop("This string is never closed", start, "a quote is missing")
        self.problem("ASL002", "Strings are in double quotes in JSON, not in single quotes", start)
        self.at = match.end()
        return match[1]

    def unescape(self, raw: str, start: int) -> str:
        def replace(match: re.Match[str]) -> str:
            if match[1]:
                return chr(int(match[1], 16))
            if match[3]:
                name = {"\n": "line break", "\t": "tab"}.get(match[3], "control character")
                self.problem(
                    "ASL002", f"A {name} inside a string must be escaped", start + match.start(), "write \\n or \\t"
                )
                return match[3]
            if match[2] not in _SIMPLE:
                hint = f"write \\\\{match[2]} for a backslash" if match[2] != "'" else "write ' without a backslash"
                self.problem("ASL002", f"\\{match[2]} is not an escape of JSON", start + match.start(), hint)
            return _SIMPLE.get(match[2], match[2])

        text = _ESCAPE.sub(replace, raw)
        if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text

    def word(self) -> Json:
        start = self.at
        if match := _PLACEHOLDER.match(self.text, start):
            self.at = match.end()
            return match[0]
        if match := _NUMBER.match(self.text, start):
            self.at = match.end()
            if not (match[1] or match[2]):
                return int(match[0])
            number = float(match[0])
            if number in (float("inf"), float("-inf")):
                self.problem("ASL002", f"The number {match[0]} is too large", start)
            return number
        match = _WORD.match(self.text, start)
        if match is None:
            raise self.stop(f"Expected a value, found '{self.text[start]}'", start)
        self.at = match.end()
        return self.literal(match[0], start)

    def literal(self, word: str, start: int) -> Json:
        if word in _LITERALS:
            return _LITERALS[word]
        if word in _FOREIGN:
            value, hint = _FOREIGN[word]
            self.problem("ASL002", f"{word} is not a value of JSON", start, f"write {hint}")
            return value
        if word[0] in "-+.0123456789":
            raise self.stop(
                f"{word} is not a number of JSON", start, "no leading zeros, no '+', a digit on both sides of '.'"
            )
        name = re.match(r"\w+", word)
        raise self.stop(
            f"Unrecognized token '{name[0] if name else word}': was expecting "
            "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
            start,
            "strings are in double quotes",
        )
