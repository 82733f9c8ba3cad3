"""`asl-runner replay`: a recorded execution, run again with the answers its tasks got then."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from asl_runner.cli.options import complete_definition


@click.command(
    "replay",
    epilog="""\b
Examples:
  asl-runner replay refused.execution.json
  asl-runner replay refused.execution.json --definition order.asl.json
  asl-runner replay order.execution.json -d order.asl.json --json | jq .path

\b
Exit codes: 0 the same, 1 not the same, 2 usage, 3 invalid definition.""",
)
@click.argument("fixture", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--definition",
    "-d",
    metavar="FILE",
    shell_complete=complete_definition,
    help="Run this one. Default: the recorded.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object with every difference.")
def command(fixture: str, definition: str | None, as_json: bool) -> int:
    """Run the execution recorded in FIXTURE again and say where path, data or outcome part.

    Tasks get the answers that were recorded, retries, branches and iterations each their own; nothing is done for real.
    Time is virtual and passes as it did. Record an execution, change the definition, and see what the change does.
    """
    from asl_runner.cli.documents import to_json
    from asl_runner.cli.entry import EXIT_NOT_SUCCEEDED
    from asl_runner.cli.inputs import read_definition
    from asl_runner.definition import load
    from asl_runner.testing.replay.compare import as_document, as_text
    from asl_runner.testing.replay.fixture import read_fixture
    from asl_runner.testing.replay.replaying import replay

    recorded = read_fixture(Path(fixture))
    machine = load(recorded.definition if definition is None else read_definition(definition))
    found = asyncio.run(replay(recorded, machine))
    click.echo(to_json(as_document(found)) if as_json else "\n".join(as_text(found)))
    return 0 if found.same else EXIT_NOT_SUCCEEDED
