"""`asl-runner jobs`: the SageMaker jobs kept here, what became of each, what it prints, and plots of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from asl_runner.cli.documents import to_json
from asl_runner.cli.entry import EXIT_INTERRUPTED
from asl_runner.cli.format import printable, shorten
from asl_runner.cli.list import started, took
from asl_runner.cli.options import open_workspace, workspace_options
from asl_runner.cli.table import Table, status_style
from asl_runner.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from asl_runner.sagemaker.records import Record, Records
    from asl_runner.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])

KINDS = ("training", "tuning", "transform", "processing")
STATUSES = ("InProgress", "Completed", "Failed", "Stopping", "Stopped")
_RESULT = 60
"""Characters of a result in the list."""


def complete_job(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the jobs kept here, newest first, each with its kind and status."""
    from click.shell_completion import CompletionItem

    from asl_runner.errors import AslRunnerError
    from asl_runner.views.job_list import is_trial, kept, status_of

    try:
        with _jobs(ctx) as (records, _):
            found = kept(records)
    except AslRunnerError:
        return []  # Nothing to offer; the command itself will say what is wrong.
    ordered = sorted(found, key=is_trial)
    items = [
        CompletionItem(one.name, help=f"{one.kind} {status_of(one)}")
        for one in ordered
        if one.name.startswith(incomplete)
    ]
    if "latest".startswith(incomplete) and found:
        items.insert(0, CompletionItem("latest", help="the one created last"))
    return items


def job_argument(command: F) -> F:
    """Adds the argument NAME: that of a job, the start of one, `KIND/NAME`, an ARN, `latest` or `KIND/latest`."""
    return click.argument("job", metavar="NAME", shell_complete=complete_job)(command)


@click.group("jobs", invoke_without_command=True)
@click.option("--kind", type=click.Choice(KINDS), help="Only jobs of this kind.")
@click.option("--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only jobs of this status.")
@click.option("--trials", is_flag=True, help="The trials of tuning jobs too.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most this many.")
@click.option("--json", "as_json", is_flag=True, help="Print one object with the array jobs.")
@workspace_options
def command(
    kind: str | None,
    status: str | None,
    trials: bool,
    limit: int,
    as_json: bool,
    **_: str | None,
) -> None:
    """List the SageMaker jobs kept in the workspace, newest first: training, tuning, transform and processing jobs.

    The trials of a tuning job, which are training jobs, are left out unless --trials asks for them.

    \b
    Examples:
      asl-runner jobs
      asl-runner jobs --kind tuning --status Failed
      asl-runner jobs --trials --json
      asl-runner jobs describe latest
      asl-runner jobs logs train-7 -f
      asl-runner jobs plot tune-7 -o tune-7.svg
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    from asl_runner.views.job_list import is_lost, is_trial, kept, row_of, status_of

    with _jobs() as (records, _place):
        found = [one for one in kept(records, kind) if status is None or status_of(one) == status]
        chosen = [one for one in found if trials or not is_trial(one)]
        rows = [(one, is_lost(records, one)) for one in chosen[:limit]]
        directory = records.root.parent
    if as_json:
        click.echo(to_json({"jobs": [row_of(one, gone=gone) for one, gone in rows]}))
        return
    left_out = len(found) - len(chosen)
    if rows:
        click.echo(_table(rows))
    else:
        wanted = "such " if kind or status else ""
        click.echo(f"No {wanted}SageMaker jobs in {directory}.", err=True)
    if left_out:
        said = "1 trial of a tuning job is" if left_out == 1 else f"{left_out:,} trials of tuning jobs are"
        click.echo(f"{said} left out; --trials shows them.", err=True)


@command.command("describe")
@job_argument
@click.option("--json", "as_json", is_flag=True, help="Print what `aws sagemaker describe-...-job` prints.")
@workspace_options
def describe(job: str, as_json: bool, **_: str | None) -> None:
    """Show one job: status, times, settings; a training job's metrics as curves, a tuning job's trials, the best first.

    NAME is a job's name, the beginning of one, KIND/NAME, an ARN, latest, or KIND/latest.

    \b
    Examples:
      asl-runner jobs describe latest
      asl-runner jobs describe training/abalone-7
      asl-runner jobs describe tune-7 --json
    """
    from asl_runner.cli.job_summary import api_document, summary
    from asl_runner.views.job_list import find

    with _jobs() as (records, _place):
        record = find(records, job)
        if as_json:
            click.echo(to_json(api_document(record)))
        else:
            click.echo(summary(records, record))


@command.command("logs")
@job_argument
@click.option("--follow", "-f", is_flag=True, help="Go on until the job ends; Ctrl-C ends the following, not the job.")
@workspace_options
def logs(job: str, follow: bool, **_: str | None) -> int:
    """Show what a job's program prints; of a tuning job what its trials print.

    NAME is a job's name, the beginning of one, KIND/NAME, an ARN, latest, or KIND/latest. Any
    terminal can follow a job, whichever process runs it.

    \b
    Examples:
      asl-runner jobs logs latest
      asl-runner jobs logs train-7 -f
    """
    from asl_runner.cli.interrupts import hear_ctrl_c
    from asl_runner.cli.job_logs import log_lines
    from asl_runner.views.job_list import find, path_of, status_of

    printed = False
    with _jobs() as (records, _place):
        record = find(records, job)
        try:
            hear_ctrl_c()
            for line in log_lines(records, record, follow=follow):
                click.echo(printable(line.rstrip("\r"), keep="\t\xa0"))
                printed = True
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        record = records.read(record.kind, record.name) or record
    if not printed:
        click.echo(f"{path_of(record)} printed nothing so far; its status is {status_of(record)}.", err=True)
    elif follow:
        reason = record.document.get("FailureReason")
        click.echo(f"{path_of(record)}: {status_of(record)}" + (f": {printable(reason)}" if reason else ""), err=True)
    return 0


@command.command("plot")
@job_argument
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", required=True, help="FILE.svg or .png."
)
@workspace_options
def plot(job: str, output: str, **_: str | None) -> None:
    """Plot a training or tuning job as SVG or PNG; needs matplotlib: pip install 'asl-runner[plots]'.

    A training job: its metrics over time; with XGBoost also the importance of the features, and the predictions for its
    validation channel, else its train channel: predicted against actual and residuals of a regression, the confusion
    matrix of a classification. A tuning job: the objective trial by trial, and over each parameter that is tuned.

    \b
    Examples:
      asl-runner jobs plot train-7 -o train-7.png
      asl-runner jobs plot tuning/latest -o trials.svg
    """
    from asl_runner.cli.job_plots import form_of, panels_of
    from asl_runner.views.job_figures import picture
    from asl_runner.views.job_list import find, path_of

    form = form_of(output)
    with _jobs() as (records, opened):
        record = find(records, job)
        panels, notes = panels_of(records, record, opened.local.buckets)
    for note in notes:
        click.echo(printable(note), err=True)
    drawn = picture(path_of(record), panels, form)
    try:
        Path(output).write_bytes(drawn)
    except OSError as problem:
        raise UsageError(f"{output} cannot be written: {problem.strerror}.") from None


@contextmanager
def _jobs(asked: click.Context | None = None) -> Iterator[tuple[Records, Workspace]]:
    """The records of the workspace that --workspace and --config name, here or before the subcommand."""
    from asl_runner.sagemaker.records import Records

    ctx = asked or click.get_current_context()
    outer = ctx.parent if ctx.parent is not None and "workspace" in ctx.parent.params else ctx
    named = {
        option: (ctx if ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE else outer).params.get(option)
        for option in ("workspace", "config")
    }
    with open_workspace(named["workspace"], named["config"]) as opened:
        yield Records(opened.directory / "jobs"), opened


def _table(rows: list[tuple[Record, bool]]) -> str:
    from asl_runner.views.job_list import status_of, times_of

    table = Table("KIND", "NAME", "STATUS", "STARTED", ">DURATION", "RESULT")
    for record, gone in rows:
        status = status_of(record)
        created, ended = times_of(record)
        table.row(
            record.kind,
            record.name,
            (f"{status} (process gone)" if gone else status, status_style(status)),
            started(created),
            took(created, ended, running=not gone),
            _result(record),
        )
    return table.text()


def _result(record: Record) -> str:
    from asl_runner.views.job_list import result_of

    if reason := record.document.get("FailureReason"):
        return shorten(reason, _RESULT)
    return shorten("  ".join(f"{name} {value:.5g}" for name, value in result_of(record).items()), _RESULT)
