"""How SageMaker jobs stand that another process runs, from the records and logs they leave."""

from __future__ import annotations

from pathlib import Path

from asl_runner.sagemaker import trials
from asl_runner.sagemaker.definitions import definitions
from asl_runner.sagemaker.kinds import TRAINING, TUNING
from asl_runner.sagemaker.metrics import OBJECTIVE_METRIC, MetricReader
from asl_runner.sagemaker.progress import CURVE_POINTS, JobProgress, TrialProgress
from asl_runner.sagemaker.records import Document, Record, Records
from asl_runner.views.growing_log import GrowingLog
from asl_runner.views.job_list import KINDS, has_ended, status_of, times_of
from asl_runner.views.jobs import log_path, trial_records


class RecordedJobs:
    """Snapshots of jobs; logs are read on at each look, and nothing is read of a job that has ended."""

    def __init__(self, root: Path) -> None:
        """`root` is the workspace's directory of jobs."""
        self._records = Records(root)
        self._logs: dict[str, tuple[GrowingLog, MetricReader]] = {}
        self._ended: dict[tuple[str, str], JobProgress] = {}

    def progress(self, kind: str, name: str) -> JobProgress | None:
        """How a job stands; None for one that is not here. Raises `WorkspaceError` for a record that is damaged."""
        if (known := self._ended.get((kind, name))) is not None:
            return known
        record = self._records.read(kind, name) if kind in KINDS else None
        if record is None:
            return None
        found = self._snapshot(record)
        if has_ended(record):
            self._ended[(kind, name)] = found
        return found

    def _snapshot(self, record: Record) -> JobProgress:
        created, ended = times_of(record)
        metrics = self._metrics(record) if record.kind == TRAINING.directory else MetricReader(())
        tuning = record.document if record.kind == TUNING.directory else None
        return JobProgress(
            kind=record.kind,
            name=record.name,
            status=status_of(record),
            secondary_status=record.document.get("SecondaryStatus", ""),
            created=created,
            ended=ended,
            failure_reason=record.document.get("FailureReason"),
            metrics=metrics.latest(),
            curves=metrics.curves(CURVE_POINTS),
            objective=None if tuning is None else trials.objective(tuning).get("MetricName"),
            total=None if tuning is None else _total(tuning),
            trials=() if tuning is None else self._trials(tuning),
        )

    def _trials(self, tuning: Document) -> tuple[TrialProgress, ...]:
        best = tuning.get("BestTrainingJob", {}).get("TrainingJobName")
        begun = trial_records(self._records, tuning)
        return tuple(self._trial(one, number, tuning, best) for number, one in enumerate(begun, 1))

    def _trial(self, record: Record, number: int, tuning: Document, best: str | None) -> TrialProgress:
        document, metrics = record.document, self._metrics(record)
        return TrialProgress(
            name=record.name,
            number=number,
            status=document["TrainingJobStatus"],
            secondary_status=document["SecondaryStatus"],
            hyperparameters=trials.summary(document, tuning)["TunedHyperParameters"],
            value=metrics.last(OBJECTIVE_METRIC),
            curve=metrics.curve(OBJECTIVE_METRIC, CURVE_POINTS),
            best=record.name == best,
            started=document.get("TrainingStartTime"),
            ended=document.get("TrainingEndTime"),
        )

    def _metrics(self, record: Record) -> MetricReader:
        """The metrics in a training job's log so far."""
        if record.name not in self._logs:
            defined = record.document["AlgorithmSpecification"].get("MetricDefinitions", ())
            self._logs[record.name] = GrowingLog(log_path(self._records, record)), MetricReader(defined)
        log, metrics = self._logs[record.name]
        for line in log.fresh():
            metrics.feed(line, 0.0)
        if has_ended(record):
            for line in log.last():
                metrics.feed(line, 0.0)
        return metrics


def _total(tuning: Document) -> int:
    """How many trials a tuning job may make: with the Grid strategy, if nothing limits it, all combinations."""
    limit = tuning["HyperParameterTuningJobConfig"]["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    return int(limit) if limit else sum(one.grid for one in definitions(tuning))
