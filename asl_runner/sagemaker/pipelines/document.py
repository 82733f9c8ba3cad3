"""A pipeline definition as values: its parameters, and its steps with those inside conditions among them."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from asl_runner.definition.json_text import Path
from asl_runner.expressions.environment import Json

NO_STEP = ("",)
"""As the steps that are to run: none of them."""


class Parameter(Struct, frozen=True, kw_only=True):
    """One parameter of a pipeline."""

    name: str
    type: str
    """`String`, `Integer`, `Float` or `Boolean`."""
    default: Json | UnsetType = UNSET
    values: tuple[str, ...] = ()
    """What it may be; empty for anything of its type."""


class Step(Struct, frozen=True, kw_only=True):
    """One step, wherever it stands."""

    name: str
    type: str
    arguments: dict[str, Json]
    fields: dict[str, Json]
    """The step as written."""
    path: Path
    """Where it stands in the document."""
    depends_on: tuple[str, ...] = ()
    parent: tuple[str, bool] | None = None
    """The condition it stands in, and in which branch: True for `IfSteps`."""

    @property
    def file_names(self) -> dict[str, dict[str, str]]:
        """Its property files by name."""
        found: Any = self.fields.get("PropertyFiles") or []
        return {one["PropertyFileName"]: one for one in found}


class Pipeline(Struct, frozen=True, kw_only=True):
    """A definition that can be run."""

    name: str
    """What messages call the document."""
    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]
    """All steps in the order of the text, a condition before those inside it."""
    text: str

    def step(self, name: str) -> Step | None:
        """The step of a name."""
        return next((step for step in self.steps if step.name == name), None)
