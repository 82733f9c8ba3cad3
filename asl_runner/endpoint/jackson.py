"""What the service says of a text that is not JSON: its first problem, in the words of the parser it uses, Jackson.

The messages are those of `ReaderBasedJsonParser` in jackson-core 2.10 to 2.12, whose wording the recorded answers have
(reference sections 22 and 23).
"""

from __future__ import annotations

import re
from typing import NoReturn

from msgspec import Struct

_SNIPPET = 500
"""Characters of the text that a location shows."""

_LONGEST_TOKEN = 256
"""Characters of an unknown word that a message shows."""

_TOKENS = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_BLANK = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_WORD = re.compile(r"[\w$]*")
_DIGITS = re.compile(r"[0-9]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_WORDS = {"t": "true", "f": "false", "n": "null"}
_NOT_NUMBERS = {"N": "NaN", "I": "Infinity"}


class JsonProblem(Struct, frozen=True):
    """Why a text is not JSON, and where."""

    reason: str
    location: str
    """`[Source: (String)"TEXT"; line: 1, column: 4]`: where the parser stood, past the character that it refused."""

    @property
    def message(self) -> str:
        """The message of the parser's exception."""
        return f"{self.reason}\n at {self.location}"


def json_problem(text: str) -> JsonProblem | None:
    """The first problem of a text as JSON, None if it is JSON."""
    reader = _Reader(text)
    try:
        reader.document()
    except _Wrong as wrong:
        return JsonProblem(wrong.reason, _location(text, wrong.at))
    return None


def _location(text: str, at: int) -> str:
    ends = list(_LINE_END.finditer(text, 0, at))
    column = at - ends[-1].end() + 1 if ends else at + 1
    more = f"[truncated {len(text) - _SNIPPET} chars]" if len(text) > _SNIPPET else ""
    return f'[Source: (String)"{text[:_SNIPPET]}"{more}; line: {len(ends) + 1}, column: {column}]'


def _described(character: str) -> str:
    code = ord(character)
    if code < 32:
        return f"(CTRL-CHAR, code {code})"
    return f"'{character}' (code {code} / 0x{code:x})" if code > 255 else f"'{character}' (code {code})"


class _Wrong(Exception):
    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


class _Reader:
    """Reads a text up to its first mistake, without recursion; `at` is the offset of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.open: list[tuple[str, int]] = []
        """The containers around `at`: `Object` or `Array`, and where it starts."""

    def document(self) -> None:
        """One value and nothing after it."""
        fresh, done = True, False
        while True:
            character = self.next()
            if not character:
                if done and not self.open:
                    return
                self.end_of_text()
            if character in "}]":
                self.close(character)
                fresh, done = False, not self.open
                continue
            if self.open and not fresh:
                self.comma(character)
            elif done:
                raise _Wrong("Trailing token found after value (bound as JsonNode): not allowed", self.at + 1)
            if self.kind == "Object":
                self.name()
            fresh = self.value()
            done = not self.open

    @property
    def kind(self) -> str:
        return self.open[-1][0] if self.open else "root"

    def next(self) -> str:
        """The next character that is not blank, an empty string at the end."""
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def within(self) -> str:
        """The same, where the text must go on."""
        character = self.next()
        if not character:
            raise _Wrong(f"Unexpected end-of-input within/between {self.kind} entries", self.at)
        return character

    def refuse(self, expected: str) -> NoReturn:
        """The next character is not what was expected."""
        raise _Wrong(f"Unexpected character ({_described(self.text[self.at])}): {expected}", self.at + 1)

    def end_of_text(self) -> NoReturn:
        if not self.open:
            raise _Wrong("No content to map due to end-of-input", 0)
        kind, start = self.open[-1]
        marker = _location(self.text, start)
        raise _Wrong(f"Unexpected end-of-input: expected close marker for {kind} (start marker at {marker})", self.at)

    def close(self, character: str) -> None:
        kind, start = self.open[-1] if self.open else ("root", -1)
        if (kind, character) not in (("Object", "}"), ("Array", "]")):
            other = "]" if character == "}" else "}"
            marker = _location(self.text, start)
            raise _Wrong(
                f"Unexpected close marker '{character}': expected '{other}' (for {kind} starting at {marker})",
                self.at + 1,
            )
        self.open.pop()
        self.at += 1

    def comma(self, character: str) -> None:
        if character != ",":
            self.refuse(f"was expecting comma to separate {self.kind} entries")
        self.at += 1
        self.within()

    def name(self) -> None:
        if self.text[self.at] != '"':
            self.refuse("was expecting double-quote to start field name")
        self.string(" in field name", "name")
        if self.within() != ":":
            self.refuse("was expecting a colon to separate field name and value")
        self.at += 1
        self.within()

    def value(self) -> bool:
        """Reads a value; of a container only its beginning, and then says True."""
        character = self.text[self.at]
        if character in "{[":
            self.open.append(("Object" if character == "{" else "Array", self.at))
            self.at += 1
            return True
        if character == '"':
            self.string(": was expecting closing quote for a string value", "string value")
        elif character in "-0123456789":
            self.number()
        elif character in _WORDS:
            self.word(_WORDS[character])
        else:
            self.odd(character)
        return False

    def string(self, unfinished: str, what: str) -> None:
        self.at += 1
        while True:
            match = _PLAIN.match(self.text, self.at)
            self.at = match.end() if match else self.at
            character = self.text[self.at : self.at + 1]
            if not character:
                raise _Wrong(f"Unexpected end-of-input{unfinished}", self.at)
            self.at += 1
            if character == '"':
                return
            if character == "\\":
                self.escape()
            else:
                shown = _described(character)
                reason = (
                    f"Illegal unquoted character ({shown}): has to be escaped using backslash to be included in {what}"
                )
                raise _Wrong(reason, self.at)

    def escape(self) -> None:
        character = self.text[self.at : self.at + 1]
        digits = 4 if character == "u" else 0
        if character and character not in '"\\/bfnrtu':
            raise _Wrong(f"Unrecognized character escape {_described(character)}", self.at + 1)
        self.at += 1
        for _ in range(digits):
            digit = self.text[self.at : self.at + 1]
            if digit and digit not in "0123456789abcdefABCDEF":
                self.refuse("expected a hex-digit for character escape sequence")
            self.at += len(digit)
        if self.at >= len(self.text):
            raise _Wrong("Unexpected end-of-input in character escape sequence", len(self.text))

    def number(self) -> None:
        if self.text[self.at] == "-":
            self.at += 1
            self.digits("expected digit (0-9) to follow minus sign, for valid numeric value", leading=True)
        else:
            self.digits("", leading=True)
        if self.text.startswith(".", self.at):
            self.at += 1
            self.digits("Decimal point not followed by a digit")
        if self.text[self.at : self.at + 1] in ("e", "E"):
            self.at += 2 if self.text[self.at + 1 : self.at + 2] in ("+", "-") else 1
            self.digits("Exponent indicator not followed by a digit")
        if not self.open and self.at < len(self.text) and self.text[self.at] not in " \t\r\n":
            self.refuse("Expected space separating root-level values")

    def digits(self, missing: str, *, leading: bool = False) -> None:
        match = _DIGITS.match(self.text, self.at)
        found = match[0] if match else ""
        if not found:
            if self.at >= len(self.text):
                raise _Wrong("Unexpected end-of-input in a Number value", self.at)
            shown = _described(self.text[self.at])
            raise _Wrong(f"Unexpected character ({shown}) in numeric value: {missing}", self.at + 1)
        if leading and found[0] == "0" and len(found) > 1:
            raise _Wrong("Invalid numeric value: Leading zeroes not allowed", self.at + 1)
        self.at += len(found)

    def word(self, expected: str) -> None:
        match = _WORD.match(self.text, self.at)
        found = match[0] if match else ""
        self.at += len(found)
        if found != expected:
            shown = found if len(found) <= _LONGEST_TOKEN else f"{found[:_LONGEST_TOKEN]}..."
            raise _Wrong(f"Unrecognized token '{shown}': was expecting {_TOKENS}", self.at)

    def odd(self, character: str) -> NoReturn:
        if character == "}":
            self.refuse("expected a value")
        name = _NOT_NUMBERS.get(character)
        if name is not None and self.text.startswith(name, self.at):
            allow = "enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow"
            raise _Wrong(f"Non-standard token '{name}': {allow}", self.at + len(name))
        if character.isalpha() or character in "_$":
            self.word("")
        self.refuse(f"expected a valid value {_TOKENS}")
