"""What a tuning job knows before it begins: the trials of its parents (reference 5.2, `WarmStartConfig`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from asl_runner.sagemaker import trials
from asl_runner.sagemaker.definitions import definition_of, definitions, names
from asl_runner.sagemaker.kinds import TERMINAL, TRAINING, TUNING
from asl_runner.sagemaker.ranges import Range, position
from asl_runner.sagemaker.records import Document, Records
from asl_runner.sagemaker.search import Point, Result
from asl_runner.service_model.errors import validation_error

IDENTICAL = "IdenticalDataAndAlgorithm"
_MOST_CHANGES = 10


class Known(Struct, frozen=True):
    """What is known of one definition's search space."""

    results: Sequence[Result] = ()
    """Results that count as the job's own: same data and algorithm."""
    points: Sequence[Point] = ()
    """Where to begin, the best first: other data, or another algorithm."""


def parents(config: Mapping[str, Any]) -> list[str]:
    """The names of the parents in a `WarmStartConfig`."""
    return [one["HyperParameterTuningJobName"] for one in config.get("ParentHyperParameterTuningJobs", [])]


def check(request: Mapping[str, Any], find: Callable[[str], Document]) -> None:
    """Raises a `ValidationException` for parents that do not fit; `find` gives a tuning job or raises one."""
    config = request.get("WarmStartConfig")
    if config is None:
        return
    asked = parents(config)
    if not asked:
        raise validation_error("WarmStartConfig needs at least one job in ParentHyperParameterTuningJobs.")
    for name in asked:
        parent = find(name)
        if parent["HyperParameterTuningJobStatus"] not in TERMINAL:
            raise validation_error(
                f"The parent tuning job {name} has not ended; it must be Completed, Stopped or Failed."
            )
        if definitions(parent)[0].objective != definitions(dict(request))[0].objective:
            raise validation_error(f"The objective must be that of the parent tuning job {name}.")
        ours = {*names(dict(request))}
        changed = ours ^ {name_ for name_ in names(parent) if not name_.startswith("_")}
        if len(changed) > _MOST_CHANGES:
            text = f"At most {_MOST_CHANGES} hyperparameters may differ from those of the parent tuning job {name}."
            raise validation_error(text)
        if config["WarmStartType"] == IDENTICAL:
            _check_identical(request, parent, name)


def _check_identical(request: Mapping[str, Any], parent: Document, name: str) -> None:
    mine, theirs = definitions(dict(request))[0].document, definitions(parent)[0].document
    for what, values in (
        ("training image", [one["AlgorithmSpecification"].get("TrainingImage") for one in (mine, theirs)]),
        ("input data", [one.get("InputDataConfig") for one in (mine, theirs)]),
    ):
        if values[0] != values[1]:
            raise validation_error(
                f"With {IDENTICAL} the {what} must be that of the parent tuning job {name}; use TransferLearning."
            )


def trials_of(records: Records, tuning: Document) -> list[Document]:
    """The documents of a tuning job's trials, in the order they were begun."""
    found = records.all(TRAINING.directory, f"{tuning[TUNING.name]}-")
    return trials.belonging((record.document for record in found), tuning)


def parent_trials(records: Records, tuning: Document) -> list[tuple[Document, Document]]:
    """Every trial of the parents with its tuning job."""
    found = []
    for name in parents(tuning.get("WarmStartConfig", {})):
        record = records.read(TUNING.directory, name)
        if record is not None:
            found += [(trial, record.document) for trial in trials_of(records, record.document)]
    return found


def known(records: Records, tuning: Document, ranges: Sequence[Range], *, minimize: bool) -> Known:
    """What the parents' trials say of a search space: those that lie within it."""
    results = []
    for trial, parent in parent_trials(records, tuning):
        value = trials.objective_value(trial)
        tuned = {name: trial["HyperParameters"].get(name) for name in definition_of(trial[TRAINING.name], parent).tuned}
        places = {item.name: position(item, {**trial["HyperParameters"], **tuned}.get(item.name)) for item in ranges}
        if value is not None and trials.objective_status(trial) == "Succeeded" and None not in places.values():
            results.append(Result({name: place for name, place in places.items() if place is not None}, value))
    if tuning.get("WarmStartConfig", {}).get("WarmStartType") == IDENTICAL:
        return Known(results=results)
    best = sorted(results, key=lambda result: result.value or 0.0, reverse=not minimize)
    return Known(points=[result.point for result in best[: max(1, len(best) // 3)]])
