"""A recorded execution as a file: its definition, input, history and end, in AWS's own JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from asl_runner.definition import load
from asl_runner.errors import UsageError
from asl_runner.history import interchange
from asl_runner.history.branches import with_branches
from asl_runner.history.records import ExecutionRecord, Status
from asl_runner.testing.run import Run

FORMAT = 1


class Fixture(Struct, kw_only=True, omit_defaults=True):
    """One execution that has ended. Times are ISO texts in the history, seconds since the epoch elsewhere."""

    format: int = FORMAT
    executionArn: str
    stateMachineArn: str
    definition: str
    """JSON text, as the service keeps it."""
    input: str
    status: Status
    start: float
    stop: float | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    seed: str = ""
    """Of an execution run here: what its random numbers were drawn with."""
    events: list[dict[str, Any]]
    """As GetExecutionHistory gives them."""
    children: dict[str, list[Fixture]] = {}
    """The child executions of each map run of a distributed Map, by its ARN, in the order of their items."""

    @property
    def machine_name(self) -> str:
        """The state machine's name."""
        return self.stateMachineArn.rpartition(":stateMachine:")[2].partition(":")[0].partition("/")[0]

    @property
    def name(self) -> str:
        """The execution's name."""
        return self.executionArn.rpartition(":")[2]

    def as_run(self) -> Run:
        """What happened, to read and compare.

        Raises `UsageError` for a history that makes no sense, `InvalidDefinition` for such a definition.
        """
        record = ExecutionRecord(
            arn=self.executionArn,
            name=self.name,
            machine_arn=self.stateMachineArn,
            machine_name=self.machine_name,
            definition=self.definition,
            input=self.input.encode(),
            start=self.start,
            stop=self.stop,
            status=self.status,
            output=None if self.output is None else self.output.encode(),
            error=self.error,
            cause=self.cause,
            seed=self.seed,
        )
        children = {arn: [child.as_run() for child in found] for arn, found in self.children.items()}
        return Run(record, with_branches(interchange.from_aws(self.events), load(self.definition)), children)


def fixture_of(run: Run) -> Fixture:
    """The fixture of an execution that ended here."""
    record = run.record
    return Fixture(
        executionArn=record.arn,
        stateMachineArn=record.machine_arn,
        definition=record.definition,
        input=record.input.decode(),
        status=record.status,
        start=record.start,
        stop=record.stop,
        output=None if record.output is None else record.output.decode(),
        error=record.error,
        cause=record.cause,
        seed=record.seed,
        events=[_written(event) for event in run.events],
        children={arn: [fixture_of(child) for child in found] for arn, found in run.children.items()},
    )


def _written(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "timestamp": event["timestamp"].isoformat()}


def write_fixture(fixture: Fixture, file: Path) -> None:
    """Writes it atomically, indented. Raises `UsageError`."""
    text = json.dumps(msgspec.to_builtins(fixture), indent=1, ensure_ascii=False)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        part.write_text(f"{text}\n", encoding="utf-8")
        part.replace(file)
    except OSError as problem:
        part.unlink(missing_ok=True)
        raise UsageError(f"{file} cannot be written: {problem.strerror}.") from None


def read_fixture(file: Path) -> Fixture:
    """Reads it. Raises `UsageError` saying what is wrong."""
    try:
        fixture = msgspec.json.decode(file.read_bytes(), type=Fixture)
    except OSError as problem:
        raise UsageError(f"The fixture {file} cannot be read: {problem.strerror}.") from None
    except msgspec.DecodeError as problem:
        raise UsageError(f"{file} is no recorded execution: {problem}. `asl-runner record` writes them.") from None
    if fixture.format != FORMAT:
        raise UsageError(f"{file} has the format {fixture.format}; this version reads {FORMAT}.")
    return fixture
