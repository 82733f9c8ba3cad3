"""`asl-runner describe`: one execution."""

from __future__ import annotations

import sqlite3
import time

import click

from asl_runner.cli.documents import to_json
from asl_runner.cli.format import printable
from asl_runner.cli.list import started, took
from asl_runner.cli.options import execution_argument, open_workspace, workspace_options
from asl_runner.cli.table import paint, status_style
from asl_runner.history import interchange, map_runs
from asl_runner.history.former import former_definitions
from asl_runner.history.map_runs import Standing
from asl_runner.history.records import ExecutionRecord
from asl_runner.workspace.redrivable import redrive_status

MOST_MAP_RUNS = 10
"""Map runs shown of an execution, the latest ones."""

LONG = 2000
"""Characters of an input or output that are shown without --full."""


@click.command("describe")
@execution_argument
@click.option("--json", "as_json", is_flag=True, help="Print what `aws stepfunctions describe-execution` prints.")
@click.option("--full", is_flag=True, help="Show input and output whole, however long.")
@workspace_options
def command(execution: str, as_json: bool, full: bool, workspace: str | None, config: str | None) -> None:
    """Show one execution: its status, times, input and output.

    EXECUTION is a name, the beginning of one, an ARN, or latest.

    \b
    Examples:
      asl-runner describe latest
      asl-runner describe order-7 --json
    """
    with open_workspace(workspace, config) as opened:
        record = opened.find(execution)
        gone = opened.store.is_orphaned(record)
        runs = [] if as_json else opened.store.read(lambda tables: _map_runs(tables, record.arn))
        changed = opened.store.read(lambda tables: former_definitions(tables, record.arn))
        status = redrive_status(opened.store, record, time.time(), opened.limits)
    if as_json:
        click.echo(to_json(interchange.describe(record) | status))
    else:
        click.echo(_summary(record, runs, [number for number, _ in changed], gone=gone, full=full))


def _map_runs(tables: sqlite3.Connection, arn: str) -> list[str]:
    """A line for each of the latest map runs of an execution: its name, its status, and how its items stand."""
    return [
        f"{run.machine_arn.rpartition(':')[2]}  {paint(run.status, status_style(run.status))}  "
        + _standing(run.items, map_runs.standings(tables, run.arn))
        for run in reversed(map_runs.of_execution(tables, arn, None, MOST_MAP_RUNS))
    ]


def _standing(total: int, standings: list[Standing]) -> str:
    counts = {standing.status: standing.items for standing in standings}
    others = [f"{count:,} {status.lower().replace('_', ' ')}" for status, count in counts.items()]
    left = total - sum(counts.values())
    parts = [*others, *([f"{left:,} not begun"] if left > 0 else [])]
    return f"{total:,} items" + (f": {', '.join(parts)}" if parts else "")


def _summary(record: ExecutionRecord, runs: list[str], changed: list[int], *, gone: bool, full: bool) -> str:
    status = paint(record.status, status_style(record.status))
    if gone:
        status += (
            f" (but its process {record.pid} is gone: `asl-runner resume {record.name}` goes on with it, "
            f"`asl-runner stop {record.name}` ends it)"
        )
    lines = [
        ("Name", record.name),
        ("State machine", record.machine_name),
        ("Status", status),
        ("Started", started(record.start)),
        ("Duration", took(record.start, record.stop, running=not gone)),
        ("Redriven", _redriven(record, changed)),
        ("Events", f"{record.event_count:,}"),
        ("ARN", record.arn),
        *(("Map run", run) for run in runs),
        ("Error", printable(record.error or "")),
        ("Cause", printable(record.cause or "", keep="\n\t")),
    ]
    width = max(len(label) for label, _ in lines)
    text = [f"{label:<{width}}  {value}" for label, value in lines if value]
    text += ["", "Input", _data(record.input, full=full)]
    if record.output is not None:
        text += ["", "Output", _data(record.output, full=full)]
    return "\n".join(text)


def _redriven(record: ExecutionRecord, changed: list[int]) -> str:
    """How often and when; `changed` are the numbers of the redrives that changed the definition."""
    if record.redrive_time is None:
        return ""
    times = "once" if record.redrive_count == 1 else f"{record.redrive_count:,} times, last"
    numbers = "" if record.redrive_count == 1 else f" by redrive {', '.join(map(str, changed))}"
    said = f", its definition changed{numbers}" if changed else ""
    return f"{times} {started(record.redrive_time)}{said}"


def _data(text: bytes, *, full: bool) -> str:
    import msgspec

    shown = msgspec.json.format(text, indent=2).decode()
    if not full and len(shown) > LONG:
        shown = f"{shown[:LONG]}\n… {len(shown) - LONG:,} more characters; --full shows them"
    return "\n".join(f"  {line}" for line in shown.splitlines())
