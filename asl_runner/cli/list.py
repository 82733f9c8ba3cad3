"""`asl-runner list`: the executions kept here."""

from __future__ import annotations

import click

from asl_runner.cli.documents import to_json
from asl_runner.cli.options import open_workspace, workspace_options
from asl_runner.cli.table import Table, status_style

STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


@click.command("list")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only executions of this status.")
@click.option("--machine", metavar="NAME", help="Only executions of this state machine (name or ARN).")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most this many.")
@click.option("--json", "as_json", is_flag=True, help="Print what `aws stepfunctions list-executions` prints.")
@workspace_options
def command(
    status: str | None, machine: str | None, limit: int, as_json: bool, workspace: str | None, config: str | None
) -> None:
    """List the executions kept in the workspace, newest first.

    \b
    Examples:
      asl-runner list
      asl-runner list --status FAILED --machine order --json
    """
    with open_workspace(workspace, config) as opened:
        records = opened.executions(status=status, machine=machine, limit=limit)  # type: ignore[arg-type]
        gone = {record.arn for record in records if record.status == "RUNNING" and opened.store.is_orphaned(record)}
        directory = opened.directory
    if as_json:
        from asl_runner.history.interchange import list_item

        click.echo(to_json({"executions": [list_item(record) for record in records]}))
        return
    if not records:
        wanted = "such " if status or machine else ""
        click.echo(f"No {wanted}executions in {directory}.", err=True)
        return
    table = Table("NAME", "STATE MACHINE", "STATUS", "STARTED", ">DURATION")
    for record in records:
        status_text = "RUNNING (process gone)" if record.arn in gone else record.status
        table.row(
            record.name,
            record.machine_name,
            (status_text, status_style(record.status)),
            started(record.start),
            took(record.start, record.stop, running=record.arn not in gone),
        )
    click.echo(table.text())


def started(seconds: float) -> str:
    """When, as a person says it."""
    from asl_runner.cli.format import local_time

    return local_time(seconds)


def took(start: float, stop: float | None, *, running: bool) -> str:
    """How long it took, or has been running."""
    import time

    from asl_runner.cli.format import duration

    if stop is None and not running:
        return ""
    return duration(max(0.0, (time.time() if stop is None else stop) - start))
