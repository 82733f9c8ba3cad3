"""`asl-runner logs`: what the functions called by an execution printed."""

from __future__ import annotations

import click

from asl_runner.cli.format import printable
from asl_runner.cli.options import execution_argument, open_workspace, workspace_options
from asl_runner.cli.table import paint


@click.command("logs")
@execution_argument
@click.option("--state", metavar="NAME", help="Only of this state.")
@workspace_options
def command(execution: str, state: str | None, workspace: str | None, config: str | None) -> None:
    """Show what the Lambda functions of an execution printed, call by call, with Lambda's own lines around it.

    EXECUTION is a name, the beginning of one, an ARN, or latest.

    \b
    Examples:
      asl-runner logs latest
      asl-runner logs order-7 --state "Charge card"
    """
    from asl_runner.views.step import calls_of

    with open_workspace(workspace, config) as opened:
        record = opened.find(execution)
        calls = [one for one in calls_of(opened.store, opened.directory, record) if state in (None, one.state)]
    for number, call in enumerate(calls):
        heading = f"{call.state}  event {call.event}  +{call.time - record.start:.3f}s"
        click.echo(("\n" if number else "") + paint(printable(heading), "bright_black"))
        click.echo(printable(call.text, keep="\n\t\xa0").rstrip("\n"))
    if not calls:
        click.echo("Its functions printed nothing." if state is None else f"No logs of {state}.", err=True)
