"""Selective execution: only some steps run; what they need of the others comes from an earlier execution.

Source: developer guide, "Selective execution of pipeline steps"; `SelectiveExecutionConfig` in the API.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from asl_runner.errors import UsageError, near
from asl_runner.sagemaker.pipelines.graph import Compiled


def selected(steps: Mapping[str, Compiled], only: Collection[str]) -> dict[str, Compiled]:
    """The steps of a selective execution, waiting for each other alone; a condition among them decides, others do not.

    Raises `UsageError` for a name that is no step's.
    """
    for name in only:
        if name not in steps:
            raise UsageError(f"The pipeline has no step {name!r} to select; {near(name, steps)}")
    return {
        name: replace(
            one,
            waits_for=tuple(other for other in one.waits_for if other in only),
            guard=frozenset((condition, outcome) for condition, outcome in one.guard if condition in only),
        )
        for name, one in steps.items()
        if name in only
    }


def sources(steps: Mapping[str, Compiled], only: Collection[str]) -> list[str]:
    """The steps that are not selected and the properties or files of which the selected ones read."""
    needed = dict.fromkeys(other for name, one in steps.items() if name in only for other in one.uses.steps)
    return [name for name in needed if name not in only]
