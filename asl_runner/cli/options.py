"""Options and arguments several commands share, with their completion."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from asl_runner.errors import UsageError, near

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from asl_runner.placement import Choice
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


def _watch_options(command: F) -> F:
    """Adds `--json`, `--quiet`, `--clock`, `--mock` and `--case`."""
    for option in (
        click.option("--case", metavar="NAME", help="The test case of a mock file of AWS Step Functions Local."),
        click.option(
            "--mock",
            "mock_file",
            type=click.Path(dir_okay=False),
            metavar="FILE",
            help="Let the tasks of states answer as this file says, JSON or YAML: see docs/mocks.md.",
        ),
        click.option(
            "--clock",
            type=click.Choice(["real", "virtual"]),
            default="real",
            show_default=True,
            help="virtual: waits, retries and timeouts pass at once, with true timestamps.",
        ),
        click.option("--quiet", "-q", is_flag=True, help="No progress on stderr."),
        click.option(
            "--json", "as_json", is_flag=True, help="Print one object: ARN, name, status, dates, output or error."
        ),
    ):
        command = option(command)
    return command


def parameter_option(of: str) -> Callable[[F], F]:
    """Adds `--parameter`, repeatable, as `parameters`; `assignments` reads them."""
    return click.option(
        "--parameter",
        "-p",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        help=f"A parameter of a {of}; repeatable.",
    )


def assignments(texts: Sequence[str], option: str, known: Collection[str] = ()) -> dict[str, str]:
    """What NAME=VALUE says, given several times for an option; `known` are names to hint at. Raises `UsageError`."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            hint = f"; {near(name, known)}" if known else "."
            raise UsageError(f"{option} {text}: expected NAME=VALUE{hint}")
        found[name] = value
    return found


def target_options(command: F) -> F:
    """Adds `--target` and `--use`; `chosen` makes a `Choice` of them."""
    for option in (
        click.option(
            "--use",
            "uses",
            multiple=True,
            metavar="NAME=PLACE",
            help="Run a service or the state NAME at local, docker or aws; may be repeated.",
        ),
        click.option(
            "--target",
            type=click.Choice(["local", "docker", "aws"]),
            help="Where Tasks run: on this machine, SageMaker's jobs in its Docker, or on AWS. Default: local.",
        ),
    ):
        command = option(command)
    return command


def chosen(target: str | None, uses: Sequence[str]) -> Choice:
    """What `--target` and `--use` say. Raises `UsageError`."""
    from asl_runner.placement import WORDS, Choice, parse_uses

    return Choice(None if target is None else WORDS[target], parse_uses(uses))


def running_options(command: F) -> F:
    """Adds what `run`, `redrive` and `resume` share; `running_fields` makes fields of their requests of it."""
    return _watch_options(target_options(workspace_options(command)))


def running_fields(target: str | None, uses: Sequence[str], **fields: Any) -> dict[str, Any]:
    """The fields of a `request.Running`, of the values of `running_options`. Raises `UsageError`."""
    return {**fields, "choice": chosen(target, uses)}


def execution_argument(command: F) -> F:
    """Adds the argument EXECUTION: a name, the start of one, an ARN, or `latest`."""
    return click.argument("execution", shell_complete=complete_execution)(command)


def open_workspace(workspace: str | None, config: str | None, choice: Choice | None = None) -> Workspace:
    """The workspace the options name; `choice` says where Tasks run, before the configuration does."""
    from asl_runner.configuration import load_configuration
    from asl_runner.workspace import Workspace

    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError("The current directory is gone; change to one that exists.") from None
    configuration = load_configuration(Path(config) if config else None)
    if choice is not None:
        from msgspec.structs import replace

        configuration = replace(configuration, chosen=choice)
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
