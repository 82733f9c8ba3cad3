"""The syntax of JSONPath as Step Functions reads it: text in, a validated list of steps out.

The dialect is Jayway's json-path without functions, script expressions and regular expressions; `$$` is the context
object and `$name` a workflow variable (ASL spec, Paths; reference: expressions, section B).
"""

from __future__ import annotations

import re

from asl_runner.expressions.environment import ExpressionSyntaxError
from asl_runner.expressions.jsonpath_filter import parse_filter, quoted_for_query
from asl_runner.expressions.jsonpath_steps import (
    Descend,
    Filter,
    Index,
    Indices,
    Name,
    Names,
    ParsedPath,
    Root,
    Slice,
    Step,
    Wildcard,
)
from asl_runner.expressions.patterns import LazyPattern

_IDENTIFIER = LazyPattern(r"[^\W\d]\w*")
_INTEGER = LazyPattern(r"-?(?:0|[1-9]\d{0,9})(?!\d)", re.ASCII)
_BLANKS = LazyPattern(r"[ \t\r\n]*")
# A dotted name ends at any of these; a backslash takes the next character literally.
_DOTTED = LazyPattern(r"""(?:\\.|[^\\\s.\[\](){}'",*|<>`])+""", re.DOTALL)
_ESCAPE = LazyPattern(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_QUOTED = {quote: LazyPattern(rf"{quote}((?:\\.|[^{quote}\\])*){quote}", re.DOTALL) for quote in "'\""}


def parse_path(text: str) -> ParsedPath:
    """Parse a whole path.

    Raises `ExpressionSyntaxError` at the first character that cannot belong to a path.
    """
    parsed, end = parse_path_at(text, 0)
    if end < len(text):
        raise _unexpected(text, end)
    return parsed


def parse_path_at(text: str, start: int) -> tuple[ParsedPath, int]:
    """Parse the path that begins at `start` (a `$`); also gives where it ends."""
    if not text.startswith("$", start):
        raise ExpressionSyntaxError(f"A path starts with '$', '$$' or a variable like '$name': {text!r}", text, start)
    reader = _Reader(text, start + 1)
    root, variable = reader.root()
    steps: list[Step] = []
    while reader.more():
        steps.extend(reader.steps())
    parsed = ParsedPath(text[start : reader.at], root, variable, tuple(steps), reader.operators)
    return parsed, reader.at


class _Reader:
    """A cursor over the text of one path."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.operators = False

    def root(self) -> tuple[Root, str | None]:
        if self.text.startswith("$", self.at):
            self.at += 1
            return "context", None
        match = _IDENTIFIER.match(self.text, self.at)
        if match is None:
            return "input", None
        self.at = match.end()
        return "variable", match.group()

    def more(self) -> bool:
        return self.text[self.at : self.at + 1] in (".", "[") and self.at < len(self.text)

    def steps(self) -> list[Step]:
        """The next step; `..` gives two."""
        text = self.text
        if text.startswith("..", self.at):
            self.at += 2
            return [Descend(), self.bracket() if text.startswith("[", self.at) else self.dotted()]
        if text.startswith(".", self.at):
            self.at += 1
        # Jayway allows a dot before a bracket: `$.items.[0]`.
        return [self.bracket() if text.startswith("[", self.at) else self.dotted()]

    def dotted(self) -> Step:
        if self.text.startswith("*", self.at):
            self.at += 1
            return Wildcard()
        match = _DOTTED.match(self.text, self.at)
        if match is None:
            if self.at == len(self.text):
                raise ExpressionSyntaxError("A path must not end with '.'", self.text, self.at - 1)
            raise _unexpected(self.text, self.at)
        if self.text.startswith("(", match.end()):
            raise ExpressionSyntaxError(
                f"Functions such as '{match.group()}()' are not available in paths; use an intrinsic function "
                "like States.ArrayLength instead",
                self.text,
                match.start(),
            )
        self.at = match.end()
        raw = match.group()
        if "\\" not in raw:
            self.operators = self.operators or any(mark in raw for mark in "@:?")
            return Name(raw)
        self.operators = self.operators or any(mark in _ESCAPE.sub("", raw) for mark in "@:?")
        return Name(_unescape_dotted(raw))

    def bracket(self) -> Step:
        opened = self.at
        self.at += 1
        self.blanks()
        char = self.text[self.at : self.at + 1]
        if char == "?":
            return self.filter()
        if char == "*":
            self.at += 1
            step: Step = Wildcard()
        elif char in ("'", '"') and char:
            step = self.names()
        else:
            step = self.indices(opened)
        self.close(opened)
        return step

    def names(self) -> Step:
        names = [self.quoted()]
        while self.separator(","):
            names.append(self.quoted())
        return Name(names[0]) if len(names) == 1 else Names(tuple(names))

    def quoted(self) -> str:
        quote = self.text[self.at : self.at + 1]
        match = _QUOTED[quote].match(self.text, self.at) if quote in _QUOTED else None
        if match is None:
            raise ExpressionSyntaxError(
                "Expected a name in quotes, as in ['name'], with its closing quote", self.text, self.at
            )
        self.at = match.end()
        return unescape_quoted(match.group(1), quote)

    def indices(self, opened: int) -> Step:
        first = self.integer()
        if self.separator(":"):
            stop = self.integer()
            if self.text.startswith(":", self.at):
                raise ExpressionSyntaxError("A slice has no step: write [start:stop]", self.text, self.at)
            return Slice(first, stop)
        if first is None:
            raise ExpressionSyntaxError(
                "Expected an index, a slice, '*', a filter '?(…)' or a name in quotes between '[' and ']'",
                self.text,
                min(self.at, len(self.text)) if self.at < len(self.text) else opened,
            )
        indices = [first]
        while self.separator(","):
            index = self.integer()
            if index is None:
                raise ExpressionSyntaxError("Expected an index after ','", self.text, self.at)
            indices.append(index)
        return Index(first) if len(indices) == 1 else Indices(tuple(indices))

    def integer(self) -> int | None:
        match = _INTEGER.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        self.blanks()
        return int(match.group())

    def filter(self) -> Step:
        opened = self.at
        if not self.text.startswith("?(", opened):
            raise ExpressionSyntaxError("A filter is written [?(…)], with parentheses", self.text, opened)
        condition, end = parse_filter(self.text, opened + 2, _filter_operand)
        self.at = end + 1
        self.close(opened)
        return Filter(condition)

    def separator(self, mark: str) -> bool:
        self.blanks()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += 1
        self.blanks()
        return True

    def close(self, opened: int) -> None:
        self.blanks()
        if not self.text.startswith("]", self.at):
            if self.at >= len(self.text):
                raise ExpressionSyntaxError("'[' is never closed", self.text, opened)
            raise _unexpected(self.text, self.at)
        self.at += 1

    def blanks(self) -> None:
        match = _BLANKS.match(self.text, self.at)
        self.at = match.end() if match else self.at


def unescape_quoted(raw: str, quote: str) -> str:
    """The name inside quotes: only the quote itself and the backslash can be escaped (recorded on AWS)."""
    if "\\" not in raw:
        return raw
    return re.sub(rf"\\([{quote}\\])", r"\1", raw)


def _unescape_dotted(raw: str) -> str:
    def replace(match: re.Match[str]) -> str:
        return chr(int(match.group(1), 16)) if match.group(1) else match.group(2)

    # Two \u escapes may be the halves of one character.
    return _ESCAPE.sub(replace, raw).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _filter_operand(text: str, start: int) -> tuple[str, int]:
    """Read `@.a[0]` or `$.a` inside a filter; gives it with every name in brackets, as jsonpath-ng takes any name."""
    reader = _Reader(text, start + 1)
    parts = [text[start]]
    while reader.more():
        for step in reader.steps():
            parts.append(_query_step(step, text, start))
    if reader.at < len(text) and (text[reader.at] == "$" or text[reader.at].isidentifier()):
        raise ExpressionSyntaxError("A filter reads @ (the element) and $ (the input), not variables", text, start)
    return "".join(parts), reader.at


def _query_step(step: Step, text: str, start: int) -> str:
    if isinstance(step, Name):
        return f"[{quoted_for_query(step.name)}]"
    if isinstance(step, Index):
        return f"[{step.position}]"
    if isinstance(step, Wildcard):
        return "[*]"
    raise ExpressionSyntaxError("A path inside a filter has only names, indices and '*'", text, start)


def _unexpected(text: str, at: int) -> ExpressionSyntaxError:
    char = text[at]
    if char.isspace():
        return ExpressionSyntaxError(
            "A path must not contain blanks outside quotes: write a name with blanks as ['my name']", text, at
        )
    return ExpressionSyntaxError(
        f"Unexpected {char!r} in the path: a name with special characters is written ['my name']", text, at
    )
