"""`asl-runner prune`: removes executions that ended long ago."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import click

from asl_runner.cli.list import STATUSES
from asl_runner.cli.options import open_workspace, workspace_options

if TYPE_CHECKING:
    from asl_runner.workspace.pruning import Freed

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _age(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """Seconds of a span of time: `30d`, `12h`, `90m`, `45s`, `2w`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", value.strip().lower())
    if found is None:
        raise click.BadParameter(f"{value!r} is no span of time; give a number with s, m, h, d or w, like 30d or 12h.")
    return float(found[1]) * _SECONDS[found[2]]


@click.command("prune")
@click.option(
    "--older-than",
    callback=_age,
    metavar="AGE",
    required=True,
    help="Executions that ended longer ago than this: 30d, 12h, 2w. AWS keeps them for 90 days.",
)
@click.option(
    "--status",
    "statuses",
    type=click.Choice([status for status in STATUSES if status != "RUNNING"], case_sensitive=False),
    multiple=True,
    help="Only executions of this status; repeatable.",
)
@click.option("--machine", metavar="NAME", help="Only executions of this state machine (name or ARN).")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print one object: names, counts, bytes.")
@workspace_options
def command(
    older_than: float,
    statuses: tuple[str, ...],
    machine: str | None,
    dry_run: bool,
    as_json: bool,
    workspace: str | None,
    config: str | None,
) -> None:
    """Remove executions that ended long ago, with their histories, the children of their Maps, and their logs.

    Executions that run or were interrupted stay, and so do those of pipelines, and everything else the workspace
    holds: objects, jobs, models, functions, state machines. What is removed is gone, and its names are free again.
    Others may run executions meanwhile; then the file is made no smaller, its free room is used first.

    \b
    Examples:
      asl-runner prune --older-than 30d --dry-run
      asl-runner prune --older-than 30d
      asl-runner prune --older-than 2w --status SUCCEEDED --machine order
    """
    import asyncio

    from asl_runner.history.pruning import Selection
    from asl_runner.workspace import pruning

    selection = Selection(before=max(0.0, time.time() - older_than), statuses=statuses, machine=machine)
    with open_workspace(workspace, config) as opened:
        freed = pruning.survey(opened, selection) if dry_run else asyncio.run(pruning.prune(opened, selection))
    if as_json:
        from asl_runner.cli.documents import to_json

        click.echo(to_json(_document(freed, selection.before, dry_run)))
    else:
        click.echo(_text(freed, selection.before, dry_run))


def _document(freed: Freed, before: float, dry_run: bool) -> dict[str, object]:
    from asl_runner.history.interchange import moment

    return {
        "dryRun": dry_run,
        "before": moment(before),
        "executions": freed.taken.names,
        "childExecutions": freed.taken.children,
        "mapRuns": freed.taken.map_runs,
        "historyBytes": freed.taken.history_bytes,
        "logFolders": freed.logs,
        "logBytes": freed.log_bytes,
        "databaseBytesBefore": freed.size_before,
        "databaseBytesAfter": freed.size_after,
    }


def _text(freed: Freed, before: float, dry_run: bool) -> str:
    from asl_runner.cli.format import local_time

    taken = freed.taken
    if not taken.names and not freed.logs:
        return f"Nothing ended before {local_time(before)} that could be removed."
    parts = [_counted(len(taken.names), "execution")]
    if taken.children:
        parts.append(_counted(taken.children, "child", "children") + " of their Maps")
    parts.append(f"{_size(taken.history_bytes)} of history")
    if freed.logs:
        parts.append(f"{_size(freed.log_bytes)} of logs")
    said = f"{'Would remove' if dry_run else 'Removed'} {', '.join(parts)}; ended before {local_time(before)}."
    if dry_run:
        return said + f" The database has {_size(freed.size_before)}."
    if freed.not_shrunk is None:
        return said + f" The database had {_size(freed.size_before)} and has {_size(freed.size_after)}."
    return said + f" {freed.not_shrunk}: the database keeps its size, and fills up the room that is free."


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _size(count: int) -> str:
    """Bytes as a person says them."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.1f} KB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
