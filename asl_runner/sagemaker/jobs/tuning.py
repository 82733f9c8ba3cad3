"""Tuning jobs: trials side by side, each a training job of its own, until enough is known (reference section 5)."""

from __future__ import annotations

import threading
import time

import msgspec

from asl_runner.sagemaker import completion, kinds, moments, trials, warm_start
from asl_runner.sagemaker.definitions import place
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.jobs import training
from asl_runner.sagemaker.jobs.base import Job, Site, Stopped
from asl_runner.sagemaker.jobs.training import TrainingJob
from asl_runner.sagemaker.jobs.tuning_request import Plan, trial_request
from asl_runner.sagemaker.kinds import TERMINAL
from asl_runner.sagemaker.metrics import OBJECTIVE_METRIC
from asl_runner.sagemaker.progress import CURVE_POINTS, JobProgress, TrialProgress
from asl_runner.sagemaker.ranges import texts
from asl_runner.sagemaker.records import Document, Record
from asl_runner.sagemaker.search import Point, Result, Strategy

_FAILURES_ENOUGH = 5
_LOOK_SECONDS = 0.2


class Trial:
    """One trial: its place in the search and its training job."""

    def __init__(self, point: Point, job: TrainingJob, which: int) -> None:
        self.point = point
        self.job = job
        self.which = which
        """The number of its training job definition."""
        self.given_up = False
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
        self._parents = [
            warm_start.known(site.records, self.document, search.ranges, minimize=self.plan.minimize)
            for search in self.plan.searches
        ]

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
        standing = self._standing()
        now = moments.now()
        changes: Document = {**standing, "HyperParameterTuningJobStatus": status, "HyperParameterTuningEndTime": now}
        if reason is not None:
            changes["FailureReason"] = reason
        started = self.document["CreationTime"]
        changes["ConsumedResources"] = {"RuntimeInSeconds": max(1, round(now - started))}
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
        values = self._values()
        if len(finished) >= self.plan.total or (not values and len(finished) >= _FAILURES_ENOUGH):
            return True
        return completion.is_complete(self.plan.criteria, values, minimize=self.plan.minimize)

    def _values(self) -> list[float]:
        """The objectives of the trials that have ended, in the order of the trials."""
        results = [trial.result for trial in self.trials if trial.result is not None]
        return [result.value for result in results if result.value is not None]

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
        return self.plan.learns and self.plan.given_seed is not None

    @property
    def _known(self) -> int:
        """How many of the first trials a reproducible proposal may use."""
        return max(0, len(self.trials) - self.plan.parallel + 1)

    def _start_trial(self) -> None:
        index = len(self.trials)
        which, number = place(index, self.document)
        search, known = self.plan.searches[which], self._parents[which]
        point = self._asked(search.strategy, number, which)
        if number < len(known.points):
            point = known.points[number]
        name = trials.trial_name(self.name, index + 1, self.plan.seed)
        request = trial_request(search.definition.document, name, texts(search.ranges, point))
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
        self.trials.append(Trial(point, job, which))
        job.start()
        self._record_standing()

    def _asked(self, strategy: Strategy, number: int, which: int) -> Point:
        """What a definition's strategy proposes for its trial `number`, by what may be known of its others."""
        seen = self.trials[: self._known] if self._reproducible else self.trials
        results = [trial.result for trial in seen if trial.result is not None and trial.which == which]
        ahead = self.trials[self._known :] if self._reproducible else [t for t in self.trials if t.running]
        before = self._parents[which].results
        running = [trial.point for trial in ahead if trial.which == which]
        return strategy.ask(number + len(before), [*before, *results], running)

    def _running_count(self) -> int:
        return sum(trial.running for trial in self.trials)

    def _stop_hopeless(self) -> None:
        """Ends the running trials that the strategy, or early stopping, gives up."""
        values = {trial.job.name: _objectives(trial) for trial in self.trials}
        ended = [values[trial.job.name] for trial in self.trials if not trial.running]
        for trial in self.trials:
            if trial.running and not trial.given_up:
                others = [values[one.job.name] for one in self.trials if one.running and one is not trial]
                trial.given_up = self.plan.stopping.gives_up(values[trial.job.name], ended, others)
                if trial.given_up:
                    trial.job.stop()

    def _end_trials(self) -> None:
        for trial in self.trials:
            trial.job.stop()
        for trial in self.trials:
            trial.job.join()
        self._settle()

    def _documents(self) -> list[Document]:
        return [trial.job.document for trial in self.trials]

    def _standing(self) -> Document:
        tuning = self.document
        found = {**trials.standing(self._documents(), tuning), **self._overall_best(tuning)}
        if self.plan.criteria:
            count = completion.not_improving(self._values(), minimize=self.plan.minimize)
            details: Document = {"NumberOfTrainingJobsObjectiveNotImproving": count}
            converged = completion.has_converged(self._values(), minimize=self.plan.minimize)
            if completion.is_wanted(self.plan.criteria) and converged:
                known = tuning.get("TuningJobCompletionDetails", {})
                details["ConvergenceDetectedTime"] = known.get("ConvergenceDetectedTime", moments.now())
            found["TuningJobCompletionDetails"] = details
        return found

    def _overall_best(self, tuning: Document) -> Document:
        """The best trial of this job and its parents, which have the same data and algorithm."""
        if tuning.get("WarmStartConfig", {}).get("WarmStartType") != warm_start.IDENTICAL:
            return {}
        every = [(trial, tuning) for trial in self._documents()]
        every += warm_start.parent_trials(self.site.records, tuning)
        leader = trials.best([trial for trial, _ in every], tuning)
        if leader is None:
            return {}
        job = next(one for trial, one in every if trial is leader)
        named = {"TuningJobName": job["HyperParameterTuningJobName"]}
        return {"OverallBestTrainingJob": {**trials.summary(leader, job), **named}}

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


def _objectives(trial: Trial) -> list[float]:
    return [reading.value for reading in list(trial.job.metrics.history.get(OBJECTIVE_METRIC, ()))]


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
        curve=trial.job.metrics.curve(OBJECTIVE_METRIC, CURVE_POINTS),
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
