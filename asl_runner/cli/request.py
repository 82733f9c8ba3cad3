"""What `asl-runner run` and `redrive` are asked: their arguments and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from asl_runner.placement import Choice

if TYPE_CHECKING:
    from asl_runner.resources.mocks.tasks import Mocks
    from asl_runner.workspace.running import Observer


class How(Struct, frozen=True, kw_only=True):
    """How an execution is to be started or gone on with."""

    clock: Literal["real", "virtual"]
    observers: Sequence[Observer]
    """Who is told every batch of events."""
    mocks: Mocks | None
    """What answers its Tasks."""
    run_with: Mapping[str, Any]
    """What is kept with it for whoever resumes it."""


class Running(Struct, frozen=True, kw_only=True):
    """How an execution is to run, and what is shown of it."""

    as_json: bool
    quiet: bool
    clock: Literal["real", "virtual"]
    mock_file: str | None
    case: str | None
    choice: Choice
    workspace: str | None
    config: str | None

    @property
    def run_with(self) -> dict[str, Any]:
        """What a command that resumes the execution has to know, and no other process of the workspace would."""
        given = {
            "clock": None if self.clock == "real" else self.clock,
            "mock_file": None if self.mock_file is None else str(Path(self.mock_file).absolute()),
            "case": self.case,
            "target": self.choice.target,
            "uses": dict(self.choice.uses),
            "config": None if self.config is None else str(Path(self.config).absolute()),
        }
        return {name: value for name, value in given.items() if value}

    def reading(self, file: str, parameters: Sequence[str], machine: str | None) -> Request:
        """What reads the definition in a file, to run it in the same way."""
        fields = {name: getattr(self, name) for name in Running.__struct_fields__}
        return Request(file=file, parameters=tuple(parameters), machine=machine, **fields)


class Request(Running, frozen=True, kw_only=True):
    """The arguments and options of `run`."""

    file: str
    input: str | None = None
    name: str | None = None
    parameters: tuple[str, ...] = ()
    """Of a SageMaker pipeline or a template: texts `NAME=VALUE`."""
    machine: str | None = None
    """The state machine of a template that has several."""
    steps: tuple[str, ...] = ()
    """Of a SageMaker pipeline: those of a selective execution."""


class RedriveRequest(Running, frozen=True, kw_only=True):
    """The arguments and options of `redrive`."""

    execution: str
    definition: str | None
    parameters: tuple[str, ...]
    machine: str | None
    inputs: tuple[tuple[str, str], ...]
    """States, by name or place, and their new inputs, as JSON, `@file` or `-`."""
    plan: bool
    """Whether only to say what would run."""
