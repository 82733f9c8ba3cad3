"""`asl-runner backup`: copies the database while it is in use."""

from __future__ import annotations

from pathlib import Path

import click

from asl_runner.cli.options import open_workspace, workspace_options


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False))
@workspace_options
def command(file: str, workspace: str | None, config: str | None) -> None:
    """Copy all executions and histories into FILE, as they stand, while others run and write.

    The copy is complete by itself: put it as workspace.db into an empty directory, and that is a workspace. Executions
    that were running are interrupted ones there. Objects, jobs and logs are plain files beside the database: copy
    those as files.

    \b
    Examples:
      asl-runner backup executions.db
      mkdir copy && asl-runner backup copy/workspace.db && asl-runner list --workspace copy
    """
    from asl_runner.history.backup import backup
    from asl_runner.workspace.kept import DATABASE

    with open_workspace(workspace, config) as opened:
        size = backup(opened.directory / DATABASE, Path(file).absolute())
    click.echo(f"{file}: {size:,} bytes")
