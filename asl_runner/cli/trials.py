"""The trials of tuning jobs, as progress shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct


class Trial(Struct, frozen=True, kw_only=True):
    """One training job of a tuning job."""

    name: str
    status: str
    """`InProgress`, `Completed`, `Failed`, `Stopping`, `Stopped`."""
    hyperparameters: Mapping[str, str] = {}
    """The tuned ones."""
    metric_name: str = ""
    metric: float | None = None
    """The objective so far or at the end."""
    best: bool = False
    seconds: float | None = None
    reason: str = ""
    """Why it failed."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ("Completed", "Failed", "Stopped")


TuningJobs: TypeAlias = Callable[[], Sequence[tuple[str, Sequence[Trial]]]]
"""Gives name and trials of every tuning job of this process, in the order they were created."""


def short_value(text: str) -> str:
    """A hyperparameter's value in at most some seven characters."""
    try:
        number = float(text)
    except ValueError:
        return text if len(text) <= 12 else f"{text[:11]}…"
    return text if len(text) <= 7 else f"{number:.4g}"


def trial_line(trial: Trial) -> str:
    """An ended trial in one line."""
    parts = [trial.name, trial.status]
    if trial.metric is not None:
        parts.append(f"{trial.metric_name}={trial.metric:.6g}")
    parts += [f"{name}={short_value(value)}" for name, value in trial.hyperparameters.items()]
    if trial.reason:
        parts.append(trial.reason.splitlines()[0])
    return "  ".join(parts)
