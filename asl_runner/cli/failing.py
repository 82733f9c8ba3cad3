"""What `asl-runner chaos` does: runs the search and says what was found, grouped so that a person can act on it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from asl_runner.cli.documents import to_json
from asl_runner.cli.entry import EXIT_NOT_SUCCEEDED
from asl_runner.cli.inputs import read_definition, read_input
from asl_runner.cli.table import heading, paint
from asl_runner.configuration import load_configuration
from asl_runner.definition import load
from asl_runner.definition.names import machine_name
from asl_runner.definition.placeholders import filled
from asl_runner.testing.chaos.search import FAULTS, VERDICTS, Finding, Search, Verdict, search

_STYLES: dict[Verdict, str] = {"recovered": "green", "handled": "green"}


def find_failures(
    file: str, input_text: str | None, mock_file: str | None, *, pairs: bool, show_all: bool, as_json: bool
) -> int:
    """Searches and reports; gives the exit code. Raises `UsageError` and `InvalidDefinition`."""
    machine = load(read_definition(file), name="<stdin>" if file == "-" else None)
    if machine.placeholders:
        # Nothing is done for real, so no real value is needed.
        machine = load(filled(json.loads(machine.source)))
    mocks: Mapping[str, object] = {}
    if mock_file is not None:
        from asl_runner.resources.mocks.files import read_mocks

        given = read_mocks(Path(mock_file), machine_name(file), None)
        given.bind(machine)
        mocks = given.answers
    shows = sys.stderr.isatty()

    def progress(done: int, total: int) -> None:
        if shows:
            click.echo(f"\r{done + 1} of {total} failures", err=True, nl=False)

    found = asyncio.run(
        search(machine, read_input(input_text), mocks, load_configuration(), pairs=pairs, progress=progress)
    )
    if shows:
        click.echo("\r\033[K", err=True, nl=False)
    click.echo(to_json(_document(found)) if as_json else "\n".join(_told(found, show_all)))
    return EXIT_NOT_SUCCEEDED if found.faults else 0


def _told(found: Search, show_all: bool) -> Iterator[str]:
    for verdict, meaning in VERDICTS.items():
        own = [finding for finding in found.findings if finding.verdict == verdict]
        if not own or not (show_all or verdict in FAULTS):
            continue
        yield paint(f"{verdict}: {meaning}", _STYLES.get(verdict, "red"))
        for (states, note), errors in _grouped(own).items():
            yield f"  {heading(' and '.join(states))}  {', '.join(errors)}" + (f"  ({note})" if note else "")
    counts = {verdict: sum(finding.verdict == verdict for finding in found.findings) for verdict in VERDICTS}
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    yield f"{len(found.findings)} runs: {told or 'the machine has no tasks'}"


def _grouped(findings: list[Finding]) -> dict[tuple[tuple[str, ...], str], list[str]]:
    """The errors that did the same in the same states."""
    groups: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for finding in findings:
        states = tuple(one.state for one in finding.injections)
        errors = " and ".join(dict.fromkeys(one.error for one in finding.injections))
        groups.setdefault((states, finding.note), []).append(errors)
    return groups


def _document(found: Search) -> dict[str, Any]:
    runs = [
        {
            "injections": [{"state": one.state, "error": one.error} for one in finding.injections],
            "verdict": finding.verdict,
            "status": finding.status,
            "error": finding.error,
            "path": finding.path,
            "note": finding.note,
        }
        for finding in found.findings
    ]
    return {"runs": len(runs), "faults": [run for run in runs if run["verdict"] in FAULTS], "all": runs}
