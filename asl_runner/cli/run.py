"""`asl-runner run`: runs a state machine, its output on stdout, its progress on stderr."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Literal, cast

import click
from msgspec import Struct

from asl_runner.cli.documents import outcome_document, pretty, to_json
from asl_runner.cli.entry import EXIT_NOT_SUCCEEDED
from asl_runner.cli.format import reason
from asl_runner.cli.inputs import machine_name, read_definition, read_input
from asl_runner.cli.interrupts import interruptible
from asl_runner.cli.options import complete_definition, open_workspace, workspace_options
from asl_runner.cli.progress import Style, choose_style, show_progress
from asl_runner.definition import load
from asl_runner.definition.model import StateMachine
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import Json
from asl_runner.history.records import ExecutionRecord
from asl_runner.workspace import Workspace


@click.command("run")
@click.argument("file", shell_complete=complete_definition)
@click.option("--input", "-i", "input_", metavar="JSON|@FILE|-", help="The execution's input. Default: {}.")
@click.option("--name", "-n", help="The execution's name; unique per state machine. Default: a new UUID.")
@click.option("--json", "as_json", is_flag=True, help="Print one object: ARN, name, status, dates, output or error.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
@click.option(
    "--clock",
    type=click.Choice(["real", "virtual"]),
    default="real",
    show_default=True,
    help="virtual: waits, retries and timeouts pass at once, with true timestamps.",
)
@workspace_options
def command(
    file: str,
    input_: str | None,
    name: str | None,
    as_json: bool,
    quiet: bool,
    clock: str,
    workspace: str | None,
    config: str | None,
) -> int:
    """Run the state machine in FILE (JSON or YAML, - for standard input) and print its output.

    Progress goes to stderr, the output alone to stdout. The execution is kept: see list, describe and history.

    \b
    Exit codes: 0 succeeded, 1 the execution did not succeed, 2 usage,
    3 invalid definition, 130 interrupted.

    \b
    Examples:
      asl-runner run order.asl.json
      asl-runner run order.asl.json --input '{"id": 7}' | jq .total
      asl-runner run order.asl.json --input @order.json --name order-7
      asl-runner run nightly.asl.yaml --clock virtual --json
    """
    if file == "-" and input_ == "-":
        raise UsageError("Standard input cannot be both the definition and the input.")
    machine = load(read_definition(file), name="<stdin>" if file == "-" else None)
    input = read_input(input_)
    opened = open_workspace(workspace, config)
    style = choose_style(opened.configuration.progress, quiet=quiet)
    request = _Request(
        machine=machine,
        machine_name=machine_name(file),
        input=input,
        name=name,
        clock=cast(Literal["real", "virtual"], clock),
        style=style,
    )
    record, interrupted = asyncio.run(_run(opened, request))
    _print(record, as_json=as_json, said=style != "none")
    if record.status == "SUCCEEDED":
        return 0
    return interrupted or EXIT_NOT_SUCCEEDED


class _Request(Struct, frozen=True, kw_only=True):
    """What to run and how to show it."""

    machine: StateMachine
    machine_name: str
    input: Json
    name: str | None
    clock: Literal["real", "virtual"]
    style: Style


async def _run(workspace: Workspace, request: _Request) -> tuple[ExecutionRecord, int | None]:
    """The execution as it ended, and the exit code of the signal that ended it, if one did."""
    with ExitStack() as stack:
        interruption = stack.enter_context(interruptible(quiet=request.style == "none"))
        async with workspace:
            progress = None
            if request.style != "none":
                progress = stack.enter_context(
                    show_progress(request.style, workspace, virtual=request.clock == "virtual")
                )
            running = await workspace.start(
                request.machine,
                request.input,
                machine_name=request.machine_name,
                name=request.name,
                clock=request.clock,
                observers=() if progress is None else (progress.observe,),
            )
            if progress is not None:
                progress.announce(request.machine_name, running.name)
            interruption.on_signal(running.stop)
            await running.result()
    return running.record, interruption.exit_code


def _print(record: ExecutionRecord, *, as_json: bool, said: bool) -> None:
    if as_json:
        click.echo(to_json(outcome_document(record)))
    elif record.status == "SUCCEEDED":
        click.echo(pretty(record.output or b"null"))
    elif not said:
        said_why = reason(record.error, record.cause)
        click.echo(f"{record.status}: {said_why}" if said_why else record.status, err=True)
