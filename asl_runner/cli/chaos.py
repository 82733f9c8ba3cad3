"""`asl-runner chaos`: what becomes of a state machine when its tasks fail."""

from __future__ import annotations

import click

from asl_runner.cli.options import complete_definition


@click.command(
    "chaos",
    epilog="""\b
Examples:
  asl-runner chaos order.asl.json --input @order.json --mock mocks.yaml
  asl-runner chaos order.asl.json --no-pairs --all
  asl-runner chaos order.asl.json --json | jq '.faults[] | .injections'

\b
Exit codes: 0 nothing was found, 1 something was, 2 usage, 3 invalid definition.""",
)
@click.argument("file", shell_complete=complete_definition)
@click.option("--input", "-i", "input_", metavar="JSON|@FILE|-", help="The execution's input. Default: {}.")
@click.option(
    "--mock",
    "mock_file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="What the tasks of states answer when they do not fail: see docs/mocks.md.",
)
@click.option("--no-pairs", is_flag=True, help="Let only one task fail in a run, never two.")
@click.option("--all", "show_all", is_flag=True, help="Show also what was recovered from and handled.")
@click.option("--json", "as_json", is_flag=True, help="Print one object with every run.")
def command(file: str, input_: str | None, mock_file: str | None, no_pairs: bool, show_all: bool, as_json: bool) -> int:
    """Let each task of the state machine in FILE fail in every way it can, and report what that does.

    Every error of the service's API, of functions, throttling and silence is injected in virtual time; no task is done
    for real. Reported are executions that end uncaught, break in their error handling, never end, or lose data.
    """
    from asl_runner.cli.failing import find_failures

    return find_failures(file, input_, mock_file, pairs=not no_pairs, show_all=show_all, as_json=as_json)
