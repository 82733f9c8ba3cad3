"""When a tuning job has found enough: `TuningJobCompletionCriteria` (reference 5.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_CONVERGENCE_NEEDS = 10
_CONVERGENCE_LOOKS_AT = 5
_CONVERGED = 0.01


def is_complete(criteria: Mapping[str, Any], values: Sequence[float], *, minimize: bool) -> bool:
    """Whether one of the criteria holds for the objectives of the trials that have ended, in their order."""
    target = criteria.get("TargetObjectiveMetricValue")
    if target is not None and any(value <= target if minimize else value >= target for value in values):
        return True
    patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
    if patience is not None and not_improving(values, minimize=minimize) >= patience:
        return True
    return is_wanted(criteria) and has_converged(values, minimize=minimize)


def is_wanted(criteria: Mapping[str, Any]) -> bool:
    """Whether the job ends on convergence."""
    return bool(criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled")


def not_improving(values: Sequence[float], *, minimize: bool) -> int:
    """How many trials ended after the best one."""
    if not values:
        return 0
    best = (min if minimize else max)(values)
    return len(values) - 1 - values.index(best)


def has_converged(values: Sequence[float], *, minimize: bool) -> bool:
    """Whether the last five of at least ten trials have improved the best objective by no more than one percent."""
    if len(values) < _CONVERGENCE_NEEDS:
        return False
    choose = min if minimize else max
    before, now = choose(values[:-_CONVERGENCE_LOOKS_AT]), choose(values)
    return abs(before - now) <= _CONVERGED * abs(before)
