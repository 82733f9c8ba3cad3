"""`asl-runner report`: one execution as a file to keep, send, or attach to a build."""

from __future__ import annotations

from pathlib import Path

import click

from asl_runner.cli.options import execution_argument, open_workspace, seen, workspace_options
from asl_runner.errors import UsageError


@click.command("report")
@execution_argument
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="By default NAME.html.")
@workspace_options
def command(execution: str, output: str | None, workspace: str | None, config: str | None) -> None:
    """Write the page of an execution as one HTML file: graph, states, events and data, with nothing to load.

    EXECUTION is a name, the beginning of one, an ARN, or latest. A browser shows it without network and, as tables,
    without JavaScript.

    \b
    Examples:
      asl-runner report latest -o run.html
      asl-runner run order.asl.json; asl-runner report latest -o "$CI_ARTIFACTS/order.html"
    """
    try:
        from asl_runner.web.documents import Documents
        from asl_runner.web.report import report
    except ImportError as missing:
        raise UsageError(f"Reports need jinja2 ({missing}): pip install 'asl-runner[server]'.") from None

    with open_workspace(workspace, config) as opened:
        record = opened.find(execution)
        text = report(Documents(opened.store, opened.directory), record)
    path = Path(output) if output else Path(f"{record.name}.html")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"{path} cannot be written: {problem.strerror}.") from None
    click.echo(f"{seen(path.absolute())} ({len(text) / 1024:,.0f} KB)")
