"""`asl-runner history`: what happened in one execution."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from itertools import islice

import click

from asl_runner.cli.options import execution_argument, open_workspace, workspace_options
from asl_runner.cli.table import shows_colours


@click.command("history")
@execution_argument
@click.option("--json", "as_json", is_flag=True, help="Print what `aws stepfunctions get-execution-history` prints.")
@click.option("--reverse", is_flag=True, help="Latest event first.")
@click.option("--limit", type=click.IntRange(min=1), help="At most this many events.")
@workspace_options
def command(
    execution: str, as_json: bool, reverse: bool, limit: int | None, workspace: str | None, config: str | None
) -> None:
    """Show the events of one execution, with relative times, durations and shortened data.

    EXECUTION is a name, the beginning of one, an ARN, or latest.

    \b
    Examples:
      asl-runner history latest
      asl-runner history order-7 --json | jq '.events[-1]'
    """
    with open_workspace(workspace, config) as opened:
        record = opened.find(execution)
        events = islice(opened.store.events(record.arn, reverse=reverse), limit)
        if as_json:
            from asl_runner.history import interchange

            _print(interchange.history(events), end="")
            click.echo()
            return
        from asl_runner.cli.history_table import history_lines

        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else None
        _print(history_lines(events, record.start, width=width, color=shows_colours(sys.stdout)), end="\n")


def _print(pieces: Iterable[str], *, end: str) -> None:
    write = sys.stdout.write
    for piece in pieces:
        write(piece + end)
