"""What `asl-runner run` is asked: its arguments and options."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from asl_runner.placement import Choice


class Request(Struct, frozen=True, kw_only=True):
    """The command's arguments and options."""

    file: str
    input: str | None
    name: str | None
    as_json: bool
    quiet: bool
    clock: Literal["real", "virtual"]
    mock_file: str | None
    case: str | None
    parameters: tuple[str, ...]
    """Of a SageMaker pipeline or a template: texts `NAME=VALUE`."""
    machine: str | None
    """The state machine of a template that has several."""
    steps: tuple[str, ...]
    """Of a SageMaker pipeline: those of a selective execution."""
    choice: Choice
    workspace: str | None
    config: str | None
