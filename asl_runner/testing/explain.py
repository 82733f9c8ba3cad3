"""Why an assertion about a run failed, in words a person can act on: what was expected, what happened, and where."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from asl_runner.history.visits import Visit

if TYPE_CHECKING:
    from asl_runner.testing.run import Run

MARKS = {"SUCCEEDED": "✓", "CAUGHT": "!", "FAILED": "✗", "ABORTED": "-", "RUNNING": "…"}
WIDTH = 200
"""Characters of a payload that are shown."""
GRAPH_LINES, GRAPH_COLUMNS = 40, 100
"""The largest graph that is shown."""
MANY = 12
"""Branches or iterations that are shown one by one."""


def explanation(run: Run, what: str, expected: Any, found: Any, details: str) -> str:
    """The message of a failed assertion."""
    lines = [f"{run.record.machine_name}: {what}"]
    if expected is not msgspec.UNSET:
        lines += ["", *compared(expected, found)]
    if details:
        lines += ["", details]
    if run.error is not None or run.status != "SUCCEEDED":
        lines += ["", f"{run.status}: {run.error or 'no error'}", *_indented(run.cause or "")]
    failing = _failing(run.tree)
    if failing is not None:
        lines += ["", f"It failed in {failing.state!r} ({failing.type}), whose input was", f"  {_short(failing.input)}"]
    lines += ["", "What it did:", *picture(run.tree)]
    for child in _failed_children(run)[:1]:
        lines += ["", f"Of its child executions, {child.record.name} ended {child.status} on the input"]
        lines += [f"  {_short(child.record.input)}", *picture(child.tree)]
    return "\n".join([*lines, *_graph(run)])


def _graph(run: Run) -> list[str]:
    """The machine's graph with what became of its states, if it is small enough to look at."""
    from asl_runner import graph
    from asl_runner.views.marks import marks_of

    drawn = graph.text(msgspec.json.decode(run.record.definition), marks_of(run.tree)).splitlines()
    if len(drawn) > GRAPH_LINES or max(map(len, drawn)) > GRAPH_COLUMNS:
        return []
    return ["", *(f"  {line}".rstrip() for line in drawn)]


def compared(expected: Any, found: Any) -> Iterator[str]:
    """Two values line by line: the lines that only one of them has, with a few around them."""
    left, right = (json.dumps(one, indent=2, ensure_ascii=False).splitlines() for one in (expected, found))
    yield "- expected, + found"
    for line in list(difflib.unified_diff(left, right, lineterm=""))[2:]:
        if not line.startswith("@@"):
            yield f"  {line[0]} {line[1:]}"
        elif not line.startswith("@@ -1"):
            yield "  …"


def side_by_side(expected: list[Any], found: list[Any]) -> str:
    """Two paths beside each other, a state a line, with `≠` where they part."""
    left, right = list(_lines(expected, 0)), list(_lines(found, 0))
    width = max([8, *map(len, left)])
    rows = [f"  {'expected':<{width}}    found"]
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        for number in range(max(b - a, d - c)):
            one = left[a + number] if a + number < b else ""
            other = right[c + number] if c + number < d else ""
            rows.append(f"  {one:<{width}}  {' ' if kind == 'equal' else '≠'} {other}".rstrip())
    return "\n".join(rows)


def _lines(path: Sequence[Any], depth: int) -> Iterator[str]:
    for step in path:
        if not isinstance(step, dict):
            yield f"{'  ' * depth}{step}"
            continue
        for state, inner in step.items():
            yield f"{'  ' * depth}{state}"
            for index, one in enumerate(inner):
                yield f"{'  ' * depth}  [{index}]"
                yield from _lines(one, depth + 2)


def picture(found: Sequence[Visit], depth: int = 1) -> Iterator[str]:
    """The visits as a tree, with their marks, attempts and errors."""
    for visit in found:
        said = f"  {visit.error or 'failed'}" if visit.error is not None else ""
        tries = f"  {len(visit.attempts)} attempts" if visit.retries else ""
        yield f"{'  ' * depth}{MARKS[visit.status]} {visit.state}{tries}{said}"
        scopes = sorted(visit.children.values(), key=lambda scope: scope.index)
        shown = scopes if len(scopes) <= MANY else [scope for scope in scopes if scope.status != "SUCCEEDED"][:MANY]
        for scope in shown:
            yield f"{'  ' * (depth + 1)}[{scope.index}]"
            yield from picture(scope.visits, depth + 2)
        if len(shown) < len(scopes):
            yield f"{'  ' * (depth + 1)}and {len(scopes) - len(shown)} more"


def _failed_children(run: Run) -> list[Run]:
    return [child for runs in run.children.values() for child in runs if child.status != "SUCCEEDED"]


def _failing(found: Sequence[Visit]) -> Visit | None:
    """The innermost state that failed."""
    for visit in found:
        if visit.status == "FAILED":
            inner = [scope.visits for scope in visit.children.values() if scope.status == "FAILED"]
            return (_failing(inner[0]) if inner else None) or visit
    return None


def _short(payload: Any) -> str:
    text = "" if payload is None else bytes(payload).decode()
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}… ({len(text)} characters)"


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()[:20]]
