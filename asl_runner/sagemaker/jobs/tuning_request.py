"""A tuning request: its checks, its Describe document, and the training request of each trial (reference 5.1, 5.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from asl_runner.sagemaker import rules, trials
from asl_runner.sagemaker.metrics import OBJECTIVE_METRIC
from asl_runner.sagemaker.ranges import Range, read_ranges
from asl_runner.sagemaker.records import Document
from asl_runner.sagemaker.search import BayesianSearch, GridSearch, RandomSearch, Strategy
from asl_runner.service_model.errors import validation_error
from asl_runner.storage.buckets import Buckets

OBJECTIVE_HYPERPARAMETER = "_tuning_objective_metric"

_NOT_LOCAL = {
    "TrainingJobDefinitions": "TrainingJobDefinitions are not available locally; use one TrainingJobDefinition.",
    "WarmStartConfig": "WarmStartConfig is not available locally; leave it out to search from the beginning.",
    "Autotune": "Autotune is not available locally; give ranges, a strategy and resource limits.",
}


class Plan:
    """What a tuning job will do, read from its Describe document.

    Raises `ValueError` for ranges or limits that make no sense.
    """

    def __init__(self, document: Document) -> None:
        config = document["HyperParameterTuningJobConfig"]
        self.definition: Document = document["TrainingJobDefinition"]
        self.ranges: list[Range] = read_ranges(config.get("ParameterRanges", {}))
        self.minimize = trials.objective(document)["Type"] == "Minimize"
        limits = config["ResourceLimits"]
        self.parallel: int = limits["MaxParallelTrainingJobs"]
        self.runtime: int | None = limits.get("MaxRuntimeInSeconds")
        self.given_seed: int | None = config.get("RandomSeed")
        name = document["HyperParameterTuningJobName"]
        # Without a seed the name gives one: the same job run again in a fresh workspace searches the same points.
        derived = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
        self.seed: int = derived if self.given_seed is None else self.given_seed
        self.strategy = self._strategy(config["Strategy"])
        self.total = self._total(limits.get("MaxNumberOfTrainingJobs"))
        self.early_stopping: bool = config.get("TrainingJobEarlyStoppingType", "Off") == "Auto"
        self.criteria: Document = config.get("TuningJobCompletionCriteria", {})

    def _strategy(self, name: str) -> Strategy:
        match name:
            case "Random":
                return RandomSearch(self.ranges, self.seed)
            case "Grid":
                return GridSearch(self.ranges)
            case "Bayesian":
                return BayesianSearch(self.ranges, self.seed, minimize=self.minimize, first=self.parallel)
            case _:
                raise ValueError(f"The {name} strategy is not available locally; use Bayesian, Random or Grid.")

    def _total(self, limit: int | None) -> int:
        if isinstance(self.strategy, GridSearch):
            if limit is not None and limit != self.strategy.size:
                raise ValueError(
                    f"MaxNumberOfTrainingJobs {limit} must be the number of combinations of the Grid strategy, "
                    f"{self.strategy.size}; it can be left out."
                )
            return self.strategy.size
        if limit is None:
            raise ValueError("MaxNumberOfTrainingJobs is required for every strategy but Grid.")
        return limit


def check(request: Mapping[str, Any], buckets: Buckets, region: str) -> None:
    """The service's checks of a tuning request. Raises a `ValidationException`."""
    for name, text in _NOT_LOCAL.items():
        if request.get(name):
            raise validation_error(text)
    definition, config = request.get("TrainingJobDefinition"), request["HyperParameterTuningJobConfig"]
    if definition is None:
        raise validation_error("You must specify a TrainingJobDefinition.")
    if "HyperParameterTuningJobObjective" not in config:
        raise validation_error("You must specify HyperParameterTuningJobObjective in HyperParameterTuningJobConfig.")
    if ("ResourceConfig" in definition) == ("HyperParameterTuningResourceConfig" in definition):
        raise validation_error("You must specify either ResourceConfig or HyperParameterTuningResourceConfig.")
    rules.check_training(definition, buckets, region)
    rules.objective_definitions(definition, config["HyperParameterTuningJobObjective"]["MetricName"])
    try:
        plan = Plan(dict(request))
    except ValueError as error:
        raise validation_error(str(error)) from error
    both = {item.name for item in plan.ranges} & set(definition.get("StaticHyperParameters", {}))
    if both:
        text = f"The hyperparameter {min(both)} is given in StaticHyperParameters and has a range; it can only be one."
        raise validation_error(text)
    if plan.parallel > plan.total:
        text = "MaxParallelTrainingJobs must not be greater than MaxNumberOfTrainingJobs."
        raise validation_error(f"{text} ({plan.parallel} and {plan.total})")


def new_document(request: Mapping[str, Any], arn: str, now: float) -> Document:
    """The Describe document of a tuning job just created, with what the service adds to the training definition."""
    kept = {key: value for key, value in request.items() if key != "Tags"}
    definition = kept["TrainingJobDefinition"]
    metric = kept["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
    definitions = rules.objective_definitions(definition, metric)
    regex = next(item["Regex"] for item in definitions if item["Name"] == metric)
    definition = {
        **definition,
        "StaticHyperParameters": {**definition.get("StaticHyperParameters", {}), OBJECTIVE_HYPERPARAMETER: metric},
        "AlgorithmSpecification": {
            **definition["AlgorithmSpecification"],
            "MetricDefinitions": [*definitions, {"Name": OBJECTIVE_METRIC, "Regex": regex}],
        },
    }
    return {
        **kept,
        "TrainingJobDefinition": definition,
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
        **trials.counters([]),
    }


def trial_request(definition: Document, name: str, tuned: Mapping[str, str]) -> Document:
    """The training request of a trial."""
    left_out = ("StaticHyperParameters", "DefinitionName", "TuningObjective", "HyperParameterRanges")
    resources = definition.get("HyperParameterTuningResourceConfig")
    kept = {key: value for key, value in definition.items() if key not in left_out}
    kept.pop("HyperParameterTuningResourceConfig", None)
    if resources is not None:
        kept["ResourceConfig"] = {
            key: value for key, value in resources.items() if key in ("InstanceType", "InstanceCount", "VolumeSizeInGB")
        }
    hyperparameters = {**definition.get("StaticHyperParameters", {}), **tuned}
    return {"TrainingJobName": name, **kept, "HyperParameters": hyperparameters}
