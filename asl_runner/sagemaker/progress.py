"""What a person wants to see of a running job: a cheap snapshot, for which no file is read."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

CURVE_POINTS = 16
"""Values of a metric a snapshot has at most, evenly chosen from the first to the newest."""


class TrialProgress(Struct, frozen=True, kw_only=True):
    """One trial of a tuning job."""

    name: str
    number: int
    """From 1."""
    status: str
    """`TrainingJobStatus`."""
    secondary_status: str
    hyperparameters: Mapping[str, str]
    """The tuned ones."""
    value: float | None
    """The objective: the last value seen so far, or the final one."""
    curve: tuple[float, ...] = ()
    """The objective over time."""
    best: bool
    """Whether it is the best completed trial so far."""
    started: float | None
    """Seconds since the epoch; None while it waits for a free core."""
    ended: float | None


class JobProgress(Struct, frozen=True, kw_only=True):
    """One job."""

    kind: str
    """`training`, `tuning`, `transform` or `processing`."""
    name: str
    status: str
    secondary_status: str
    """Of a training job, else ""."""
    created: float
    """Seconds since the epoch."""
    ended: float | None
    failure_reason: str | None
    metrics: Mapping[str, float] = {}
    """Of a training job: the last value of each metric so far."""
    curves: Mapping[str, tuple[float, ...]] = {}
    """Of a training job: each metric over time."""
    objective: str | None = None
    """Of a tuning job: the metric that is tuned."""
    total: int | None = None
    """Of a tuning job: how many trials it may make."""
    trials: tuple[TrialProgress, ...] = ()
    log: tuple[str, ...] = ()
    """Of a job on AWS: the newest lines of its log."""
    log_lines: int = 0
    """How many lines its log has so far, with those no longer in `log`."""
