"""SageMaker jobs as pages and commands show them: status, results, and metrics as series to plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from asl_runner.errors import WorkspaceError
from asl_runner.sagemaker import trials
from asl_runner.sagemaker.kinds import TRAINING, TUNING, Kind, job_named_in
from asl_runner.sagemaker.metrics import OBJECTIVE_METRIC, MetricReader
from asl_runner.sagemaker.records import LOG_FILE, Document, Record, Records

_LOG_LINES = 400
_FINAL = "FinalHyperParameterTuningJobObjectiveMetric"


def job_of(jobs: Path, request: str) -> dict[str, Any] | None:
    """The job a request created: its kind, name, document, end of the log and metrics; None if there is none here."""
    named = job_named_in(json.loads(request))
    return None if named is None else _job(Records(jobs), *named)


def series(records: Records, record: Record) -> dict[str, list[float]]:
    """Every metric of a training job over its log, in order: the values by the metric's name."""
    reader = MetricReader(record.document.get("AlgorithmSpecification", {}).get("MetricDefinitions", []))
    try:
        with log_path(records, record).open(encoding="utf-8", errors="replace") as log:
            for number, line in enumerate(log):
                reader.feed(line.rstrip("\n"), float(number))
    except OSError:
        return {}
    return {
        name: [one.value for one in readings] for name, readings in reader.history.items() if name != OBJECTIVE_METRIC
    }


def log_path(records: Records, record: Record) -> Path:
    """The file with what a job's containers print."""
    return records.directory(record.kind, record.name) / LOG_FILE


def trials_of(records: Records, tuning: Document) -> list[dict[str, Any]]:
    """The trials of a tuning job in the order they were begun: parameters and objective."""
    best = tuning.get("BestTrainingJob", {}).get("TrainingJobName")
    return [_trial(trials.summary(one.document, tuning), tuning, best) for one in trial_records(records, tuning)]


def trial_records(records: Records, tuning: Document) -> list[Record]:
    """The training jobs of a tuning job, in the order they were begun."""
    found = {one.name: one for one in records.all(TRAINING.directory, f"{tuning[TUNING.name]}-")}
    begun = trials.belonging((one.document for one in found.values()), tuning)
    return [found[one["TrainingJobName"]] for one in begun]


def _job(records: Records, kind: Kind, name: str) -> dict[str, Any] | None:
    if "/" in name or name in ("", ".", ".."):
        return None
    try:
        record = records.read(kind.directory, name)
        if record is None:
            return None
        shown = trials_of(records, record.document) if kind is TUNING else []
    except WorkspaceError:
        return None  # What cannot be read is not shown: the step has what the history says.
    curves = series(records, record) if kind is TRAINING else {}
    return {
        "kind": kind.directory,
        "name": name,
        "status": record.document[str(kind.status)],
        "document": record.document,
        "log": _log(log_path(records, record)),
        "series": [{"name": metric, "values": values} for metric, values in curves.items()],
        "trials": shown,
    }


def _log(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_LOG_LINES:])


def _trial(summary: Document, tuning: Document, best: str | None) -> dict[str, Any]:
    final = summary.get(_FINAL, {})
    return {
        "name": summary["TrainingJobName"],
        "status": summary["TrainingJobStatus"],
        "objective": final.get("MetricName", trials.objective(tuning).get("MetricName")),
        "value": final.get("Value"),
        "best": summary["TrainingJobName"] == best,
        "parameters": summary["TunedHyperParameters"],
    }
