"""Trials of a tuning job, told from their training records: summaries, counters, the best one (reference 5.2).

Everything here is a function of documents, so the answers are the same while a job runs and years later.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asl_runner.sagemaker.definitions import definition_of, definitions
from asl_runner.sagemaker.metrics import OBJECTIVE_METRIC
from asl_runner.sagemaker.records import Document

_COPIED = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime", "FailureReason")


def trial_name(tuning_job: str, number: int, seed: int) -> str:
    """`<tuning job>-<number, 3 digits, from 1>-<8 hexadecimal digits>`; the digits follow from the seed."""
    digits = hashlib.sha256(f"{seed}:{tuning_job}:{number}".encode()).hexdigest()[:8]
    return f"{tuning_job}-{number:03d}-{digits}"


def belonging(trainings: Iterable[Document], tuning: Document) -> list[Document]:
    """Of training documents those of a tuning job's trials, in the order they were begun."""
    arn = tuning["HyperParameterTuningJobArn"]
    found = [one for one in trainings if one.get("TuningJobArn") == arn]
    return sorted(found, key=lambda one: int(one["TrainingJobName"].rsplit("-", 2)[1]))


def objective_value(trial: Document) -> float | None:
    """The objective a trial ended with."""
    for metric in trial.get("FinalMetricDataList", ()):
        if metric["MetricName"] == OBJECTIVE_METRIC:
            return float(metric["Value"])
    return None


def summary(trial: Document, tuning: Document) -> Document:
    """A `HyperParameterTrainingJobSummary`, wire form."""
    definition = definition_of(trial["TrainingJobName"], tuning)
    found: Document = {key: trial[key] for key in _COPIED if key in trial}
    found |= {
        "TrainingJobStatus": trial["TrainingJobStatus"],
        "TunedHyperParameters": {
            name: trial["HyperParameters"][name] for name in definition.tuned if name in trial["HyperParameters"]
        },
        "ObjectiveStatus": objective_status(trial),
    }
    if definition.name is not None:
        found["TrainingJobDefinitionName"] = definition.name
    value = objective_value(trial)
    if value is not None:
        metric = definition.objective["MetricName"]
        found["FinalHyperParameterTuningJobObjectiveMetric"] = {"MetricName": metric, "Value": value}
    return found


def objective(tuning: Document) -> Mapping[str, str]:
    """The objective of a tuning job, of the first of several definitions: `Type` and `MetricName`."""
    return definitions(tuning)[0].objective


def objective_status(trial: Document) -> str:
    """Whether the objective of a trial is known: a failed trial's never is."""
    if trial["TrainingJobStatus"] in ("InProgress", "Stopping"):
        return "Pending"
    return "Failed" if trial["TrainingJobStatus"] == "Failed" or objective_value(trial) is None else "Succeeded"


def best(trials: Iterable[Document], tuning: Document) -> Document | None:
    """The completed trial with the best objective, the first of equals; None when there is none.

    The Hyperband strategy ends its trials itself: if none ran to its own end, the stopped ones are compared.
    """
    known = [(value, trial) for trial in trials if (value := objective_value(trial)) is not None]
    values = [pair for pair in known if pair[1]["TrainingJobStatus"] == "Completed"]
    if not values and tuning["HyperParameterTuningJobConfig"]["Strategy"] == "Hyperband":
        values = [pair for pair in known if pair[1]["TrainingJobStatus"] == "Stopped"]
    if not values:
        return None
    choose = min if objective(tuning)["Type"] == "Minimize" else max
    return choose(values, key=lambda pair: pair[0])[1]


def counters(trials: Sequence[Document]) -> Document:
    """`TrainingJobStatusCounters` and `ObjectiveStatusCounters`."""
    statuses = Counter(trial["TrainingJobStatus"] for trial in trials)
    objectives = Counter(objective_status(trial) for trial in trials)
    return {
        "TrainingJobStatusCounters": {
            "Completed": statuses["Completed"],
            "InProgress": statuses["InProgress"] + statuses["Stopping"],
            "RetryableError": 0,
            "NonRetryableError": statuses["Failed"],
            "Stopped": statuses["Stopped"],
        },
        "ObjectiveStatusCounters": {name: objectives[name] for name in ("Succeeded", "Pending", "Failed")},
    }


def standing(trials: Sequence[Document], tuning: Document) -> Document:
    """What the trials so far say of their tuning job: the counters, and `BestTrainingJob` once there is one."""
    found = counters(trials)
    leader = best(trials, tuning)
    return found if leader is None else {**found, "BestTrainingJob": summary(leader, tuning)}


def sort_summaries(summaries: list[Document], request: Mapping[str, Any]) -> list[Document]:
    """In the order a list request asks for; sorting by objective leaves out trials without a value."""
    if status := request.get("StatusEquals"):
        summaries = [item for item in summaries if item["TrainingJobStatus"] == status]
    metric = "FinalHyperParameterTuningJobObjectiveMetric"
    descending = request.get("SortOrder") == "Descending"
    match request.get("SortBy", "Name"):
        case "FinalObjectiveMetricValue":
            summaries = [item for item in summaries if metric in item]
            return sorted(summaries, key=lambda item: float(item[metric]["Value"]), reverse=descending)
        case "CreationTime":
            return sorted(summaries, key=lambda item: float(item["CreationTime"]), reverse=descending)
        case "Status":
            return sorted(summaries, key=lambda item: str(item["TrainingJobStatus"]), reverse=descending)
        case _:
            return sorted(summaries, key=lambda item: str(item["TrainingJobName"]), reverse=descending)
