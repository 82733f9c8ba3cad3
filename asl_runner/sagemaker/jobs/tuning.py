"""Tuning jobs: trials side by side, each a training job of its own, until enough is known (reference section 5)."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence

import msgspec

from asl_runner.sagemaker import kinds, moments, trials
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.jobs import training
from asl_runner.sagemaker.jobs.base import Job, Site, Stopped
from asl_runner.sagemaker.jobs.training import TrainingJob
from asl_runner.sagemaker.jobs.tuning_request import Plan, trial_request
from asl_runner.sagemaker.kinds import TERMINAL
from asl_runner.sagemaker.metrics import OBJECTIVE_METRIC, Reading
from asl_runner.sagemaker.progress import JobProgress, TrialProgress
from asl_runner.sagemaker.ranges import texts
from asl_runner.sagemaker.records import Document, Record
from asl_runner.sagemaker.search import Point, Result

_FAILURES_ENOUGH = 5
_MEDIAN_NEEDS = 3
_LOOK_SECONDS = 0.2


class Trial:
    """One trial: its place in the search and its training job."""

    def __init__(self, point: Point, job: TrainingJob) -> None:
        self.point = point
        self.job = job
        self.result: Result | None = None

    @property
    def running(self) -> bool:
        return self.result is None


class TuningJob(Job):
    """One tuning job."""

    kind = kinds.TUNING

    def __init__(self, site: Site, name: str) -> None:
        super().__init__(site, name)
        self.plan = Plan(self.document)
        self.trials: list[Trial] = []
        self._tags: dict[str, str] = {}
        self._something_ended = threading.Event()

    def run(self) -> None:
        record = self.site.records.read(self.kind.directory, self.name)
        self._tags = record.tags if record is not None else {}
        try:
            self._search()
        finally:
            self._end_trials()
        if trials.best(self._documents(), self.document) is None:
            raise JobFailed("", self._nothing_succeeded())
        self.finish("Completed", "Completed", None)

    def progress(self) -> JobProgress:
        tuning = self.document
        best = tuning.get("BestTrainingJob", {}).get("TrainingJobName")
        shown = tuple(_trial_progress(trial, number, tuning, best) for number, trial in enumerate([*self.trials], 1))
        return msgspec.structs.replace(
            super().progress(),
            objective=trials.objective(tuning)["MetricName"],
            total=self.plan.total,
            trials=shown,
        )

    def finish(self, status: str, detail: str, reason: str | None) -> None:
        now = moments.now()
        changes: Document = {"HyperParameterTuningJobStatus": status, "HyperParameterTuningEndTime": now}
        if reason is not None:
            changes["FailureReason"] = reason
        started = self.document["CreationTime"]
        changes["ConsumedResources"] = {"RuntimeInSeconds": max(1, round(now - started))}
        changes |= self._standing()
        self.update(lambda document: {**document, **changes, "LastModifiedTime": now})

    def _search(self) -> None:
        deadline = None if self.plan.runtime is None else time.monotonic() + self.plan.runtime
        while True:
            self._something_ended.clear()
            if self._settle():
                self._record_standing()
            if self.stop_requested():
                raise Stopped
            if self._enough() or (deadline is not None and time.monotonic() >= deadline):
                return
            while self._may_start():
                self._start_trial()
            if self.plan.early_stopping:
                self._stop_hopeless()
            self._something_ended.wait(_LOOK_SECONDS)

    def _settle(self) -> bool:
        """Takes the results of trials that ended; whether there were any."""
        ended = [
            trial for trial in self.trials if trial.running and trial.job.document["TrainingJobStatus"] in TERMINAL
        ]
        for trial in ended:
            document = trial.job.document
            failed = trials.objective_status(document) == "Failed"
            trial.result = Result(trial.point, None if failed else trials.objective_value(document))
            self.note(_table_line(document, self.document))
        return bool(ended)

    def _enough(self) -> bool:
        finished = [trial.result for trial in self.trials if trial.result is not None]
        values = [result.value for result in finished if result.value is not None]
        if len(finished) >= self.plan.total or (not values and len(finished) >= _FAILURES_ENOUGH):
            return True
        return self._target_reached(values) or self._stopped_improving(values)

    def _target_reached(self, values: Sequence[float]) -> bool:
        target: float | None = self.plan.criteria.get("TargetObjectiveMetricValue")
        if target is None:
            return False
        return any((value <= target) if self.plan.minimize else (value >= target) for value in values)

    def _stopped_improving(self, values: Sequence[float]) -> bool:
        criterion = self.plan.criteria.get("BestObjectiveNotImproving", {})
        patience: int | None = criterion.get("MaxNumberOfTrainingJobsNotImproving")
        if patience is None or len(values) <= patience:
            return False
        best = (min if self.plan.minimize else max)(values)
        return len(values) - 1 - values.index(best) >= patience

    def _may_start(self) -> bool:
        """Whether the next trial can start now.

        With a given seed a learning strategy is asked with exactly the trials `parallel` places back and earlier, which
        must then have ended, so that timing cannot change what is proposed.
        """
        at_once = min(self.plan.parallel, self.site.slots.limit)
        if len(self.trials) >= self.plan.total or sum(trial.running for trial in self.trials) >= at_once:
            return False
        return not self._reproducible or all(not trial.running for trial in self.trials[: self._known])

    @property
    def _reproducible(self) -> bool:
        return self.plan.strategy.learns and self.plan.given_seed is not None

    @property
    def _known(self) -> int:
        """How many of the first trials a reproducible proposal may use."""
        return max(0, len(self.trials) - self.plan.parallel + 1)

    def _start_trial(self) -> None:
        index = len(self.trials)
        seen = self.trials[: self._known] if self._reproducible else self.trials
        results = [trial.result for trial in seen if trial.result is not None]
        ahead = self.trials[self._known :] if self._reproducible else [t for t in self.trials if t.running]
        point = self.plan.strategy.ask(index, results, [trial.point for trial in ahead])
        name = trials.trial_name(self.name, index + 1, self.plan.seed)
        request = trial_request(self.plan.definition, name, texts(self.plan.ranges, point))
        document = training.new_document(request, self.site.arn(kinds.TRAINING, name), moments.now())
        document["TuningJobArn"] = self.document["HyperParameterTuningJobArn"]
        directory = kinds.TRAINING.directory
        record = Record(
            kind=directory, name=name, document=document, tags=dict(self._tags), owner=self.site.records.owner
        )
        try:
            self.site.records.create(record)
        except FileExistsError as error:
            raise JobFailed(
                "ClientError", f"A training job with the name of a trial, {name}, already exists."
            ) from error
        left = self.plan.total - index
        job = TrainingJob(self.site, name, companions=min(self.plan.parallel, left + self._running_count()))
        job.on_end = self._something_ended.set
        self.trials.append(Trial(point, job))
        job.start()
        self._record_standing()

    def _running_count(self) -> int:
        return sum(trial.running for trial in self.trials)

    def _stop_hopeless(self) -> None:
        """Early stopping: a trial whose objective is worse than the median of the others' running averages ends."""
        finished = [t.job.metrics.history.get(OBJECTIVE_METRIC, []) for t in self.trials if not t.running]
        for trial in self.trials:
            readings = list(trial.job.metrics.history.get(OBJECTIVE_METRIC, ())) if trial.running else []
            if readings and self._is_hopeless([reading.value for reading in readings], finished):
                trial.job.stop()

    def _is_hopeless(self, values: Sequence[float], finished: Sequence[Sequence[Reading]]) -> bool:
        epoch = len(values)
        averages = [
            statistics.fmean(reading.value for reading in other[:epoch]) for other in finished if len(other) >= epoch
        ]
        if len(averages) < _MEDIAN_NEEDS:
            return False
        median = statistics.median(averages)
        return values[-1] > median if self.plan.minimize else values[-1] < median

    def _end_trials(self) -> None:
        for trial in self.trials:
            trial.job.stop()
        for trial in self.trials:
            trial.job.join()
        self._settle()

    def _documents(self) -> list[Document]:
        return [trial.job.document for trial in self.trials]

    def _standing(self) -> Document:
        return trials.standing(self._documents(), self.document)

    def _record_standing(self) -> None:
        standing = self._standing()
        self.update(lambda document: {**document, **standing, "LastModifiedTime": moments.now()})

    def _nothing_succeeded(self) -> str:
        reasons = [_why_no_objective(document) for document in self._documents()]
        failures = [reason for reason, document in zip(reasons, self._documents(), strict=True) if _failed(document)]
        return (
            f"No training job succeeded after {len(self.trials)} attempts. Please take a look at the training job "
            f"failures to get more details. The last one: {[*reasons, *failures][-1]}"
        )


def _failed(trial: Document) -> bool:
    return bool(trial["TrainingJobStatus"] == "Failed")


def _why_no_objective(trial: Document) -> str:
    """Why a trial cannot be the best one."""
    if _failed(trial):
        return str(trial.get("FailureReason", ""))
    if trial["TrainingJobStatus"] == "Stopped":
        return f"it was stopped before its end ({trial['SecondaryStatus']})"
    return "the objective metric was not found in the log"


def _trial_progress(trial: Trial, number: int, tuning: Document, best: str | None) -> TrialProgress:
    document = trial.job.document
    return TrialProgress(
        name=trial.job.name,
        number=number,
        status=document["TrainingJobStatus"],
        secondary_status=document["SecondaryStatus"],
        hyperparameters=trials.summary(document, tuning)["TunedHyperParameters"],
        value=trial.job.metrics.last(OBJECTIVE_METRIC),
        best=trial.job.name == best,
        started=document.get("TrainingStartTime"),
        ended=document.get("TrainingEndTime"),
    )


def _table_line(trial: Document, tuning: Document) -> str:
    """One line of the job's log: the trial, its objective, its hyperparameters."""
    found = trials.summary(trial, tuning)
    metric = found.get("FinalHyperParameterTuningJobObjectiveMetric", {})
    tuned = " ".join(f"{name}={value}" for name, value in found["TunedHyperParameters"].items())
    return f"{found['TrainingJobName']}\t{found['TrainingJobStatus']}\t{metric.get('Value', '-')}\t{tuned}"
