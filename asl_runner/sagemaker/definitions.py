"""The training job definitions of a tuning job: one, or several that are tuned side by side (reference 5.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from asl_runner.sagemaker.records import Document


class Definition(Struct, frozen=True):
    """One training job definition with what is searched in it."""

    name: str | None
    """`DefinitionName`; None where it has none."""
    document: Document
    ranges: Mapping[str, Any]
    """A `ParameterRanges` document."""
    objective: Mapping[str, str]
    """`Type` and `MetricName`; empty where a request has none."""

    @property
    def tuned(self) -> list[str]:
        """The names of the hyperparameters it varies."""
        return [item["Name"] for group in self.ranges.values() for item in group]

    @property
    def grid(self) -> int:
        """How many combinations its categorical ranges have."""
        return math.prod(len(item["Values"]) for item in self.ranges.get("CategoricalParameterRanges", ()))


def definitions(tuning: Document) -> list[Definition]:
    """All definitions of a tuning job, from its request or Describe document."""
    config = tuning["HyperParameterTuningJobConfig"]
    if "TrainingJobDefinitions" in tuning:
        return [
            Definition(
                one.get("DefinitionName"), one, one.get("HyperParameterRanges", {}), one.get("TuningObjective", {})
            )
            for one in tuning["TrainingJobDefinitions"]
        ]
    one = tuning.get("TrainingJobDefinition", {})
    ranges = one.get("HyperParameterRanges") or config.get("ParameterRanges", {})
    objective = one.get("TuningObjective") or config.get("HyperParameterTuningJobObjective", {})
    return [Definition(one.get("DefinitionName"), one, ranges, objective)]


def place(index: int, tuning: Document) -> tuple[int, int]:
    """Which definition the trial `index` (from 0) is of, and its number among those of that definition.

    Definitions take turns; with the Grid strategy the combinations of one come after those of the other.
    """
    found = definitions(tuning)
    if tuning["HyperParameterTuningJobConfig"]["Strategy"] != "Grid":
        return index % len(found), index // len(found)
    for which, one in enumerate(found):
        if index < one.grid:
            return which, index
        index -= one.grid
    return len(found) - 1, index


def definition_of(trial: str, tuning: Document) -> Definition:
    """The definition of a trial, which its name tells: `<tuning job>-<number>-<digits>`."""
    number = int(trial.rsplit("-", 2)[1])
    return definitions(tuning)[place(number - 1, tuning)[0]]


def names(tuning: Document) -> Sequence[str]:
    """Every hyperparameter a tuning job varies or fixes, for comparing jobs."""
    found: set[str] = set()
    for one in definitions(tuning):
        found |= {*one.tuned, *one.document.get("StaticHyperParameters", {})}
    return sorted(found)
