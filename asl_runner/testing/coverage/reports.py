"""Coverage as text for a terminal and as Cobertura's XML for everything that reads that."""

from __future__ import annotations

import os
import time
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from pathlib import Path

from asl_runner.definition.data_files import read_data
from asl_runner.testing.coverage.collected import Coverage, Covered
from asl_runner.testing.coverage.elements import KINDS, Element


def as_text(coverage: Coverage, base: Path) -> Iterator[str]:
    """A table of all definitions, and below each what was never done."""
    rows = [["definition", *KINDS.values(), "all"]]
    for one in coverage.definitions:
        counts = [one.count(kind) for kind in KINDS]
        shown = [f"{done}/{total}" if total else "" for done, total in counts]
        rows.append([_name(one, base), *shown, f"{_percentage(*one.count()):.0f} %"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    yield f"{'all of it':<{widths[0]}}  {coverage.percentage:.1f} %"
    for one in coverage.definitions:
        if one.missing:
            yield ""
            yield f"{_name(one, base)}: never done"
            yield from (f"  {describe(element)}" for element in one.missing)
    for one in coverage.definitions:
        for key, errors in sorted(one.errors.items()):
            kind, state, index = key.split("|")
            what = "caught" if kind == "catch" else "retried"
            yield f"{_name(one, base)}: {state} {what} {', '.join(sorted(errors))} ({kind} {index})"


def describe(element: Element) -> str:
    """An element in words."""
    match element.kind:
        case "state":
            return f"{element.state}: never visited"
        case "next":
            return f"{element.state}: never led on by Next"
        case "default":
            return f"{element.state}: Default never taken"
        case "rule" | "condition":
            place, _, outcome = element.detail.partition("=")
            where = f"Choices[{place}]" if element.kind == "rule" else "Choices[{}]{}".format(*_split(place))
            return f"{element.state}: {where} never {outcome}"
        case "retry":
            return f"{element.state}: Retry[{element.detail}] never used"
        case "catch":
            return f"{element.state}: Catch[{element.detail}] never used"
        case "items":
            sizes = {"none": "no item", "one": "one item", "many": "many items"}
            return f"{element.state}: never with {sizes[element.detail]}"


def _split(place: str) -> tuple[str, str]:
    index = place.partition(".")[0].partition("[")[0]
    return index, place[len(index) :]


def as_cobertura(coverage: Coverage, base: Path) -> bytes:
    """Cobertura's XML: a class for each definition, a line for each state, its other elements as its branches."""
    counts = [one.count() for one in coverage.definitions]
    states = [one.count("state") for one in coverage.definitions]
    root = xml.Element(
        "coverage",
        {
            "version": "1.9",
            "timestamp": str(int(time.time() * 1000)),
            "line-rate": _rate(sum(done for done, _ in states), sum(total for _, total in states)),
            "branch-rate": _rate(
                sum(done for done, _ in counts) - sum(done for done, _ in states),
                sum(total for _, total in counts) - sum(total for _, total in states),
            ),
            "lines-covered": str(sum(done for done, _ in states)),
            "lines-valid": str(sum(total for _, total in states)),
            "complexity": "0",
        },
    )
    xml.SubElement(xml.SubElement(root, "sources"), "source").text = str(base)
    package = xml.SubElement(xml.SubElement(root, "packages"), "package", {"name": "state machines", "complexity": "0"})
    classes = xml.SubElement(package, "classes")
    for one in coverage.definitions:
        _class(classes, one, base)
    xml.indent(root)
    text: bytes = xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _class(classes: xml.Element, one: Covered, base: Path) -> None:
    name = _name(one, base)
    done, total = one.count("state")
    attributes = {"name": Path(name).name, "filename": name, "complexity": "0", "line-rate": _rate(done, total)}
    element = xml.SubElement(classes, "class", attributes)
    xml.SubElement(element, "methods")
    lines = xml.SubElement(element, "lines")
    branches: dict[str, list[Element]] = {}
    for found in one.elements:
        branches.setdefault(found.state, [])
        if found.kind != "state":
            branches[found.state].append(found)
    for (state, others), number in zip(branches.items(), _lines_of(one, list(branches)), strict=True):
        line = {"number": str(number), "hits": str(one.hits[Element("state", state).key]), "branch": "false"}
        if others:
            taken = sum(one.hits[other.key] > 0 for other in others)
            share = f"{100 * taken // len(others)}% ({taken}/{len(others)})"
            line |= {"branch": "true", "condition-coverage": share}
        xml.SubElement(lines, "line", line)


def _lines_of(one: Covered, states: list[str]) -> list[int]:
    """The line each state is on; 1 for all where the file is no longer what ran."""
    from asl_runner.definition.scopes import scopes

    document = read_data(one.file)
    places = {name: scope.state_path(name) for scope in scopes(document.value) for name in scope.names}
    found = [document.position(places[state], key=True) if state in places else None for state in states]
    return [1 if place is None else place.line for place in found]


def _name(one: Covered, base: Path) -> str:
    return os.path.relpath(one.file, base)


def _percentage(done: int, total: int) -> float:
    return 100 * done / total if total else 100.0


def _rate(done: int, total: int) -> str:
    return f"{done / total if total else 1:.4f}"
