"""The SageMaker jobs an execution runs, as progress shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from asl_runner.history.events import Event
from asl_runner.sagemaker.kinds import TERMINAL, job_named_in
from asl_runner.sagemaker.metrics import OBJECTIVE_METRIC

if TYPE_CHECKING:
    from asl_runner.sagemaker.progress import JobProgress, TrialProgress

Jobs: TypeAlias = "Callable[[str, str], JobProgress | None]"
"""Gives the snapshot of a job by its kind and name; None for one that is not known."""

JobName: TypeAlias = tuple[str, str]
"""Kind and name."""


class JobNames:
    """Which job each visit of a Task awaits: read from the requests in its events."""

    def __init__(self) -> None:
        self._entered: dict[str, int] = {}
        self._names: dict[int, JobName] = {}

    def feed(self, events: Sequence[Event]) -> None:
        """Takes the next events."""
        for event in events:
            if event.type == "TaskStateEntered":
                self._entered[event.scope] = event.id
            elif event.type == "TaskScheduled" and (event.details or {}).get("resourceType") == "sagemaker":
                named = job_named_in(msgspec.json.decode(bytes((event.details or {})["parameters"])))
                if named is not None:
                    self._names[self._entered.get(event.scope, 0)] = (named[0].directory, named[1])

    def of(self, entered: int) -> JobName | None:
        """The job of the visit that event `entered` began."""
        return self._names.get(entered)

    @property
    def all(self) -> list[JobName]:
        """Every job so far, in the order of their states."""
        return list(self._names.values())


def ended(trial: TrialProgress) -> bool:
    """Whether nothing more will come of the trial."""
    return trial.status in TERMINAL


def short_name(trial: TrialProgress, job: str) -> str:
    """A trial's name without the tuning job's."""
    return trial.name.removeprefix(f"{job}-")


def short_value(text: str) -> str:
    """A hyperparameter's value in a few characters."""
    try:
        number = float(text)
    except ValueError:
        return text if len(text) <= 12 else f"{text[:11]}…"
    return text if len(text) <= 6 else f"{number:.4g}"


def trial_line(trial: TrialProgress, job: JobProgress) -> str:
    """An ended trial in one line."""
    parts = [f"trial {short_name(trial, job.name)}", trial.status]
    if trial.value is not None:
        parts.append(f"{job.objective}={trial.value:.6g}")
    if trial.best:
        parts.append("(best so far)")
    parts += [f"{name}={short_value(value)}" for name, value in trial.hyperparameters.items()]
    return "  ".join(parts)


def metrics_line(job: JobProgress) -> str:
    """A training job in one line: its status, and the last value of each metric."""
    shown = [f"{name}={value:.6g}" for name, value in job.metrics.items() if name != OBJECTIVE_METRIC]
    status = job.secondary_status if job.ended is None else job.status
    return "  ".join([job.name, status or job.status, *shown])
