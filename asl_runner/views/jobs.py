"""SageMaker jobs as a step shows them: status, results, and metrics as series to plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from asl_runner.sagemaker.metrics import MetricReader
from asl_runner.sagemaker.records import RECORD_FILE, Record

_KINDS = {
    "HyperParameterTuningJobName": "tuning",
    "TrainingJobName": "training",
    "TransformJobName": "transform",
    "ProcessingJobName": "processing",
}
_LOG_LINES = 400


def job_of(jobs: Path, request: str) -> dict[str, Any] | None:
    """The job a request created: its kind, name, document, end of the log and metrics; None if there is none here."""
    named = json.loads(request)
    for field, kind in _KINDS.items():
        if isinstance(named, dict) and isinstance(named.get(field), str):
            return _job(jobs, kind, named[field])
    return None


def _job(jobs: Path, kind: str, name: str) -> dict[str, Any] | None:
    record = _record(jobs, kind, name)
    if record is None:
        return None
    document = record.document
    status = next((value for key, value in document.items() if key.endswith("JobStatus")), "")
    shown = {"kind": kind, "name": name, "status": status, "document": document, "log": _log(jobs / kind / name)}
    shown["series"] = _series(jobs, record) if kind == "training" else []
    shown["trials"] = _trials(jobs, document) if kind == "tuning" else []
    return shown


def _record(jobs: Path, kind: str, name: str) -> Record | None:
    if "/" in name or name in ("", ".", ".."):
        return None
    try:
        return msgspec.json.decode((jobs / kind / name / RECORD_FILE).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None  # Not run here, or being written: the step shows what the history says.


def _log(directory: Path) -> str:
    try:
        lines = (directory / "log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_LOG_LINES:])


def _series(jobs: Path, record: Record) -> list[dict[str, Any]]:
    """Every metric of a training job over its log, in order."""
    reader = MetricReader(record.document.get("AlgorithmSpecification", {}).get("MetricDefinitions", []))
    try:
        with (jobs / record.kind / record.name / "log").open(encoding="utf-8", errors="replace") as log:
            for number, line in enumerate(log):
                reader.feed(line.rstrip("\n"), float(number))
    except OSError:
        return []
    return [
        {"name": name, "values": [one.value for one in readings]}
        for name, readings in reader.history.items()
        if name != "ObjectiveMetric"
    ]


def _trials(jobs: Path, tuning: dict[str, Any]) -> list[dict[str, Any]]:
    """The trials of a tuning job in the order they were begun: parameters and objective."""
    config = tuning.get("HyperParameterTuningJobConfig", {})
    objective = config.get("HyperParameterTuningJobObjective", {}).get("MetricName")
    best = tuning.get("BestTrainingJob", {}).get("TrainingJobName")
    ranges = config.get("ParameterRanges", {})
    tuned = [one["Name"] for kind in ranges.values() if isinstance(kind, list) for one in kind if "Name" in one]
    found = []
    for directory in sorted(jobs.glob(f"training/{_escaped(str(tuning['HyperParameterTuningJobName']))}-*")):
        record = _record(jobs, "training", directory.name)
        if record is None or record.document.get("TuningJobArn") != tuning["HyperParameterTuningJobArn"]:
            continue
        document = record.document
        final = {one["MetricName"]: one["Value"] for one in document.get("FinalMetricDataList", [])}
        parameters = document.get("HyperParameters", {})
        found.append(
            {
                "name": directory.name,
                "status": document.get("TrainingJobStatus"),
                "objective": objective,
                "value": final.get(objective),
                "best": directory.name == best,
                "parameters": {name: parameters[name] for name in tuned if name in parameters},
            }
        )
    return found


def _escaped(name: str) -> str:
    import glob

    return glob.escape(name)
