"""`asl-runner ui`: the pages, in the browser."""

from __future__ import annotations

import click

from asl_runner.cli.options import complete_execution, open_workspace, workspace_options


@click.command("ui")
@click.argument("execution", required=False, shell_complete=complete_execution)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port; a free one unless given.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@workspace_options
def command(execution: str | None, port: int, no_browser: bool, workspace: str | None, config: str | None) -> int:
    """Open the pages of the workspace in the browser: executions, state machines, graphs, data, live.

    EXECUTION is a name, the beginning of one, an ARN, or latest; without it the list of executions opens. The pages are
    served until Ctrl-C, to this machine only. A running `asl-runner serve` has them, too.

    \b
    Examples:
      asl-runner ui
      asl-runner ui latest
    """
    from asl_runner.cli.serving import serve
    from asl_runner.web.rendering import BASE, execution_url

    opened = open_workspace(workspace, config)
    path = f"{BASE}/executions" if execution is None else execution_url(opened.find(execution).arn)

    def ready(url: str) -> None:
        import webbrowser

        click.echo(f"{url}{path}", err=True)
        if not no_browser and not webbrowser.open(f"{url}{path}"):
            click.echo("No browser was found; open the address in one.", err=True)

    return serve(opened, "127.0.0.1", port, 1 << 30, ready)
