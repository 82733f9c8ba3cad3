"""`asl-runner stop`: ends a running execution, whichever process runs it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from asl_runner.cli.options import execution_argument, open_workspace, workspace_options
from asl_runner.errors import UsageError

if TYPE_CHECKING:
    from asl_runner.workspace import Workspace

PATIENCE = 30.0
"""Seconds to wait for the end: jobs and functions get their time to be stopped."""


@click.command("stop")
@execution_argument
@click.option("--error", help="The error recorded for the execution.")
@click.option("--cause", help="The cause recorded for the execution.")
@workspace_options
def command(execution: str, error: str | None, cause: str | None, workspace: str | None, config: str | None) -> int:
    """Stop a running execution: its status becomes ABORTED, and what it started ends.

    EXECUTION is a name, the beginning of one, an ARN, or latest.

    \b
    Examples:
      asl-runner stop latest
      asl-runner stop order-7 --error Operator --cause "wrong input"
    """
    with open_workspace(workspace, config) as opened:
        record = opened.find(execution)
        if not opened.stop(record, error, cause):
            raise UsageError(
                f"{record.name} is not running: it has ended with status {opened.find(record.arn).status}."
            )
        status = _wait(opened, record.arn)
    if status == "RUNNING":
        click.echo(f"{record.name} was asked to stop and is still running (process {record.pid}).", err=True)
        return 1
    click.echo(f"{record.name} {status}")
    return 0


def _wait(workspace: Workspace, arn: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while (status := workspace.store.execution(arn).status) == "RUNNING" and time.monotonic() < deadline:
        time.sleep(0.05)
    return status
