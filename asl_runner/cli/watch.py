"""`asl-runner watch`: the progress of an execution, whichever process runs it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from asl_runner.cli.options import complete_execution, open_workspace, workspace_options

if TYPE_CHECKING:
    from asl_runner.cli.progress import Progress
    from asl_runner.history.records import ExecutionRecord
    from asl_runner.history.store import Store

LOOK = 0.15
"""Seconds between two looks at the history."""


@click.command("watch")
@click.argument("execution", default="latest", shell_complete=complete_execution)
@click.option("--plain", is_flag=True, help="Lines of text, also on a terminal.")
@workspace_options
def command(execution: str, plain: bool, workspace: str | None, config: str | None) -> int:
    """Follow an execution until it ends, as `run` shows it; the exit code is 0 if it SUCCEEDED, else 1.

    EXECUTION is a name, the beginning of one, an ARN, or latest. Ctrl-C ends the watching, not the execution.

    \b
    Examples:
      asl-runner watch
      asl-runner watch order-7 && echo done
    """
    from asl_runner.cli.interrupts import hear_ctrl_c
    from asl_runner.cli.progress import show_progress
    from asl_runner.views.recorded_jobs import RecordedJobs

    with open_workspace(workspace, config) as opened:
        record = opened.find(execution)
        hear_ctrl_c()
        style = "live" if sys.stderr.isatty() and not plain else "plain"
        jobs = RecordedJobs(opened.directory / "jobs").progress
        with show_progress(style, opened, jobs=jobs) as progress:  # type: ignore[arg-type]
            progress.announce(record.machine_name, record.name)
            record = _follow(opened.store, record, progress)
    return 0 if record.status == "SUCCEEDED" else 1


def _follow(store: Store, record: ExecutionRecord, progress: Progress) -> ExecutionRecord:
    """Passes on events until the execution has ended, or its process is gone."""
    seen = 0
    while True:
        # The record first: what ended it is among the events read after.
        record = store.execution(record.arn)
        if events := list(store.events(record.arn, first=seen + 1)):
            progress.observe(events)
            seen = events[-1].id
        if record.status != "RUNNING":
            return record
        if store.is_orphaned(record):
            click.echo(
                f"Its process {record.pid} is gone: `asl-runner resume {record.name}` goes on with it, "
                f"`asl-runner stop {record.name}` ends it.",
                err=True,
            )
            return record
        time.sleep(LOOK)
