"""What `asl-runner run` and `redrive` do: one execution, watched, interruptible, its outcome printed."""

from __future__ import annotations

import gc
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asl_runner.cli.entry import EXIT_NOT_SUCCEEDED
from asl_runner.cli.event_loop import load_asyncio
from asl_runner.cli.interrupts import interruptible
from asl_runner.cli.options import open_workspace, seen, where
from asl_runner.cli.progress import Style, choose_style, show_progress
from asl_runner.cli.request import How, Request, Running
from asl_runner.cli.subject import Subject, read_subject
from asl_runner.definition.names import machine_name
from asl_runner.definition.resource import parse_resource
from asl_runner.endpoint.on_demand import served_for
from asl_runner.errors import UsageError
from asl_runner.history.records import ExecutionRecord
from asl_runner.placement import check_names
from asl_runner.workspace import Workspace
from asl_runner.workspace.preflight import named_resources, written_tasks

if TYPE_CHECKING:
    from asl_runner.resources.mocks.tasks import Mocks

STOPPING = "Stopping the execution; once more to kill it."


def execute(request: Request) -> int:
    """Runs the execution and prints its outcome; gives the exit code."""
    if request.file == "-" and request.input == "-":
        raise UsageError("Standard input cannot be both the definition and the input.")
    subject = read_subject(request)
    return perform(open_workspace(request.workspace, request.config, request.choice), subject, request)


def perform(workspace: Workspace, subject: Subject, request: Running) -> int:
    """Runs the subject in the workspace and prints its outcome; gives the exit code."""
    workspace = Workspace(subject.configured(workspace.configuration, workspace.directory), workspace.directory)
    if request.choice.uses:
        check_names(request.choice.uses, named_resources(subject.machine))
    style = choose_style(workspace.configuration.progress, quiet=request.quiet)
    asyncio = load_asyncio(tls=any(written_tasks(subject.machine)))
    # What is loaded by now stays: no collection needs to look at it again.
    gc.freeze()
    record, interrupted = asyncio.run(_run(workspace, subject, request, style, _mocks(request, subject.name)))
    with workspace:
        document = subject.document(workspace, record)
    _print(record, document, as_json=request.as_json, said=style != "none")
    logs = workspace.directory / "logs" / record.name
    if style != "none" and record.status in ("FAILED", "TIMED_OUT") and logs.is_dir():
        click.echo(f"What its functions printed is in {seen(logs)}", err=True)
    if record.status == "SUCCEEDED":
        return 0
    return interrupted or EXIT_NOT_SUCCEEDED


def _mocks(request: Running, name: str) -> Mocks | None:
    if request.mock_file is None:
        if request.case is not None:
            raise UsageError("--case names a test case of a mock file; say which with --mock FILE.")
        return None
    from asl_runner.resources.mocks.files import read_mocks

    return read_mocks(Path(request.mock_file), name, request.case)


async def _run(
    workspace: Workspace, subject: Subject, request: Running, style: Style, mocks: Mocks | None
) -> tuple[ExecutionRecord, int | None]:
    """The execution as it ended, and the exit code of the signal that ended it, if one did."""
    with ExitStack() as stack:
        interruption = stack.enter_context(interruptible(None if style == "none" else STOPPING))
        mocked = () if mocks is None else mocks.states
        beside = _beside(workspace, subject, mocked)
        async with workspace, served_for(workspace, subject.machine, mocked, always=bool(beside)) as server:
            if server is not None and style != "none":
                click.echo(f"Serving the workspace to AWS clients at {server.url} while it runs.", err=True)
            if beside:
                await _have(workspace, subject.file, beside, said=style != "none")
            progress = None
            if style != "none":
                shown = show_progress(style, workspace, virtual=request.clock == "virtual")
                progress = stack.enter_context(shown)
                progress.catch_up(subject.past)
            how = How(
                clock=request.clock,
                observers=() if progress is None else (progress.observe,),
                mocks=mocks,
                run_with={**request.run_with, **subject.origin},
            )
            running = await subject.start(workspace, how)
            if progress is not None:
                progress.announce(subject.name, running.name, where(workspace))
            interruption.on_signal(running.stop)
            await running.result()
    return running.record, interruption.exit_code


def _beside(workspace: Workspace, subject: Subject, mocked: Collection[str]) -> Mapping[str, Any]:
    """What has to be there before the execution starts; nothing where nobody here would ask for it."""
    place = workspace.configuration.placement.of
    asked_here = (
        name not in mocked and place(parse_resource(task["Resource"]), name) != "aws"
        for name, task in written_tasks(subject.machine)
    )
    return subject.beside if subject.beside and any(asked_here) else {}


async def _have(workspace: Workspace, file: str, resources: Mapping[str, Any], *, said: bool) -> None:
    from asl_runner.cli.stack import create_stack

    if said:
        click.echo(f"Creating what the template has beside it: {', '.join(resources)}.", err=True)
    for lack in await create_stack(workspace, machine_name(file), resources):
        click.echo(f"Could not be created here: {lack}", err=True)


def _print(record: ExecutionRecord, document: dict[str, Any] | None, *, as_json: bool, said: bool) -> None:
    if as_json:
        from asl_runner.cli.documents import outcome_document, to_json

        click.echo(to_json(outcome_document(record) if document is None else document))
    elif record.status == "SUCCEEDED" and document is not None:
        from asl_runner.cli.documents import to_json

        click.echo(to_json(document))
    elif record.status == "SUCCEEDED":
        from asl_runner.cli.documents import pretty

        click.echo(pretty(record.output or b"null"))
    elif not said:
        from asl_runner.cli.format import reason

        said_why = reason(record.error, record.cause)
        click.echo(f"{record.status}: {said_why}" if said_why else record.status, err=True)
