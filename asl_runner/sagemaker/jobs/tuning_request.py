"""A tuning request: its checks, its Describe document, and the training request of each trial (reference 5.1, 5.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from asl_runner.sagemaker import rules, trials, warm_start
from asl_runner.sagemaker.definitions import Definition, definitions
from asl_runner.sagemaker.metrics import OBJECTIVE_METRIC
from asl_runner.sagemaker.ranges import Range, read_ranges
from asl_runner.sagemaker.records import Document
from asl_runner.sagemaker.search import BayesianSearch, GridSearch, RandomSearch, Strategy
from asl_runner.sagemaker.stopping import HyperbandStopping, MedianStopping, NoStopping, Stopping
from asl_runner.service_model.errors import validation_error
from asl_runner.storage.buckets import Buckets

OBJECTIVE_HYPERPARAMETER = "_tuning_objective_metric"

_EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""Static hyperparameters that tell `MaxResource` where a request has none. Source: API, HyperbandStrategyConfig."""


class Search:
    """What is searched for one training job definition."""

    def __init__(self, definition: Definition, strategy: str, seed: int, first: int) -> None:
        self.definition = definition
        self.ranges: list[Range] = read_ranges(definition.ranges)
        minimize = definition.objective.get("Type") == "Minimize"
        self.strategy: Strategy
        match strategy:
            case "Grid":
                self.strategy = GridSearch(self.ranges)
            case "Bayesian":
                self.strategy = BayesianSearch(self.ranges, seed, minimize=minimize, first=first)
            case _:
                # Hyperband draws its trials at random, too; how it ends them makes the difference.
                self.strategy = RandomSearch(self.ranges, seed)


class Plan:
    """What a tuning job will do, read from its Describe document.

    Raises `ValueError` for ranges or limits that make no sense.
    """

    def __init__(self, document: Document) -> None:
        config = document["HyperParameterTuningJobConfig"]
        self.definitions = definitions(document)
        self.minimize = self.definitions[0].objective["Type"] == "Minimize"
        limits = config["ResourceLimits"]
        self.parallel: int = limits["MaxParallelTrainingJobs"]
        self.runtime: int | None = limits.get("MaxRuntimeInSeconds")
        self.given_seed: int | None = config.get("RandomSeed")
        name = document["HyperParameterTuningJobName"]
        # Without a seed the name gives one: the same job run again in a fresh workspace searches the same points.
        derived = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
        self.seed: int = derived if self.given_seed is None else self.given_seed
        first = -(-self.parallel // len(self.definitions))
        self.searches = [
            Search(definition, config["Strategy"], self.seed + number, first)
            for number, definition in enumerate(self.definitions)
        ]
        self.learns = any(search.strategy.learns for search in self.searches)
        self.total = self._total(config["Strategy"], limits.get("MaxNumberOfTrainingJobs"))
        self.stopping = self._stopping(config)
        self.criteria: Document = config.get("TuningJobCompletionCriteria", {})

    def _stopping(self, config: Mapping[str, Any]) -> Stopping:
        early = config.get("TrainingJobEarlyStoppingType", "Off") == "Auto"
        if config["Strategy"] != "Hyperband":
            return MedianStopping(minimize=self.minimize) if early else NoStopping()
        if early:
            raise ValueError(
                "TrainingJobEarlyStoppingType must be Off with the Hyperband strategy, which stops trials."
            )
        given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
        static = self.definitions[0].document.get("StaticHyperParameters", {})
        inferred = next((static[name] for name in _EPOCHS if name in static), None)
        most = given.get("MaxResource") or (int(inferred) if inferred and inferred.isdecimal() else None)
        if most is None:
            raise ValueError(
                "The Hyperband strategy needs MaxResource in HyperbandStrategyConfig, or one of these static "
                f"hyperparameters: {', '.join(_EPOCHS)}."
            )
        least = given.get("MinResource", 1)
        if least > most:
            raise ValueError(f"MinResource {least} must not be greater than MaxResource {most}.")
        return HyperbandStopping(least, most, minimize=self.minimize)

    def _total(self, strategy: str, limit: int | None) -> int:
        if strategy == "Grid":
            size = sum(definition.grid for definition in self.definitions)
            if limit is not None and limit != size:
                raise ValueError(
                    f"MaxNumberOfTrainingJobs {limit} must be the number of combinations of the Grid strategy, "
                    f"{size}; it can be left out."
                )
            return size
        if limit is None:
            raise ValueError("MaxNumberOfTrainingJobs is required for every strategy but Grid.")
        return limit


def check(request: Mapping[str, Any], buckets: Buckets, region: str, find: Callable[[str], Document]) -> None:
    """The service's checks of a tuning request; `find` gives another tuning job. Raises a `ValidationException`."""
    if request.get("Autotune"):
        raise validation_error("Autotune is not available locally; give ranges, a strategy and resource limits.")
    if ("TrainingJobDefinition" in request) == ("TrainingJobDefinitions" in request):
        raise validation_error("You must specify either TrainingJobDefinition or TrainingJobDefinitions.")
    found = definitions(dict(request))
    several = "TrainingJobDefinitions" in request
    for definition in found:
        _check_definition(definition, several, buckets, region)
    named = [definition.name for definition in found]
    if len(set(named)) != len(named):
        raise validation_error("Each DefinitionName of TrainingJobDefinitions must be unique.")
    if len({definition.objective["Type"] for definition in found}) > 1:
        raise validation_error("The objectives of all TrainingJobDefinitions must have the same Type.")
    try:
        plan = Plan(dict(request))
    except ValueError as error:
        raise validation_error(str(error)) from error
    if plan.parallel > plan.total:
        text = "MaxParallelTrainingJobs must not be greater than MaxNumberOfTrainingJobs."
        raise validation_error(f"{text} ({plan.parallel} and {plan.total})")
    warm_start.check(request, find)


def _check_definition(definition: Definition, several: bool, buckets: Buckets, region: str) -> None:
    document = definition.document
    if several and definition.name is None:
        raise validation_error("Each of TrainingJobDefinitions needs a DefinitionName.")
    if "MetricName" not in definition.objective:
        where = f"TuningObjective of {definition.name}" if several else "HyperParameterTuningJobConfig"
        raise validation_error(f"You must specify HyperParameterTuningJobObjective in {where}.")
    if ("ResourceConfig" in document) == ("HyperParameterTuningResourceConfig" in document):
        raise validation_error("You must specify either ResourceConfig or HyperParameterTuningResourceConfig.")
    rules.check_training(document, buckets, region)
    rules.objective_definitions(document, definition.objective["MetricName"])
    both = set(definition.tuned) & set(document.get("StaticHyperParameters", {}))
    if both:
        text = f"The hyperparameter {min(both)} is given in StaticHyperParameters and has a range; it can only be one."
        raise validation_error(text)


def new_document(request: Mapping[str, Any], arn: str, now: float) -> Document:
    """The Describe document of a tuning job just created, with what the service adds to the training definitions."""
    kept = {key: value for key, value in request.items() if key != "Tags"}
    completed = [_completed(definition) for definition in definitions(kept)]
    if "TrainingJobDefinitions" in kept:
        kept["TrainingJobDefinitions"] = completed
    else:
        kept["TrainingJobDefinition"] = completed[0]
    return {
        **kept,
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
        **trials.counters([]),
    }


def _completed(definition: Definition) -> Document:
    """A training definition with the objective as a hyperparameter and as a metric."""
    document, metric = definition.document, definition.objective["MetricName"]
    metrics = rules.objective_definitions(document, metric)
    regex = next(item["Regex"] for item in metrics if item["Name"] == metric)
    return {
        **document,
        "StaticHyperParameters": {**document.get("StaticHyperParameters", {}), OBJECTIVE_HYPERPARAMETER: metric},
        "AlgorithmSpecification": {
            **document["AlgorithmSpecification"],
            "MetricDefinitions": [*metrics, {"Name": OBJECTIVE_METRIC, "Regex": regex}],
        },
    }


def trial_request(definition: Document, name: str, tuned: Mapping[str, str]) -> Document:
    """The training request of a trial."""
    left_out = ("StaticHyperParameters", "DefinitionName", "TuningObjective", "HyperParameterRanges")
    resources = definition.get("HyperParameterTuningResourceConfig")
    kept = {key: value for key, value in definition.items() if key not in left_out}
    kept.pop("HyperParameterTuningResourceConfig", None)
    if resources is not None:
        first = (resources.get("InstanceConfigs") or [{}])[0]
        wanted = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
        kept["ResourceConfig"] = {key: value for key, value in {**first, **resources}.items() if key in wanted}
    hyperparameters = {**definition.get("StaticHyperParameters", {}), **tuned}
    return {"TrainingJobName": name, **kept, "HyperParameters": hyperparameters}
