"""The SageMaker jobs a workspace keeps: all of them, and which one a person means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from asl_runner.errors import NotFound, UsageError
from asl_runner.sagemaker import trials
from asl_runner.sagemaker.kinds import JOBS, TERMINAL, TRAINING, TUNING, Kind
from asl_runner.sagemaker.metrics import OBJECTIVE_METRIC
from asl_runner.sagemaker.records import Record, Records

LATEST = "latest"
KINDS = {kind.directory: kind for kind in JOBS.values()}
"""The kinds by the word they are known by: `tuning`, `training`, `transform`, `processing`."""

_SHOWN = 5
"""Candidates a message lists."""


def kept(records: Records, kind: str | None = None) -> list[Record]:
    """The jobs of all kinds, or of one, newest first. Raises `WorkspaceError` for a record that cannot be read."""
    found = [record for name in KINDS if kind in (None, name) for record in records.all(name)]
    return sorted(found, key=lambda record: float(record.document["CreationTime"]), reverse=True)


def find(records: Records, text: str) -> Record:
    """The job meant by a name, `KIND/NAME`, the beginning of either, an ARN, `latest` or `KIND/latest`.

    The latest is no trial where there is anything else.

    Raises `NotFound`, with names that are close, and `UsageError` when several are meant.
    """
    everything = kept(records)
    if not everything:
        raise NotFound(f"No SageMaker jobs in {records.root}; `asl-runner run` runs those of a state machine there.")
    if text.rpartition("/")[2] == LATEST:
        among = [one for one in everything if text in (LATEST, f"{one.kind}/{LATEST}")]
        if among:
            return next((record for record in among if not is_trial(record)), among[0])
    named = [record for record in everything if text in (record.name, path_of(record), arn_of(record))]
    begun = [record for record in everything if text and (record.name.startswith(text) or _begins(record, text))]
    # The name of a tuning job begins those of its trials.
    found = named or [record for record in begun if not is_trial(record)] or begun
    if not found:
        raise NotFound(f"No SageMaker job is called {text!r}.{_hint(text, everything)}")
    if len(found) > 1:
        raise UsageError(_ambiguous(text, found, "is the name" if named else "begins the names"))
    return found[0]


def kind_of(record: Record) -> Kind:
    """The kind of a job."""
    return KINDS[record.kind]


def path_of(record: Record) -> str:
    """`KIND/NAME`."""
    return f"{record.kind}/{record.name}"


def arn_of(record: Record) -> str:
    """The job's ARN."""
    return str(record.document.get(kind_of(record).arn, ""))


def status_of(record: Record) -> str:
    """The status the API gives the job."""
    return str(record.document[str(kind_of(record).status)])


def has_ended(record: Record) -> bool:
    """Whether the job stays as it is."""
    return status_of(record) in TERMINAL


def is_lost(records: Records, record: Record) -> bool:
    """Whether the process that ran the job is gone without its end."""
    return not has_ended(record) and records.is_orphan(record)


def times_of(record: Record) -> tuple[float, float | None]:
    """When the job was created, and when it ended; seconds since the epoch."""
    return record.document["CreationTime"], record.document.get(str(kind_of(record).end_time))


def is_trial(record: Record) -> bool:
    """Whether a tuning job began it."""
    return "TuningJobArn" in record.document


def result_of(record: Record) -> dict[str, float]:
    """What a job came to: a training job's final metrics, or the best objective of a tuning job; `{}` without."""
    if record.kind == TUNING.directory:
        best = record.document.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric")
        return {} if best is None else {best["MetricName"]: best["Value"]}
    if record.kind != TRAINING.directory:
        return {}
    final = record.document.get("FinalMetricDataList", ())
    return {one["MetricName"]: one["Value"] for one in final if one["MetricName"] != OBJECTIVE_METRIC}


def minimizes(tuning: Record) -> bool:
    """Whether a tuning job looks for the smallest objective."""
    return trials.objective(tuning.document).get("Type") == "Minimize"


def row_of(record: Record, *, gone: bool) -> dict[str, Any]:
    """A job as scripts get it."""
    created, ended = times_of(record)
    row: dict[str, Any] = {"kind": record.kind, "name": record.name, "arn": arn_of(record), "status": status_of(record)}
    if gone:
        row["processGone"] = True
    if is_trial(record):
        row["tuningJobArn"] = record.document["TuningJobArn"]
    row |= {"created": _moment(created), "ended": None if ended is None else _moment(ended)}
    row["metrics"] = result_of(record)
    if reason := record.document.get("FailureReason"):
        row["failureReason"] = reason
    return row


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _begins(record: Record, text: str) -> bool:
    return "/" in text and path_of(record).startswith(text)


def _ambiguous(text: str, found: Sequence[Record], how: str) -> str:
    lines = [path_of(record) for record in found[:_SHOWN]] + ["..."] * (len(found) > _SHOWN)
    return "\n  ".join([f"{text!r} {how} of several jobs; give one of these:", *lines])


def _hint(text: str, everything: Sequence[Record]) -> str:
    from difflib import get_close_matches

    names = list(dict.fromkeys(record.name for record in everything))
    close = get_close_matches(text.rpartition("/")[2], names, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(close)}?" if close else " `asl-runner jobs` shows those there are."
