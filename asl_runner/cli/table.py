"""Tables of text with aligned columns, coloured where a person reads them; nothing imported for it."""

from __future__ import annotations

import os
import sys
from typing import TextIO, TypeAlias

import click

Cell: TypeAlias = str | tuple[str, str | None]
"""A text, or a text and its colour (a name `click.style` knows)."""

_COLOURS = {"SUCCEEDED": "green", "FAILED": "red", "TIMED_OUT": "red", "ABORTED": "yellow", "RUNNING": "cyan"}
_JOB_COLOURS = {
    "Completed": "green",
    "Failed": "red",
    "Stopped": "yellow",
    "Stopping": "yellow",
    "InProgress": "cyan",
}


def status_style(status: str) -> str | None:
    """The colour of a status of an execution, or of a SageMaker job."""
    return _COLOURS.get(status) or _JOB_COLOURS.get(status)


class Table:
    """Rows under headings. A heading that starts with `>` aligns its column to the right."""

    def __init__(self, *headings: str) -> None:
        self._right = [heading.startswith(">") for heading in headings]
        self._headings = [heading.lstrip(">") for heading in headings]
        self._rows: list[list[tuple[str, str | None]]] = []

    def row(self, *cells: Cell) -> None:
        """Adds a row of as many cells as there are headings."""
        self._rows.append([(cell, None) if isinstance(cell, str) else cell for cell in cells])

    def text(self) -> str:
        """The whole table, without a line end after the last row."""
        head: list[tuple[str, str | None]] = [(heading, "bright_black") for heading in self._headings]
        rows = [head, *self._rows]
        widths = [max(len(row[column][0]) for row in rows) for column in range(len(self._headings))]
        return "\n".join(self._line(row, widths) for row in rows)

    def _line(self, row: list[tuple[str, str | None]], widths: list[int]) -> str:
        cells = []
        for (text, colour), width, right in zip(row, widths, self._right, strict=True):
            padded = text.rjust(width) if right else text.ljust(width)
            cells.append(paint(padded, colour))
        return "  ".join(cells).rstrip()


def paint(text: str, colour: str | None) -> str:
    """The text in a colour, where stdout shows colours."""
    return text if colour is None or not shows_colours(sys.stdout) else click.style(text, fg=colour)


def heading(text: str) -> str:
    """The text in bold, where stdout shows colours."""
    return click.style(text, bold=True) if shows_colours(sys.stdout) else text


def shows_colours(stream: TextIO) -> bool:
    """Whether a stream is a terminal that is to have colours: NO_COLOR is not set, and TERM is not `dumb`."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
