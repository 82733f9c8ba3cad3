"""JSON text to a value, with the words of the parser AWS uses for what is wrong with it.

The parser is Jackson; its texts end with a place, as in

    Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')
     at [Source: (String)"not a definition"; line: 1, column: 4]

Source: recorded for a bare word; the other texts are those of Jackson 2's `ReaderBasedJsonParser`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NoReturn

import msgspec

from asl_runner.expressions.environment import Json

_SHOWN = 500
"""Characters of the text that a place quotes."""

_DEEPEST = 200
"""How deeply the values of a text that is looked through for its fault may nest."""

_VALUES = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"
_SPACE = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"[\w$]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')


class JsonError(ValueError):
    """A text is not JSON: `problem` is what is wrong, `place` where; `str()` is both, as Jackson writes them."""

    def __init__(self, problem: str, place: str) -> None:
        super().__init__(f"{problem}\n at {place}")
        self.problem = problem
        self.place = place


def parse(text: str) -> Json:
    """The value of a JSON text. Raises `JsonError`."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        _Scanner(text).document()
    # What is left is JSON after all: a lone surrogate, a number beyond the range of doubles.
    value: Json = json.loads(text)
    return value


class _Scanner:
    """Walks through a text up to the first thing that is not JSON."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def document(self) -> None:
        if not self.peek():
            self.fail("No content to map due to end-of-input", 0 if not self.text else None)
        self.value()
        if self.peek():
            self.value()
            self.fail("Trailing token found after value")

    def fail(self, problem: str, column: int | None = None) -> NoReturn:
        raise JsonError(problem, self.place(self.at, column))

    def place(self, at: int, column: int | None = None) -> str:
        """How Jackson names the place before character `at`."""
        line = self.text.count("\n", 0, at) + 1
        if column is None:
            column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        left = len(self.text) - _SHOWN
        more = f"[truncated {left} chars]" if left > 0 else ""
        return f'[Source: (String)"{self.text[:_SHOWN]}"{more}; line: {line}, column: {column}]'

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        found = _SPACE.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        return self.text[self.at : self.at + 1]

    def unexpected(self, expected: str) -> NoReturn:
        char = self.text[self.at]
        self.at += 1
        shown = f"'{char}' (code {ord(char)}"
        if ord(char) > 255:
            shown += f" / 0x{ord(char):x}"
        elif ord(char) < 32:
            shown = f"(CTRL-CHAR, code {ord(char)}"
        self.fail(f"Unexpected character ({shown})): {expected}")

    def value(self) -> None:
        char = self.peek()
        if char == "{":
            self.container("Object", "}", self.member)
        elif char == "[":
            self.container("Array", "]", self.value)
        elif char == '"':
            self.string("a string value")
        elif char == "-" or char.isdigit():
            self.number()
        elif word := _WORD.match(self.text, self.at):
            self.at = word.end()
            if word[0] not in ("true", "false", "null"):
                self.fail(f"Unrecognized token '{word[0]}': was expecting ({_VALUES})")
        else:
            self.unexpected(f"expected a valid value ({_VALUES})")

    def container(self, kind: str, close: str, element: Callable[[], None]) -> None:
        start = self.place(self.at)
        self.at += 1
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(f"Document nesting depth ({self.depth}) exceeds the maximum allowed ({_DEEPEST})")
        first = True
        while (char := self.peek()) != close:
            if not char:
                self.fail(f"Unexpected end-of-input: expected close marker for {kind} (start marker at {start})")
            if char in "}]":
                self.at += 1
                self.fail(f"Unexpected close marker '{char}': expected '{close}' (for {kind} starting at {start})")
            if not first:
                if char != ",":
                    self.unexpected(f"was expecting comma to separate {kind} entries")
                self.at += 1
                if not self.peek():
                    self.fail(f"Unexpected end-of-input within/between {kind} entries")
            element()
            first = False
        self.at += 1
        self.depth -= 1

    def member(self) -> None:
        if self.peek() != '"':
            self.unexpected("was expecting double-quote to start field name")
        self.string("field name")
        if not (char := self.peek()):
            self.fail("Unexpected end-of-input within/between Object entries")
        if char != ":":
            self.unexpected("was expecting a colon to separate field name and value")
        self.at += 1
        if not self.peek():
            self.fail("Unexpected end-of-input within/between Object entries")
        self.value()

    def string(self, what: str) -> None:
        self.at += 1
        while True:
            plain = _STRING.match(self.text, self.at)
            assert plain is not None
            self.at = plain.end()
            char = self.text[self.at : self.at + 1]
            if char == '"':
                self.at += 1
                return
            if not char and what == "field name":
                self.fail("Unexpected end-of-input in field name")
            if not char:
                self.fail(f"Unexpected end-of-input: was expecting closing quote for {what}")
            if char != "\\":
                self.at += 1
                self.fail(
                    f"Illegal unquoted character ((CTRL-CHAR, code {ord(char)})): has to be escaped using backslash to "
                    f"be included in {'name' if what == 'field name' else 'string value'}"
                )
            self.escape()

    def escape(self) -> None:
        escape = _ESCAPE.match(self.text, self.at)
        if escape is not None:
            self.at = escape.end()
            return
        char = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if not char:
            self.fail("Unexpected end-of-input in character escape sequence")
        if char == "u":
            self.unexpected("expected a hex-digit for character escape sequence")
        self.fail(f"Unrecognized character escape '{char}' (code {ord(char)})")

    def number(self) -> None:
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            self.at += 1
            if self.at >= len(self.text):
                self.fail("Unexpected end-of-input in a value")
            self.unexpected("expected digit (0-9) to follow minus sign, for valid numeric value")
        self.at = found.end()
        if self.text[self.at : self.at + 1].isdigit():
            self.fail("Invalid numeric value: Leading zeroes not allowed")
