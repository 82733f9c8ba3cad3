"""What `asl-runner resume` does: takes over an execution whose process is gone, and runs it to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec.structs import replace

from asl_runner.cli.entry import EXIT_NOT_SUCCEEDED
from asl_runner.cli.execute import STOPPING, perform
from asl_runner.cli.going_on import GoingOn, of_template
from asl_runner.cli.interrupts import EXIT_CODES, interruptible
from asl_runner.cli.options import open_workspace
from asl_runner.cli.request import How, Running
from asl_runner.definition import load
from asl_runner.errors import AslRunnerError, NotFound, UsageError
from asl_runner.placement import Choice
from asl_runner.workspace.resuming import interrupted, run_with

if TYPE_CHECKING:
    from asl_runner.history.records import ExecutionRecord
    from asl_runner.workspace import Workspace
    from asl_runner.workspace.running import RunningExecution


class ResumeRequest(Running, frozen=True, kw_only=True):
    """The arguments and options of `resume`."""

    execution: str


def resume(request: ResumeRequest) -> int:
    """Goes on with one execution and prints its outcome; gives the exit code."""
    with open_workspace(request.workspace, request.config, request.choice) as workspace:
        record = workspace.find(request.execution)
        if reason := _obstacle(workspace, record):
            raise UsageError(reason)
    return _go_on(request, record)


def resume_all(request: ResumeRequest) -> int:
    """Goes on with every execution whose process is gone, each to its end; gives the exit code.

    Of those that cannot go on it is said why.
    """
    with open_workspace(request.workspace, request.config, request.choice) as workspace:
        try:
            found = [(record, _obstacle(workspace, record)) for record in interrupted(workspace.store)]
        except NotFound:
            found = []  # Nothing has run here yet.
    if not found:
        click.echo("Nothing to resume: no execution's process is gone.", err=True)
        return 0
    free = [record for record, reason in found if reason is None]
    together = [] if _says_how(request) else [record for record in free if not run_with(record)]
    codes = [_go_on_together(request, together)] if together else []
    codes += [_said(reason) for _, reason in found if reason is not None]
    for record in free:
        if any(code in EXIT_CODES.values() for code in codes):
            break  # A signal ended one: it is meant for all.
        if record not in together:
            codes.append(_go_on_or_say(request, record))
    return max(codes)


def _says_how(request: ResumeRequest) -> bool:
    """Whether options are given that each execution is to be run with by itself."""
    return request.mock_file is not None or request.case is not None or request.clock == "virtual"


def _go_on_or_say(request: ResumeRequest, record: ExecutionRecord) -> int:
    """What keeps one execution from going on keeps no other."""
    try:
        return _go_on(request, record)
    except AslRunnerError as problem:
        return _said(f"{record.name} does not go on: {problem}")


def _said(reason: str) -> int:
    click.echo(reason, err=True)
    return EXIT_NOT_SUCCEEDED


def _obstacle(workspace: Workspace, record: ExecutionRecord) -> str | None:
    """Why an execution cannot be resumed; None if it can."""
    if record.status != "RUNNING":
        hint = "" if record.status == "SUCCEEDED" else f" `asl-runner redrive {record.name}` goes on with it."
        return f"{record.name} has ended: {record.status}.{hint}"
    if not workspace.store.is_orphaned(record):
        return f"{record.name} runs in process {record.pid}."
    if record.type == "EXPRESS":
        return (
            f"{record.name} is an Express execution: nothing of it is kept for sure, so it cannot go on. "
            f"`asl-runner stop {record.name}` ends it."
        )
    if record.map_run_arn is not None:
        return f"{record.name} is a child of a distributed Map and goes on with the execution that has it."
    if "answered" in run_with(record):
        return f"The tasks of {record.name} were answered by the program that ran it, so it cannot go on here."
    return None


def _go_on(request: ResumeRequest, record: ExecutionRecord) -> int:
    """Goes on with the options the execution was run with, as far as no others are given."""
    known = run_with(record)
    choice = request.choice
    if choice == Choice():
        choice = Choice(target=known.get("target"), uses=known.get("uses", {}))
    request = replace(
        request,
        clock="virtual" if "virtual" in (request.clock, known.get("clock")) else "real",
        mock_file=request.mock_file or known.get("mock_file"),
        case=request.case or known.get("case"),
        config=request.config or known.get("config"),
        choice=choice,
    )
    given = None if "template" not in known else of_template(request, known)
    workspace = open_workspace(request.workspace, request.config, request.choice)
    with workspace:
        subject = _Resumed(workspace, record, load(record.definition, name="definition.json"), given)
    return perform(workspace, subject, request)


def _go_on_together(request: ResumeRequest, records: Sequence[ExecutionRecord]) -> int:
    """Goes on with all of these at once, and says how each ended."""
    import asyncio

    ended, signal = asyncio.run(_run_together(request, records))
    from asl_runner.cli.documents import outcome_document, to_json

    for record in ended:
        if request.as_json:
            click.echo(to_json(outcome_document(record)))
        else:
            said = f": {record.error}" if record.error else ""
            click.echo(f"{record.name}  {record.status}{said}")
    if signal is not None:
        return signal
    return 0 if all(record.status == "SUCCEEDED" for record in ended) else EXIT_NOT_SUCCEEDED


async def _run_together(
    request: ResumeRequest, records: Sequence[ExecutionRecord]
) -> tuple[list[ExecutionRecord], int | None]:
    from asl_runner.endpoint.server import Server

    workspace = open_workspace(request.workspace, request.config, request.choice)
    running: list[RunningExecution] = []

    def stop() -> None:
        for each in running:
            each.stop()

    with interruptible(None if request.quiet else STOPPING) as interruption:
        async with workspace, Server(workspace, port=0, resumes=False):
            interruption.on_signal(stop)
            for record in records:
                machine = load(record.definition, name="definition.json")
                resumed = await workspace.resume(machine, msgspec.json.decode(record.input), record)
                # One that a nested execution belongs to may have been faster.
                resumed = resumed or workspace.running(record.arn)
                if resumed is not None:
                    running.append(resumed)
            for each in running:
                await each.result()
            return [each.record for each in running], interruption.exit_code


class _Resumed(GoingOn):
    """An execution that goes on where its process left it."""

    async def start(self, workspace: Workspace, how: How) -> RunningExecution:
        """Goes on with it. Raises `UsageError` for what cannot run here, or when somebody else has it."""
        from asl_runner.interpreter.clocks import RealClock, VirtualClock

        mocks = how.mocks
        if mocks is not None:
            mocks.bind(self.machine)
            mocks.have_answered(self.past)
        workspace.local.check(self.machine, () if mocks is None else mocks.states)
        latest = self.past[-1].time if self.past else self._record.start
        running = await workspace.resume(
            self.machine,
            msgspec.json.decode(self._record.input),
            self._record,
            clock=VirtualClock(latest) if how.clock == "virtual" else RealClock(),
            observers=how.observers,
            mocks=mocks,
        )
        if running is None:
            raise UsageError(f"{self._record.name} has been taken up by another process, or has ended.")
        return running
