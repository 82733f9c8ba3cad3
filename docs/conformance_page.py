"""Writes the tables of `conformance.md` from the results kept by the tests; run by cog.

python -m cogapp -r -I docs docs/conformance.md
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

KEPT = Path(__file__).resolve().parents[1] / "tests" / "endpoint" / "conformance.json"

LEVELS = ("outcome", "sequence", "exact")


def results() -> str:
    """The results by area."""
    areas: dict[str, dict[str, int]] = _kept()["areas"]
    total = {key: sum(area[key] for area in areas.values()) for key in next(iter(areas.values()))}
    lines = [
        "| area | cases | outcome | sequence | exact | superseded | not replayable | exact of the rest |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_row(name, area) for name, area in areas.items()),
        _row("**all**", total),
    ]
    return "\n".join(lines)


def differences() -> str:
    """The cases that are not exact, by reason."""
    by_reason: dict[str, dict[str, list[str]]] = {}
    for one in _kept()["differences"]:
        by_reason.setdefault(one["kind"], {}).setdefault(one["reason"], []).append(one["case"])
    lines = ["| | why | cases |", "| --- | --- | --- |"]
    for kind in ("different", "not replayable", "superseded"):
        for reason, cases in sorted(by_reason.get(kind, {}).items()):
            lines.append(f"| {kind} | {_cell(reason)} | {'<br>'.join(f'`{_cell(case)}`' for case in cases)} |")
    return "\n".join(lines)


def _kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def _row(name: str, area: dict[str, int]) -> str:
    possible = area["cases"] - area["superseded"] - area["not_replayable"]
    rest = 100 * area["exact"] / possible if possible else 100.0
    levels = " | ".join(f"{area[level]}" for level in LEVELS)
    left = f"{area['superseded'] or ''} | {area['not_replayable'] or ''}"
    return f"| {name} | {area['cases']} | {levels} | {left} | {rest:.1f} % |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
