"""Numbers as small curves of characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asl_runner.sagemaker.metrics import evenly

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.-=+*#@"
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bits of Braille's dots: by column, then by row from the top."""


_BLANK = " \u2800"


def sparkline(values: Sequence[float], width: int, *, unicode: bool = True) -> str:
    """One line of at most `width` characters, a character per value or per several; "" for fewer than two values."""
    if len(values) < 2:
        return ""
    bars = _BARS if unicode else _ASCII_BARS
    shown = evenly(values, width)
    low, high = min(shown), max(shown)
    if low == high:
        return bars[0] * len(shown)
    return "".join(bars[round((value - low) / (high - low) * (len(bars) - 1))] for value in shown)


def curve(values: Sequence[float], width: int, height: int, *, unicode: bool = True) -> list[str]:
    """A curve of at least two values: `height` lines of at most `width` columns, with the scale to the left."""
    across, down = (2, 4) if unicode else (1, 1)
    low, high = min(values), max(values)
    labels = [f"{high:.5g}", *[""] * (height - 2), f"{low:.5g}"]
    margin = max(map(len, labels))
    room = max(2, width - margin - 2)
    points = evenly(values, room * across) if len(values) > room * across else _stretched(values, room * across)
    rows = [_row(value, low, high, height * down) for value in points]
    cells = [[0] * math.ceil(len(rows) / across) for _ in range(height)]
    for column, row in enumerate(rows):
        # Down from the value before, so that a steep curve has no holes.
        before = rows[column - 1] if column else row
        for dot in range(min(row, before + (before < row)), max(row, before - (before > row)) + 1):
            cells[dot // down][column // across] |= _DOTS[column % across][dot % down] if unicode else 1
    axis = "┤" if unicode else "|"
    lines = ["".join((chr(0x2800 + bits) if unicode else " *"[bits]) for bits in line) for line in cells]
    return [f"{label:>{margin}} {axis}{line}".rstrip(_BLANK) for label, line in zip(labels, lines, strict=True)]


def _stretched(values: Sequence[float], count: int) -> list[float]:
    """`count` values on the straight lines between those given."""
    found = []
    for place in range(count):
        at = place * (len(values) - 1) / (count - 1)
        left = min(int(at), len(values) - 2)
        found.append(values[left] + (values[left + 1] - values[left]) * (at - left))
    return found


def _row(value: float, low: float, high: float, rows: int) -> int:
    """The row of a value, from the top."""
    return rows - 1 if high == low else round((high - value) / (high - low) * (rows - 1))
