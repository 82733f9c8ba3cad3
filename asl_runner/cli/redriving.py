"""What `asl-runner redrive` does: finds where the execution goes on, says so, and runs it."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from asl_runner.cli.execute import perform
from asl_runner.cli.going_on import GoingOn, of_template
from asl_runner.cli.inputs import read_input
from asl_runner.cli.machine_subject import MachineSubject
from asl_runner.cli.options import open_workspace
from asl_runner.cli.redrive_plan import as_document, as_text
from asl_runner.cli.request import How, RedriveRequest
from asl_runner.cli.subject import Subject, read_subject
from asl_runner.definition import load
from asl_runner.definition.walk import all_states
from asl_runner.errors import UsageError
from asl_runner.expressions.json_text import compact_bytes
from asl_runner.workspace.preflight import check_input
from asl_runner.workspace.redrivable import LONGER, PERIOD_EXCEEDED, obstacle, refusal
from asl_runner.workspace.redriving import Redrive, plan, to_run
from asl_runner.workspace.resuming import run_with

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.history.records import ExecutionRecord
    from asl_runner.workspace import Workspace
    from asl_runner.workspace.running import RunningExecution


def redrive(request: RedriveRequest) -> int:
    """Redrives the execution, or only says what that would do; gives the exit code."""
    if [request.definition, *(text for _, text in request.inputs)].count("-") > 1:
        raise UsageError("Standard input can be read once: as the definition or as one input.")
    if request.definition is None and (request.parameters or request.machine):
        raise UsageError("-p and --machine are for the template that --definition names.")
    given = None if request.definition is None else _definition(request, request.definition)
    workspace = open_workspace(request.workspace, request.config, request.choice)
    with workspace:
        record = workspace.find(request.execution)
        _check(workspace, record)
        machine = load(record.definition, name="definition.json") if given is None else given.machine
        inputs = [(state, _input(workspace, state, text)) for state, text in request.inputs]
        prepared = plan(workspace.store, record, machine, inputs)
        if given is None and "template" in (known := run_with(record)) and Path(known["template"]).exists():
            given = of_template(request, known)
        subject = _Redriven(workspace, record, machine, prepared, given)
    if request.plan:
        click.echo(as_document(record, prepared) if request.as_json else as_text(prepared))
        return 0
    if not request.quiet:
        click.echo(as_text(prepared), err=True)
    return perform(workspace, subject, request)


def _definition(request: RedriveRequest, file: str) -> Subject:
    given = read_subject(request.reading(file, request.parameters, request.machine))
    if not isinstance(given, MachineSubject):
        raise UsageError("--definition is for state machines; a SageMaker pipeline goes on with the definition it has.")
    return given


def _input(workspace: Workspace, state: str, text: str) -> bytes:
    found = compact_bytes(read_input(text, f"--input-of {shlex.quote(state)}"))
    check_input(found, workspace.limits)
    return found


def _check(workspace: Workspace, record: ExecutionRecord) -> None:
    reason = obstacle(workspace.store, record, time.time(), workspace.limits)
    if reason is None:
        return
    hint = ""
    if workspace.store.is_orphaned(record):
        hint = (
            f". But its process {record.pid} is gone: `asl-runner resume {record.name}` has it go on where it was; "
            f"`asl-runner stop {record.name}` ends it, then it can be redriven."
        )
    elif reason == PERIOD_EXCEEDED:
        hint = f". {LONGER}"
    raise UsageError(refusal(record, reason) + hint)


class _Redriven(GoingOn):
    """An execution that goes on where it had no success."""

    def __init__(
        self,
        workspace: Workspace,
        record: ExecutionRecord,
        machine: StateMachine,
        prepared: Redrive,
        given: Subject | None,
    ) -> None:
        super().__init__(workspace, record, machine, given)
        self._prepared = prepared
        if self._pipeline is not None and given is not None:
            raise UsageError(f"{record.name} is of a SageMaker pipeline; it goes on with the definition it has.")

    async def start(self, workspace: Workspace, how: How) -> RunningExecution:
        """Goes on with it. Raises `UsageError` for what cannot run here, or when it is under way already."""
        mocks = how.mocks
        if mocks is not None:
            mocks.bind(self.machine)
        runs = to_run(self.machine, self._prepared.restored)
        idle = {state.name for state in all_states(self.machine)} - runs
        workspace.local.check(self.machine, idle if mocks is None else idle | mocks.states)
        running = await workspace.redrive(
            self.machine,
            msgspec.json.decode(self._record.input),
            self._record,
            clock=how.clock,
            observers=how.observers,
            mocks=mocks,
            around=None if self._pipeline is None else workspace.pipelines.again(self._pipeline),
            prepared=self._prepared,
            run_with=how.run_with,
        )
        if running is None:
            raise UsageError(refusal(self._record, "Execution is RUNNING and cannot be redriven"))
        return running
