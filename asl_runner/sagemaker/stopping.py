"""Which running trials of a tuning job are given up, from the values of their objective after each epoch.

Source: developer guide, "Stop Training Jobs Early", "Use Hyperband" (5.2); Li et al., "A System for Massively Parallel
Hyperparameter Tuning", for the rule by which trials are halved.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Protocol, TypeAlias

Values: TypeAlias = Sequence[float]

_MEDIAN_NEEDS = 3
_REDUCTION = 3


class Stopping(Protocol):
    """Judges trials."""

    def gives_up(self, trial: Values, ended: Sequence[Values], running: Sequence[Values]) -> bool:
        """Whether a running trial is to end, by its values so far and those of the other trials."""


class NoStopping:
    """Lets every trial run to its end."""

    def gives_up(self, trial: Values, ended: Sequence[Values], running: Sequence[Values]) -> bool:
        return False


class MedianStopping:
    """Ends a trial whose objective is worse than the median of the running averages of those that have ended."""

    def __init__(self, *, minimize: bool) -> None:
        self._minimize = minimize

    def gives_up(self, trial: Values, ended: Sequence[Values], running: Sequence[Values]) -> bool:
        epoch = len(trial)
        averages = [statistics.fmean(other[:epoch]) for other in ended if len(other) >= epoch > 0]
        if len(averages) < _MEDIAN_NEEDS:
            return False
        median = statistics.median(averages)
        return trial[-1] > median if self._minimize else trial[-1] < median


class HyperbandStopping:
    """Ends at each rung (`MinResource`, three times that, ...) all but the best third, at `MaxResource` every trial."""

    def __init__(self, least: int, most: int, *, minimize: bool) -> None:
        self._most = most
        self._sign = 1 if minimize else -1
        self._rungs = [least * _REDUCTION**power for power in range(64) if least * _REDUCTION**power < most]

    def gives_up(self, trial: Values, ended: Sequence[Values], running: Sequence[Values]) -> bool:
        if len(trial) >= self._most:
            return True
        others = [*ended, *running]
        return any(self._falls(trial, others, rung) for rung in self._rungs if rung <= len(trial))

    def _falls(self, trial: Values, others: Sequence[Values], rung: int) -> bool:
        reached = [self._sign * other[rung - 1] for other in others if len(other) >= rung]
        if len(reached) + 1 < _REDUCTION:
            return False
        better = sum(value < self._sign * trial[rung - 1] for value in reached)
        return better >= math.ceil((len(reached) + 1) / _REDUCTION)
