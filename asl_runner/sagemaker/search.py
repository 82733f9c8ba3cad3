"""Search strategies of hyperparameter tuning, as ask and tell without the tell: a proposal is a function of the trial's
number and of the results given with the question, so the same question always has the same answer (reference 5.3).

Points lie in the unit cube, one coordinate per range; `asl_runner.sagemaker.ranges` gives them their values.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from asl_runner.sagemaker.ranges import Range

Point: TypeAlias = Mapping[str, float]

_FIRST_POINTS = 3
_CANDIDATES_SEEN = 300


class Result(Struct, frozen=True):
    """What a finished trial taught: its objective, or None when it gave none."""

    point: Point
    value: float | None


class Strategy(Protocol):
    """Proposes the hyperparameters of trials."""

    learns: bool
    """Whether results matter to it."""

    def ask(self, index: int, results: Sequence[Result], running: Sequence[Point]) -> Point:
        """The point of trial `index` (from 0), knowing the finished and the running trials, in index order."""


class RandomSearch:
    """Each point drawn evenly and independently."""

    learns = False

    def __init__(self, ranges: Sequence[Range], seed: int) -> None:
        self._ranges = ranges
        self._seed = seed

    def ask(self, index: int, results: Sequence[Result], running: Sequence[Point]) -> Point:
        generator = random.Random(_mixed(self._seed, index))
        return {item.name: generator.random() for item in self._ranges}


class GridSearch:
    """Every combination of categorical values, the last range running fastest."""

    learns = False

    def __init__(self, ranges: Sequence[Range]) -> None:
        if any(item.choices is None for item in ranges):
            raise ValueError("The Grid strategy takes categorical hyperparameter ranges only.")
        self._ranges = ranges

    @property
    def size(self) -> int:
        """The number of combinations."""
        return math.prod(item.choices or 1 for item in self._ranges)

    def ask(self, index: int, results: Sequence[Result], running: Sequence[Point]) -> Point:
        point: dict[str, float] = {}
        rest = index
        for item in reversed(self._ranges):
            rest, place = divmod(rest, item.choices or 1)
            point[item.name] = (place + 0.5) / (item.choices or 1)
        return point


class BayesianSearch:
    """Evenly spread first points, then a tree-structured Parzen estimator (optuna) on the unit cube.

    `minimize` says which objective is better; `first` is how many points are spread before anything is learned.
    """

    learns = True

    def __init__(self, ranges: Sequence[Range], seed: int, *, minimize: bool, first: int) -> None:
        self._ranges = ranges
        self._seed = seed
        self._minimize = minimize
        self._first = max(first, _FIRST_POINTS)

    def ask(self, index: int, results: Sequence[Result], running: Sequence[Point]) -> Point:
        known = [result for result in results if result.value is not None]
        if index < self._first or not known or not self._ranges:
            return self._spread(index)
        return self._learned(index, known, running)

    def _spread(self, index: int) -> Point:
        """A point of the additive recurrence by the generalised golden ratio, shifted by the seed: even in any number
        of dimensions (M. Roberts, "The Unreasonable Effectiveness of Quasirandom Sequences")."""
        dimensions = len(self._ranges)
        ratio = 2.0
        for _ in range(40):
            ratio = (1 + ratio) ** (1 / (dimensions + 1))
        shift = random.Random(_mixed(self._seed, -1))
        return {
            item.name: (shift.random() + (index + 1) * ratio ** -(place + 1)) % 1.0
            for place, item in enumerate(self._ranges)
        }

    def _learned(self, index: int, known: Sequence[Result], running: Sequence[Point]) -> Point:
        import optuna
        from optuna.trial import TrialState, create_trial

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        space = {item.name: _distribution(item) for item in self._ranges}
        sampler = optuna.samplers.TPESampler(
            seed=_mixed(self._seed, index) % 2**32, n_startup_trials=0, multivariate=True, constant_liar=True
        )
        study = optuna.create_study(direction="minimize" if self._minimize else "maximize", sampler=sampler)
        for result in known[-_CANDIDATES_SEEN:]:
            study.add_trial(create_trial(value=result.value, params=self._encode(result.point), distributions=space))
        for point in running:
            study.add_trial(create_trial(state=TrialState.RUNNING, params=self._encode(point), distributions=space))
        return self._decode(study.ask(space).params)

    def _encode(self, point: Point) -> dict[str, Any]:
        return {
            item.name: point[item.name] if item.choices is None else int(point[item.name] * item.choices)
            for item in self._ranges
        }

    def _decode(self, params: Mapping[str, Any]) -> Point:
        return {
            item.name: float(params[item.name]) if item.choices is None else (params[item.name] + 0.5) / item.choices
            for item in self._ranges
        }


def _distribution(item: Range) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return FloatDistribution(0.0, 1.0) if item.choices is None else CategoricalDistribution(range(item.choices))


def _mixed(seed: int, index: int) -> int:
    """A seed of its own for each trial; neighbours must not be alike."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{index}".encode()).digest()[:8])
