"""A drawing as SVG: text to search, copy and read aloud, one element per state with its name in `data-state`.

Names, conditions and notes are whatever a definition says; all are escaped here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from asl_runner.graph.drawing import LONGEST_NAME, Drawing, Edge, Mark, Node
from asl_runner.graph.edges import END, LONGEST_LABEL, START

MARGIN = 16

LABEL_AT = (0.36, 0.74)
"""How far along its arrow a label is: those of arrows that leave a state side by side are not beside each other."""

_ICONS = {
    "Task": "M9 1 3 9h4l-1 6 6-8H8z",
    "Choice": "M8 1.5 14.5 8 8 14.5 1.5 8z",
    "Wait": "M8 1.5a6.5 6.5 0 1 0 .01 0zM8 4.5V8l2.5 2",
    "Pass": "M2 8h11M9 4l4 4-4 4",
    "Succeed": "M8 1.5a6.5 6.5 0 1 0 .01 0zM5 8l2.2 2.2L11 6",
    "Fail": "M8 1.5a6.5 6.5 0 1 0 .01 0zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4",
    "Parallel": "M5 2v12M11 2v12M5 5h6M5 11h6",
    "Map": "M5 2h9v9H5zM2 5v9h9",
}
_SIGNS = {
    "SUCCEEDED": "M3 8.5 6.5 12 13 4.5",
    "CAUGHT": "M13 6a5.5 5.5 0 1 0 .3 4M13.5 2.5V6H10",
    "FAILED": "M4 4l8 8M12 4l-8 8",
    "ABORTED": "M3.5 8h9",
    "RUNNING": "M5 3.5 12 8l-7 4.5z",
}
"""A sign for each status: colours alone do not tell."""

_LIGHT = {
    "line": "#8a94a3", "ink": "#1b2430", "soft": "#5b6675", "paper": "#ffffff", "inside": "#f6f8fa", "ok": "#187a3d",
    "ok-soft": "#e8f6ec", "bad": "#c0272d", "bad-soft": "#fdebec", "warn": "#8a5300", "warn-soft": "#fff3dc",
    "run": "#0b62c4", "run-soft": "#e5f0fd", "cut": "#5b6675", "cut-soft": "#eef0f3",
}  # fmt: skip
_DARK = {
    "line": "#6c7786", "ink": "#e6ebf2", "soft": "#a3aebb", "paper": "#1c232d", "inside": "#151b23", "ok": "#5ccb86",
    "ok-soft": "#12301f", "bad": "#ff8b8b", "bad-soft": "#3d1a1d", "warn": "#f0b352", "warn-soft": "#382a10",
    "run": "#7db7ff", "run-soft": "#12294a", "cut": "#a3aebb", "cut-soft": "#262e39",
}  # fmt: skip
_TONES = {"SUCCEEDED": "ok", "CAUGHT": "warn", "FAILED": "bad", "RUNNING": "run", "ABORTED": "cut"}

_RULES = """
.graph{font:13px system-ui,"Segoe UI","Helvetica Neue",Arial,"Liberation Sans","DejaVu Sans",sans-serif}
.graph text{fill:@ink}
.graph .note{fill:@soft;font-size:11px}
.graph .shape{fill:@paper;stroke:@line}
.graph .box>.shape{fill:@inside}
.graph .branch{fill:none;stroke:@line;stroke-dasharray:3 4}
.graph .icon{fill:none;stroke:@soft;stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round}
.graph .sign{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.graph .edge{fill:none;stroke:@line;stroke-width:1.4}
.graph .catch{stroke-dasharray:5 4;stroke:@warn}
.graph .head{fill:@line}
.graph .head-catch{fill:@warn}
.graph .label{fill:@soft;font-size:11px;paint-order:stroke;stroke:@paper;stroke-width:4px}
.graph .end{fill:@line}
.graph .start{fill:@paper;stroke:@line;stroke-width:3}
"""
_STATUS_RULES = """
.graph .NAME>.shape{stroke:@TONE;stroke-width:2;fill:@TONE-soft}
.graph .NAME.box>.shape{fill:@inside}
.graph .NAME>.icon,.graph .NAME>.sign{stroke:@TONE}
"""

Theme: TypeAlias = Literal["page", "both", "light"]
"""Whose colours: the page's own, light or dark as the reader's system wishes, or light whatever it wishes."""


def colours() -> str:
    """The style sheet's variables, light and dark."""
    light, dark = ("".join(f"--{name}:{value};" for name, value in them.items()) for them in (_LIGHT, _DARK))
    return f":root{{color-scheme:light dark;{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def rules(theme: Theme = "page") -> str:
    """The style sheet of a drawing."""
    statuses = (_STATUS_RULES.replace("NAME", name).replace("TONE", tone) for name, tone in _TONES.items())
    text = _RULES + "".join(statuses)
    if theme == "light":
        return re.sub(r"@([a-z-]+)", lambda found: _LIGHT[found[1]], text)
    text = re.sub(r"@([a-z-]+)", r"var(--\1)", text)
    return colours() + text if theme == "both" else text


def svg(drawing: Drawing, marks: Mapping[str, Mark] | None = None, *, title: str = "", theme: Theme = "page") -> str:
    """The picture. `marks` say what became of the states, by name; a `page` brings `rules` and `colours`."""
    width, height = drawing.width + 2 * MARGIN, drawing.height + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" viewBox="{-MARGIN} {-MARGIN} {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="group" aria-label={quoteattr(_clean(title or "State machine"))}>',
        "" if theme == "page" else f"<style>{rules(theme)}</style>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="head" d="M0 0 8 4 0 8z"/></marker><marker id="arrow-catch" viewBox="0 0 8 8" refX="7" refY="4" '
        'markerWidth="7" markerHeight="7" orient="auto"><path class="head-catch" d="M0 0 8 4 0 8z"/></marker>'
        + "".join(f'<path id="sign-{status}" d="{path}"/>' for status, path in {"none": "M0 0", **_SIGNS}.items())
        + "</defs>",
    ]
    lines += (_node(node, (marks or {}).get(node.name)) for node in drawing.nodes())
    nth: dict[str, int] = {}
    for edge in sorted(drawing.edges(), key=lambda one: one.points[0][0]):
        nth[edge.source] = nth.get(edge.source, -1) + bool(edge.label)
        lines += _edge(edge, LABEL_AT[nth[edge.source] % 2])
    return "\n".join([*filter(None, lines), "</svg>"])


def _node(node: Node, mark: Mark | None) -> str:
    x, y, width, height = node.x, node.y, node.width, node.height
    if node.name in (START, END):
        kind = "start" if node.name == START else "end"
        return f'<circle class="{kind}" cx="{x + width / 2:g}" cy="{y + height / 2:g}" r="{width / 2 - 2:g}"/>'
    classes = " ".join(["node", "box" if node.boxes else "", f"visited {mark.status}" if mark else ""]).split()
    said = f"{node.name}, {node.type}" + (f", {_words(mark)}" if mark else ", not visited")
    icon = _ICONS.get(node.type, _ICONS["Pass"])
    middle = y + (18 if node.boxes else height / 2)
    room = LONGEST_NAME if len(node.name) <= LONGEST_NAME else LONGEST_NAME - 1
    name = node.name[:room] + ("…" if room < len(node.name) else "")
    note = mark.note if mark else ""
    lifted = ' transform="translate(0 -5.5)"' if note and not node.boxes else ""
    note_at = (x + 44 + 7.6 * len(name), middle + 4.5) if node.boxes else (x + 35, middle + 14)
    parts = [
        f'<g class="{" ".join(classes)}" data-state={_attribute(node.name)} data-type={_attribute(node.type)} '
        f'tabindex="0" role="button" aria-label={_attribute(said)}><title>{_text(said)}</title>',
        f'<rect class="shape" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8"/>',
        f'<path class="icon" transform="translate({x + 11:g} {middle - 8:g})" d="{icon}"/>',
        f'<text class="name" x="{x + 35:g}" y="{middle + 4.5:g}"{lifted}>{_text(name)}</text>',
        f'<text class="note" x="{note_at[0]:g}" y="{note_at[1]:g}">{_text(note)}</text>',
        f'<use class="sign" transform="translate({x + width - 22:g} {middle - 7:g}) scale(.85)" '
        f'href="#sign-{mark.status if mark and mark.status in _SIGNS else "none"}"/>',
    ]
    if len(node.boxes) > 1:
        parts += (
            f'<rect class="branch" x="{box.x - 9:g}" y="{box.y - 9:g}" width="{box.width + 18:g}" '
            f'height="{box.height + 18:g}" rx="6"/>'
            for box in node.boxes
        )
    return "".join([*parts, "</g>"])


def _words(mark: Mark) -> str:
    times = "" if mark.count == 1 else f", visited {mark.count} times"
    return mark.status.lower() + times + (f", {mark.note}" if mark.note else "")


def _edge(edge: Edge, at: float) -> Iterator[str]:
    head = "arrow-catch" if edge.kind == "catch" else "arrow"
    yield (
        f'<path class="edge {edge.kind}" data-from={_attribute(edge.source)} data-to={_attribute(edge.target)} '
        f'd="{_curve(edge)}" marker-end="url(#{head})"/>'
    )
    if edge.label:
        (x1, y1), (x2, y2) = edge.points[0], edge.points[1]
        short = edge.label if len(edge.label) <= LONGEST_LABEL else edge.label[: LONGEST_LABEL - 1] + "…"
        x, y = x1 + (x2 - x1) * at, y1 + (y2 - y1) * at
        yield (
            f'<text class="label" text-anchor="middle" x="{x:g}" y="{y + 4:g}"><title>{_text(edge.label)}</title>'
            f"{_text(short)}</text>"
        )


def _curve(edge: Edge) -> str:
    """Down from rank to rank in curves; across a rank straight. A loop is a curve of its own."""
    if edge.source == edge.target:
        (x1, y1), (x2, _), (_, y2), (x4, _) = edge.points
        return f"M{x1:g} {y1:g}C{x2 + 8:g} {y1:g} {x2 + 8:g} {y2:g} {x4:g} {y2:g}"
    (x, y), *rest = edge.points
    path = [f"M{x:g} {y:g}"]
    for to_x, to_y in rest:
        middle = (y + to_y) / 2
        path.append(f"V{to_y:g}" if x == to_x else f"C{x:g} {middle:g} {to_x:g} {middle:g} {to_x:g} {to_y:g}")
        x, y = to_x, to_y
    return "".join(path)


def _clean(text: str) -> str:
    """Without the characters XML cannot hold."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in text)


def _text(text: str) -> str:
    return escape(_clean(text))


def _attribute(text: str) -> str:
    return quoteattr(_clean(text) if text != END else "")
