"""What `asl-runner run` and `redrive` are asked: their arguments and options."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from asl_runner.placement import Choice


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

    def of_definition(self) -> Request:
        """What reads the new definition."""
        return Request(
            file=self.definition or "",
            parameters=self.parameters,
            machine=self.machine,
            **{field: getattr(self, field) for field in Running.__struct_fields__},
        )
