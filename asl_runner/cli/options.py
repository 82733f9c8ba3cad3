"""Options and arguments several commands share, with their completion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from asl_runner.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from asl_runner.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])


def workspace_options(command: F) -> F:
    """Adds `--workspace` and `--config`."""
    for option in (
        click.option(
            "--config",
            type=click.Path(dir_okay=False),
            envvar="ASL_RUNNER_CONFIG",
            metavar="FILE",
            help="Read this configuration instead of the nearest asl-runner.toml or pyproject.toml.",
        ),
        click.option(
            "--workspace",
            type=click.Path(file_okay=False),
            envvar="ASL_RUNNER_WORKSPACE",
            metavar="DIR",
            help="Keep everything in this directory instead of .asl-runner beside the configuration.",
        ),
    ):
        command = option(command)
    return command


def execution_argument(command: F) -> F:
    """Adds the argument EXECUTION: a name, the start of one, an ARN, or `latest`."""
    return click.argument("execution", shell_complete=complete_execution)(command)


def open_workspace(workspace: str | None, config: str | None) -> Workspace:
    """The workspace the options name."""
    from asl_runner.configuration import load_configuration
    from asl_runner.workspace import Workspace

    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError("The current directory is gone; change to one that exists.") from None
    configuration = load_configuration(Path(config) if config else None)
    return Workspace(configuration, Path(workspace).absolute() if workspace else None)


def where(workspace: Workspace) -> str:
    """`workspace .asl-runner, configuration asl-runner.toml`: seen from the current directory."""
    file = workspace.configuration.file
    return f"workspace {seen(workspace.directory)}" + (f", configuration {seen(file)}" if file else "")


def seen(path: Path) -> str:
    """A path, relative where it is in the current directory."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def complete_execution(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the executions kept here, newest first, each with its machine and status."""
    from click.shell_completion import CompletionItem

    from asl_runner.errors import AslRunnerError

    try:
        with open_workspace(ctx.params.get("workspace"), ctx.params.get("config")) as workspace:
            records = workspace.executions(limit=200)
    except AslRunnerError:
        return []  # Nothing to offer; the command itself will say what is wrong.
    items = [
        CompletionItem(record.name, help=f"{record.machine_name} {record.status}")
        for record in records
        if record.name.startswith(incomplete)
    ]
    if "latest".startswith(incomplete) and records:
        items.insert(0, CompletionItem("latest", help="the one started last"))
    return items


def complete_definition(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Definition files and folders."""
    from click.shell_completion import CompletionItem

    from asl_runner.cli.inputs import definition_files

    return [CompletionItem(path, type="plain") for path in definition_files(incomplete)]
