"""Which plots there are of a job, and which there are not, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from asl_runner.errors import UsageError
from asl_runner.sagemaker.definitions import definitions
from asl_runner.sagemaker.explained import Explained, explain, is_xgboost
from asl_runner.sagemaker.kinds import TRAINING, TUNING
from asl_runner.sagemaker.records import Document, Record, Records
from asl_runner.views.job_figures import Panel, explained_panels, metric_panels, tuning_panels
from asl_runner.views.job_list import path_of, status_of
from asl_runner.views.jobs import series, trials_of

if TYPE_CHECKING:
    from asl_runner.storage.buckets import Buckets


def form_of(output: str) -> Literal["svg", "png"]:
    """The format a file's name asks for. Raises `UsageError` for another."""
    match Path(output).suffix.lower():
        case ".svg":
            return "svg"
        case ".png":
            return "png"
        case _:
            raise UsageError(f"{output} does not say what to draw; expected FILE.svg or FILE.png.")


def panels_of(records: Records, record: Record, buckets: Buckets) -> tuple[list[Panel], list[str]]:
    """The plots of a job, and notes on what is not drawn. Raises `UsageError` when there is nothing to plot."""
    if record.kind == TRAINING.directory:
        panels, notes = _training(records, record, buckets)
    elif record.kind == TUNING.directory:
        panels, notes = _tuning(records, record.document)
    else:
        raise UsageError(f"{path_of(record)} has no metrics; training and tuning jobs can be plotted.")
    if not panels:
        said = " ".join(["", *notes])
        raise UsageError(f"Nothing to plot of {path_of(record)}, which is {status_of(record)}.{said}")
    return panels, notes


def _training(records: Records, record: Record, buckets: Buckets) -> tuple[list[Panel], list[str]]:
    metrics = series(records, record)
    notes = [] if metrics else ["Its log holds no metrics."]
    explained = explain(buckets, record.document) if is_xgboost(record.document) else Explained()
    return [*metric_panels(metrics), *explained_panels(explained)], [*notes, *explained.notes]


def _tuning(records: Records, tuning: Document) -> tuple[list[Panel], list[str]]:
    trials = trials_of(records, tuning)
    goals = {one.objective["MetricName"]: one.objective["Type"] for one in definitions(tuning) if one.objective}
    ranges = [item for one in definitions(tuning) for group in one.ranges.values() for item in group]
    logarithmic = [item["Name"] for item in ranges if item.get("ScalingType") == "Logarithmic"]
    without = sum(one["value"] is None for one in trials)
    said = "1 trial has no objective" if without == 1 else f"{without} trials have no objective"
    return tuning_panels(trials, goals, logarithmic), [f"{said} so far."] if without else []
