"""The items of a JSON document, one after the other: only what has not been taken yet is kept.

The text is read in growing pieces, and each item is decoded by Python's own decoder once it is there as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TextIO, TypeAlias

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import ITEM_READER_FAILED, Failure

LARGEST_ITEM = 8 << 20
"""Characters of one item at most. Source: reference section 11 (8 MB)."""

Item: TypeAlias = "tuple[str | None, Json, int]"
"""The key of a member (None for an element of an array), its value, and about how many characters it took."""

_PIECE = 1 << 16
_UNSURE = 16
"""Characters at the end of what was read in which a token may have been cut off."""

_SPACE = " \t\n\r"


def json_items(stream: TextIO, pointer: str = "") -> Iterator[Item]:
    """The elements or members of the array or object that a JSON Pointer (RFC 6901) points at.

    Raises `Failure` `States.ItemReaderFailed`: for a text that is not JSON, a pointer to nothing, and a value that
    cannot be iterated (recorded).
    """
    text = _Text(stream)
    try:
        for step in pointer.split("/")[1:]:
            _descend(text, step.replace("~1", "/").replace("~0", "~"), pointer)
        opening = text.peek()
        if opening == "[":
            return ((None, value, size) for value, size in text.elements())
        if opening == "{":
            return text.members()
    except RecursionError as problem:
        raise text.invalid("it is nested too deeply") from problem
    raise Failure(ITEM_READER_FAILED, "Attempting to map over non-iterable node.")


def parsed(text: str) -> Json:
    """The value of a JSON text. Raises `Failure` `States.ItemReaderFailed`."""
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError) as problem:
        raise _invalid(str(problem)) from problem


def _descend(text: _Text, name: str, pointer: str) -> None:
    """Goes on to the member or element of this name."""
    if text.peek() == "{":
        for key in text.names():
            if key == name:
                return
            text.skip()
    elif text.peek() == "[" and name.isascii() and name.isdigit():
        for index in text.places():
            if index == int(name):
                return
            text.skip()
    raise Failure(ITEM_READER_FAILED, f"The ItemsPointer {pointer} does not point to anything in the dataset.")


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is no JSON value")


_decoder = json.JSONDecoder(parse_constant=_refuse)


def _invalid(reason: str) -> Failure:
    return Failure(ITEM_READER_FAILED, f"The dataset is not valid JSON: {reason}")


class _Text:
    """A JSON text that is read as far as it is needed, and forgotten up to where it has been taken."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._buffer = ""
        self._at = 0
        self._dropped = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that is no space, "" at the end."""
        while True:
            buffer, at = self._buffer, self._at
            while at < len(buffer) and buffer[at] in _SPACE:
                at += 1
            self._at = at
            if at < len(buffer):
                return buffer[at]
            if self._ended:
                return ""
            self._more()

    def take(self, expected: str) -> str:
        """Takes the next character, which must be one of these."""
        found = self.peek()
        if not found or found not in expected:
            raise self.invalid(f"expected {' or '.join(map(repr, expected))}")
        self._at += 1
        return found

    def value(self) -> tuple[Json, int]:
        """The next value as a whole, and how many characters it took."""
        self.peek()
        while True:
            try:
                value, end = _decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as problem:
                if self._ended or self._is_certain(problem):
                    raise self.invalid(problem.msg) from problem
            except (ValueError, RecursionError) as problem:
                raise self.invalid(str(problem)) from problem
            else:
                # A number may go on after what has been read.
                if self._ended or (end < len(self._buffer) and self._buffer[end] not in ".eE"):
                    size = end - self._at
                    self._at = end
                    return value, size
            self._more()

    def elements(self) -> Iterator[tuple[Json, int]]:
        """The elements of the array that comes next."""
        return (self.value() for _ in self.places())

    def members(self) -> Iterator[Item]:
        """The members of the object that comes next."""
        return ((name, *self.value()) for name in self.names())

    def places(self) -> Iterator[int]:
        """The index of each element of the array that comes next; the element is to be taken before the next index."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        index = 0
        yield index
        while self.take(",]") == ",":
            index += 1
            yield index

    def names(self) -> Iterator[str]:
        """The name of each member of the object that comes next; its value is to be taken before the next name."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            if self.peek() != '"':
                raise self.invalid("expected a name in quotes")
            name, _ = self.value()
            self.take(":")
            yield name
            if self.take(",}") == "}":
                return

    def skip(self) -> None:
        """Takes the next value without keeping more of it than a scalar."""
        opening = self.peek()
        if opening == "{":
            for _ in self.names():
                self.skip()
        elif opening == "[":
            for _ in self.places():
                self.skip()
        else:
            self.value()

    def invalid(self, reason: str) -> Failure:
        """The failure that says what is wrong here."""
        return _invalid(f"{reason} (at character {self._dropped + self._at})")

    def _is_certain(self, problem: json.JSONDecodeError) -> bool:
        """Whether more text would not help; a string without an end is reported where it begins."""
        return problem.pos < len(self._buffer) - _UNSURE and not problem.msg.startswith("Unterminated string")

    def _more(self) -> None:
        left = self._buffer[self._at :]
        if len(left) > LARGEST_ITEM:
            raise Failure(ITEM_READER_FAILED, "The dataset has an item that exceeds the maximum size of 8 MB.")
        read = self._stream.read(max(_PIECE, len(left)))
        self._dropped += self._at
        self._buffer, self._at = left + read, 0
        self._ended = not read
