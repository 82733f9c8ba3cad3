"""A drawing for terminals: boxes and lines of characters, by the same layout in units of characters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

from asl_runner.graph.drawing import Edge, Mark, Metrics, Node, draw
from asl_runner.graph.edges import END, START

Paint: TypeAlias = Callable[[str, str], str]
"""Colours a text by a status."""

LONGEST = 40
"""Characters of a state's name that are drawn."""

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_LINES = " ╵╷│╴┘┐┤╶└┌├─┴┬┼"
"""The line that goes up, down, left and right, by the sum of those numbers."""
_DASHED = {"│": "┆", "─": "┄"}
_SIGNS = {"SUCCEEDED": "✓", "CAUGHT": "↷", "FAILED": "✗", "RUNNING": "●", "ABORTED": "–"}


def _size(name: str, type: str) -> tuple[float, float]:
    width = min(len(_shown(name)), LONGEST) + 6
    return width + 1 - width % 2, 3


CHARACTERS = Metrics(size=_size, point=(1, 1), gap=3, rank_gap=3, pass_width=1, padding=1, title=2, port=2)


def text(document: Any, marks: Mapping[str, Mark] | None = None, *, paint: Paint | None = None) -> str:
    """The picture in lines without trailing blanks. `paint` colours what is drawn of a state that was visited."""
    drawing = draw(document, CHARACTERS)
    canvas = _Canvas(int(drawing.width) + 4, int(drawing.height) + 2)
    for node in drawing.nodes():
        canvas.node(node, (marks or {}).get(node.name))
    for edge in drawing.edges():
        canvas.edge(edge)
    return canvas.text(paint)


def _shown(name: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in name)


def _cell(place: float) -> int:
    return math.floor(place + 0.5)


class _Canvas:
    """Characters, the lines between them, and whose status each place shows."""

    def __init__(self, width: int, height: int) -> None:
        self._cells = [[" "] * width for _ in range(height)]
        self._lines: dict[tuple[int, int], int] = {}
        self._dashed: set[tuple[int, int]] = set()
        self._status: dict[tuple[int, int], str] = {}

    def node(self, node: Node, mark: Mark | None) -> None:
        x, y, width, height = _cell(node.x), _cell(node.y), int(node.width), int(node.height)
        if node.name in (START, END):
            self._put(x, y, "○" if node.name == START else "◉", None)
            return
        for column in range(x, x + width):
            for row in (y, y + height - 1):
                self._put(column, row, "─", mark)
        for row in range(y, y + height):
            for column in (x, x + width - 1):
                self._put(column, row, "│", mark)
        right, bottom = x + width - 1, y + height - 1
        for column, row, corner in ((x, y, "╭"), (right, y, "╮"), (x, bottom, "╰"), (right, bottom, "╯")):
            self._put(column, row, corner, mark)
        name = _shown(node.name)
        name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        sign = _SIGNS.get(mark.status, " ") if mark else " "
        said = f"{sign} {name}"
        if mark and mark.note and node.boxes and len(said) + len(mark.note) + 6 <= width:
            said += f"  {mark.note}"
        for index, char in enumerate(said[: width - 3]):
            self._put(x + 2 + index, y + 1, char, mark)

    def edge(self, edge: Edge) -> None:
        points = [(_cell(x - 0.5), _cell(y)) for x, y in edge.points]
        dashed = edge.kind == "catch"
        if edge.source == edge.target:
            x, y = points[0]
            self._put(x, y, "↺", None)
            return
        upwards = points[-1][1] < points[0][1]
        for (x1, y1), (x2, y2) in pairwise(points):
            if x1 == x2:
                self._vertical(x1, y1, y2, dashed)
                continue
            step = 1 if y2 > y1 else -1
            turn = y1 + (1 if step > 0 else -2)
            self._vertical(x1, y1, turn, dashed)
            self._horizontal(x1, x2, turn, dashed)
            self._vertical(x2, turn, y2, dashed)
        x, y = points[-1]
        self._put(x, y if upwards else y - 1, "▲" if upwards else "▼", None)

    def _vertical(self, x: int, y1: int, y2: int, dashed: bool) -> None:
        low, high = min(y1, y2), max(y1, y2)
        for y in range(low, high + 1):
            self._line(x, y, (_UP if y > low else 0) | (_DOWN if y < high else 0), dashed)

    def _horizontal(self, x1: int, x2: int, y: int, dashed: bool) -> None:
        low, high = min(x1, x2), max(x1, x2)
        for x in range(low, high + 1):
            self._line(x, y, (_LEFT if x > low else 0) | (_RIGHT if x < high else 0), dashed)

    def _line(self, x: int, y: int, directions: int, dashed: bool) -> None:
        if 0 <= y < len(self._cells) and 0 <= x < len(self._cells[0]):
            place = (x, y)
            if dashed and place not in self._lines:
                self._dashed.add(place)
            elif not dashed:
                self._dashed.discard(place)
            self._lines[place] = self._lines.get(place, 0) | directions

    def _put(self, x: int, y: int, char: str, mark: Mark | None) -> None:
        if 0 <= y < len(self._cells) and 0 <= x < len(self._cells[0]):
            self._cells[y][x] = char
            if mark is not None:
                self._status[x, y] = mark.status

    def text(self, paint: Paint | None) -> str:
        for (x, y), directions in self._lines.items():
            if self._cells[y][x] == " ":
                line = _LINES[directions]
                self._cells[y][x] = _DASHED.get(line, line) if (x, y) in self._dashed else line
        if paint is None:
            lines = ["".join(row).rstrip() for row in self._cells]
        else:
            lines = [self._painted(y, paint) for y in range(len(self._cells))]
        return "\n".join(lines).strip("\n") + "\n"

    def _painted(self, y: int, paint: Paint) -> str:
        row = "".join(self._cells[y]).rstrip()
        pieces: list[tuple[str, str]] = []
        for x, char in enumerate(row):
            status = self._status.get((x, y), "")
            if pieces and pieces[-1][0] == status:
                pieces[-1] = (status, pieces[-1][1] + char)
            else:
                pieces.append((status, char))
        return "".join(paint(piece, status) if status else piece for status, piece in pieces)
