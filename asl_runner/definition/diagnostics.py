"""Problems of a definition as values: code, place, what was found, what was expected, and a hint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from asl_runner import errors
from asl_runner.definition.codes import CODES, Severity
from asl_runner.definition.json_text import Path
from asl_runner.definition.source import Document, Position
from asl_runner.expressions.environment import Json

__all__ = ["Diagnostic", "InvalidDefinition", "Report", "did_you_mean", "location", "shown"]


class Diagnostic(Struct, frozen=True, kw_only=True):
    """One problem.

    `code` is stable (`docs/diagnostics.md`); `aws_code`, `message` and `location` are the service's where it reports
    the same problem. `path` leads to the value in the document; `position` is its place in the text.
    """

    code: str
    severity: Severity
    message: str
    path: Path = ()
    location: str | None = None
    aws_code: str = ""
    file: str = ""
    position: Position | None = None
    line: str = ""
    """The text of the line at `position`."""
    found: str = ""
    expected: str = ""
    note: str = ""
    """Why it is wrong, where the message does not say it."""
    hint: str = ""

    def __str__(self) -> str:
        place = f":{self.position.line}:{self.position.column}" if self.position else ""
        hint = f" ({self.hint})" if self.hint else ""
        where = f" at {self.location}" if self.location not in (None, "") else ""
        return f"{self.file}{place}: {self.severity} {self.code}: {self.message}{where}{hint}"


class InvalidDefinition(errors.InvalidDefinition):
    """A definition has errors; `diagnostics` has all of them, warnings included, in the order of the text."""

    def __init__(self, diagnostics: Sequence[Diagnostic], name: str = "") -> None:
        self.diagnostics = list(diagnostics)
        bad = [item for item in self.diagnostics if item.severity == "error"]
        count = "1 error" if len(bad) == 1 else f"{len(bad)} errors"
        head = f"{name or 'The definition'} has {count}:"
        super().__init__("\n".join([head, *(f"  {item}" for item in bad)]))


class _Found(Struct, frozen=True):
    diagnostic: Diagnostic
    key: bool
    offset: int
    at: int | None


class Report:
    """Collects the problems of one document; places are looked up only when `finish` is called with some."""

    def __init__(self) -> None:
        self._found: list[_Found] = []

    def add(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        at: Path | None = None,
        found: Json = ...,
        expected: str = "",
        note: str = "",
        hint: str = "",
        key: bool = False,
        offset: int = 0,
        text_offset: int | None = None,
    ) -> None:
        """Adds a problem of the value at `path`.

        `at` is the path the service names, where it is a shorter one. `key` points to the key instead of the value,
        `offset` into a string value, `text_offset` into the whole text.
        """
        kind = CODES[code]
        self._found.append(
            _Found(
                Diagnostic(
                    code=code,
                    severity=kind.severity,
                    aws_code=kind.aws,
                    message=message,
                    path=path,
                    location=location(path if at is None else at),
                    found="" if found is ... else shown(found),
                    expected=expected,
                    note=note,
                    hint=hint,
                ),
                key,
                offset,
                text_offset,
            )
        )

    @property
    def count(self) -> int:
        """How many problems there are so far."""
        return len(self._found)

    @property
    def has_errors(self) -> bool:
        """Whether any of them is an error."""
        return any(item.diagnostic.severity == "error" for item in self._found)

    def finish(self, document: Document) -> list[Diagnostic]:
        """All problems with their places, in the order of the text."""
        placed = [self._place(item, document) for item in self._found]
        if document.text:
            placed.sort(key=lambda item: item.position or Position(0, 0))
        return placed

    @staticmethod
    def _place(item: _Found, document: Document) -> Diagnostic:
        if item.at is not None:
            position: Position | None = document.at(item.at)
        else:
            position = document.position(item.diagnostic.path, key=item.key, offset=item.offset)
        line = document.line(position.line) if position else ""
        return replace(item.diagnostic, file=document.name, position=position, line=line)


def location(path: Path) -> str:
    """A path as the service writes it: `/States/A/Choices[0]/Next`; `/` is the whole document."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f"/{step}"
    return text or "/"


def shown(value: Json, limit: int = 60) -> str:
    """A value as short JSON text, for messages."""
    import msgspec

    text = msgspec.json.encode(value).decode()
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or an empty string."""
    from difflib import get_close_matches

    words = list(known)
    for word in words:
        if word.lower() == wrong.lower():
            return f'did you mean "{word}"? Names are case-sensitive'
    longer = [word for word in words if len(wrong) > 3 and word.startswith(wrong)]
    if len(longer) == 1:
        return f'did you mean "{longer[0]}"?'
    near = get_close_matches(wrong, words, n=1, cutoff=0.7)
    return f'did you mean "{near[0]}"?' if near else ""
