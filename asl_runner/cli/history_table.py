"""The history as lines of aligned columns, coloured on a terminal.

id    elapsed  duration  event               state  data
 1    +0.000s            ExecutionStarted           {"n":1}
 2    +0.001s            PassStateEntered    Add    {"n":1}
 3    +0.001s    0.000s  PassStateExited     Add    {"n":2}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from asl_runner.cli.format import shorten
from asl_runner.history.events import Event
from asl_runner.history.listing import Row, rows

PIPED_DATA = 120
"""Characters of data in a line that is not for a terminal."""

_MEASURED = 512
"""Rows looked at to choose the widths of the columns."""

_MIN_DATA = 24
_MAX_STATE = 32
_MAX_EVENT = 48
_HEADINGS = ("id", "elapsed", "duration", "event", "state", "data")
_COLORS = {"good": "green", "bad": "red", "cut": "yellow"}


def history_lines(
    events: Iterable[Event], start: float, *, width: int | None = None, color: bool = False
) -> Iterator[str]:
    """The lines, a heading first, without line ends; made as the events come.

    `start` is when the execution started, in seconds since the epoch; `width` that of the terminal in columns, None
    when the lines go elsewhere; `color` adds ANSI colours.
    """
    source = rows(events, start)
    first = [_cells(row) for row in islice(source, _MEASURED)]
    cells = chain(first, (_cells(row) for row in source))
    widths = _widths([texts for texts, _ in first])
    for texts, row in chain([(_HEADINGS, None)], cells):
        yield _line(texts, row, widths, width, color)


def _cells(row: Row) -> tuple[Sequence[str], Row]:
    duration = "" if row.duration is None else f"{row.duration:.3f}s"
    indented = " " * row.depth + row.type
    return (str(row.id), f"{row.elapsed:+.3f}s", duration, indented, row.state, row.data), row


def _widths(cells: Sequence[Sequence[str]]) -> list[int]:
    """Of all columns but the last."""
    widest = [max(len(texts[column]) for texts in [_HEADINGS, *cells]) for column in range(len(_HEADINGS) - 1)]
    return [*widest[:3], min(widest[3], _MAX_EVENT), min(widest[4], _MAX_STATE)]


def _line(texts: Sequence[str], row: Row | None, widths: Sequence[int], width: int | None, color: bool) -> str:
    id, elapsed, duration, event, state, data = texts
    left = f"{id:>{widths[0]}}  {elapsed:>{widths[1]}}  {duration:>{widths[2]}}"
    name = f"{event:<{widths[3]}}  {shorten(state, widths[4]):<{widths[4]}}"
    room = PIPED_DATA if width is None else max(_MIN_DATA, width - len(left) - len(name) - 4)
    data = shorten(data, room)
    if not color:
        return f"{left}  {name}  {data}".rstrip()
    from click import style

    if row is None:
        return style(f"{left}  {name}  {data}".rstrip(), bold=True)
    tone = _COLORS.get(row.tone)
    return (
        f"{style(left, dim=True)}  {style(name, fg=tone)}  {style(data, dim=True) if tone is None else data}".rstrip()
    )
