"""Coverage as one HTML page that needs nothing else: each graph coloured, and beside it what was never done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from html import escape
from pathlib import Path

import msgspec

from asl_runner import graph
from asl_runner.graph.svg_picture import colours, rules
from asl_runner.testing.coverage.collected import Coverage, Covered
from asl_runner.testing.coverage.elements import KINDS, Element
from asl_runner.testing.coverage.reports import describe

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;padding:1.5rem;max-width:80rem;color:var(--ink);
background:var(--paper)}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2.5rem 0 .5rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .7rem;text-align:right;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left}
.machine{display:flex;flex-wrap:wrap;gap:2rem;align-items:flex-start}
.machine .picture{overflow:auto;max-width:100%}
.machine ul{margin:0;padding-left:1.2rem}
.legend span{margin-right:1.2rem}.ok{color:var(--ok)}.warn{color:var(--warn)}.bad{color:var(--bad)}
"""


def as_html(coverage: Coverage, base: Path) -> str:
    """The page. Names and conditions are whatever definitions say: all are escaped."""
    rows = "".join(_row(one, base) for one in coverage.definitions)
    head = "".join(f"<th>{escape(title)}</th>" for title in ("definition", *KINDS.values(), "all"))
    machines = "".join(_machine(one, base) for one in coverage.definitions)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Coverage of state machines</title>'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{colours()}{rules()}{_STYLE}</style></head><body>"
        f"<h1>Coverage of state machines: {coverage.percentage:.1f} %</h1>"
        '<p class="legend"><span class="ok">✓ all of a state done</span><span class="warn">↻ a part of it</span>'
        '<span class="bad">✗ never visited</span></p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{machines}</body></html>\n"
    )


def _row(one: Covered, base: Path) -> str:
    counts = [one.count(kind) for kind in KINDS]
    done, total = one.count()
    cells = [escape(_name(one, base)), *(f"{done}/{total}" if total else "" for done, total in counts)]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in (*cells, f"{100 * done / total:.0f} %")) + "</tr>"


def _machine(one: Covered, base: Path) -> str:
    drawing = graph.draw(msgspec.json.decode(one.machine.source), graph.PIXELS)
    picture = graph.svg(drawing, marks_of(one), title=_name(one, base))
    missing = "".join(f"<li>{escape(describe(element))}</li>" for element in one.missing)
    errors = "".join(f"<li>{escape(line)}</li>" for line in _errors(one))
    lists = f"<h3>Never done</h3><ul>{missing}</ul>" if missing else '<p class="ok">Everything was done.</p>'
    if errors:
        lists += f"<h3>Errors that were retried and caught</h3><ul>{errors}</ul>"
    return (
        f'<h2>{escape(_name(one, base))}</h2><div class="machine"><div class="picture">{picture}</div>'
        f"<div>{lists}</div></div>"
    )


def marks_of(one: Covered) -> dict[str, graph.Mark]:
    """The states as the graph colours them, each with how many of its elements were done."""
    elements: dict[str, list[Element]] = {}
    for element in one.elements:
        elements.setdefault(element.state, []).append(element)
    marks = {}
    for state, own in elements.items():
        done = sum(one.hits[element.key] > 0 for element in own)
        visits = one.hits[Element("state", state).key]
        status = "FAILED" if not visits else "SUCCEEDED" if done == len(own) else "CAUGHT"
        marks[state] = graph.Mark(status, visits, f"{done}/{len(own)}")
    return marks


def _errors(one: Covered) -> Iterator[str]:
    for key, errors in sorted(one.errors.items()):
        kind, state, index = key.split("|")
        yield f"{state}: {'Catch' if kind == 'catch' else 'Retry'}[{index}] by {', '.join(sorted(errors))}"


def _name(one: Covered, base: Path) -> str:
    return os.path.relpath(one.file, base)
