"""What a redrive keeps and what it runs again, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from msgspec import Struct, structs

from asl_runner.cli.documents import to_json
from asl_runner.cli.format import printable
from asl_runner.cli.table import Table
from asl_runner.history.records import ExecutionRecord
from asl_runner.interpreter.carried import Step, place_name
from asl_runner.workspace.redriving import Redrive

MOST = 60
"""Rows shown to a person."""

_COLOURS = {"KEPT": "green", "GOES ON": "cyan", "RUNS AGAIN": "yellow", "BEGINS": "yellow", "DROPPED": "red"}


class _Row(Struct, frozen=True):
    """One line of the table."""

    place: str
    does: str
    note: str


def as_document(record: ExecutionRecord, redrive: Redrive) -> str:
    """The plan as JSON."""
    steps = [{"place": place_name(step.scope, step.state), **structs.asdict(step)} for step in redrive.steps]
    changed = redrive.definition is not None
    return to_json({"executionArn": record.arn, "definitionChanged": changed, "steps": steps})


def as_text(redrive: Redrive) -> str:
    """The plan as a table; branches or iterations of which the same is to say share their lines."""
    rows = list(_rows(redrive.steps))
    table = Table("STATE", "REDRIVE", "NOTE")
    for row in rows[:MOST]:
        table.row(printable(row.place), (row.does.lower(), _COLOURS[row.does]), printable(row.note))
    text = table.text()
    return f"{text}\n… {len(rows) - MOST:,} more; --plan --json has them all" if len(rows) > MOST else text


def _rows(steps: Iterable[Step]) -> Iterator[_Row]:
    alike: dict[tuple[Any, ...], tuple[list[int], list[Step]]] = {}
    for scope, found in groupby(steps, lambda step: step.scope):
        siblings, _, index = scope.rpartition(".")
        own = list(found)
        said = tuple((step.state, step.does, step.changed, step.note) for step in own)
        alike.setdefault((siblings, said), ([], own))[0].append(int(index or 0))
    for (siblings, _), (indices, own) in alike.items():
        for step in own:
            place = _with_indices(siblings, step.state, sorted(indices)) if siblings else step.state
            yield _Row(place, step.does, _note(step))


def _with_indices(siblings: str, state: str, indices: list[int]) -> str:
    """`Each[0-2,5]/Pack`."""
    around = place_name(f"{siblings}.0", "").removesuffix("[0]")
    return f"{around}[{','.join(_ranges(indices))}]/{state}".removesuffix("/")


def _ranges(numbers: list[int]) -> Iterator[str]:
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        yield str(found[0]) if len(found) == 1 else f"{found[0]}-{found[-1]}"


def _note(step: Step) -> str:
    changed = f"changed: {', '.join(step.changed)}" if step.changed else ""
    return "; ".join(part for part in (changed, step.note) if part)
