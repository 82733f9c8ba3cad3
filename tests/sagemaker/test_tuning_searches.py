"""Tuning jobs beyond one search: Hyperband, several definitions, warm starts, completion, and their rules."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job_requests import MINE, XGBOOST, Image, definition, ended, seed_buckets, tuning, until

from asl_runner.sagemaker import moments
from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.completion import has_converged, is_complete, not_improving
from asl_runner.sagemaker.jobs import tuning as tuning_jobs
from asl_runner.sagemaker.ranges import position, read_ranges
from asl_runner.sagemaker.records import Document
from asl_runner.sagemaker.stopping import HyperbandStopping
from asl_runner.service_model.errors import ServiceError

PROGRAM = """
import json, os, pathlib, time
root = pathlib.Path("/opt/ml")
told = json.loads((root / "input/config/hyperparameters.json").read_text())
value = {"a": 3.0, "b": 2.0, "c": 1.0}.get(told.get("kind"), float(told.get("alpha", "0")))
for epoch in range(int(told.get("rounds", "1"))):
    print("score =", value, flush=True)
if told.get("wait"):
    time.sleep(600)
"""
SCORE = [{"Name": "score", "Regex": r"score = (\S+)"}]
KINDS = {"CategoricalParameterRanges": [{"Name": "kind", "Values": ["a", "b", "c"]}]}
ALPHA = {"ContinuousParameterRanges": [{"Name": "alpha", "MinValue": "0", "MaxValue": "10"}]}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[LocalSageMaker]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    buckets = seed_buckets(tmp_path / "s3")
    made = LocalSageMaker(tmp_path / "jobs", buckets, images=[Image("*/mine:*", program)], parallelism=2)
    yield made
    made.close()


def mine(name: str, ranges: dict[str, Any] = ALPHA, static: dict[str, str] | None = None, **changes: Any) -> Any:
    given_ = {"fixed": "1", **(static or {})}
    return tuning(name, image=MINE, metrics=SCORE, metric="score", static=given_, ParameterRanges=ranges, **changes)


def tuned(client: LocalSageMaker, request: dict[str, Any]) -> dict[str, Any]:
    client.create_hyper_parameter_tuning_job(**request)
    return ended(client, "HyperParameterTuningJob", request["HyperParameterTuningJobName"])


def trials(client: LocalSageMaker, name: str) -> list[dict[str, Any]]:
    answer = client.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name, MaxResults=100)
    found: list[dict[str, Any]] = answer["TrainingJobSummaries"]
    return found


def hyperband(least: int, most: int) -> dict[str, Any]:
    return {
        "Strategy": "Hyperband",
        "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": least, "MaxResource": most}},
    }


def test_hyperband_ends_what_falls_behind_and_what_has_had_enough(client: LocalSageMaker) -> None:
    # Each trial goes on until it is stopped: by its rung, or by the most epochs a trial may have.
    request = mine("bands", total=5, parallel=2, static={"rounds": "9", "wait": "1"}, RandomSeed=7, **hyperband(1, 9))
    job = tuned(client, request)
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    found = trials(client, "bands")
    assert {one["TrainingJobStatus"] for one in found} == {"Stopped"}
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 5, "Pending": 0, "Failed": 0}
    values = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in found]
    assert job["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == min(values)


def test_hyperband_lets_a_trial_end_by_itself(client: LocalSageMaker) -> None:
    job = tuned(client, mine("whole", total=3, static={"epochs": "27"}, Strategy="Hyperband"))
    assert job["TrainingJobStatusCounters"]["Completed"] == 3


def test_the_rule_of_halving() -> None:
    rule = HyperbandStopping(1, 9, minimize=True)
    assert not rule.gives_up([5.0], [], [])
    assert not rule.gives_up([5.0], [[1.0]], [])
    assert rule.gives_up([5.0], [[1.0], [2.0]], [])
    assert not rule.gives_up([1.0], [[5.0], [2.0]], [])
    assert rule.gives_up([1.0, 1.0, 9.0], [[5.0, 5.0, 5.0]], [[6.0, 6.0, 6.0]])
    assert rule.gives_up([0.0] * 9, [], [])
    assert HyperbandStopping(1, 9, minimize=False).gives_up([1.0], [[5.0]], [[2.0]])
    assert not HyperbandStopping(4, 9, minimize=True).gives_up([5.0] * 3, [[1.0] * 3, [2.0] * 3], [])


def several(name: str, **config: Any) -> dict[str, Any]:
    """Two definitions: the program, and XGBoost."""
    own = definition(MINE)
    own["AlgorithmSpecification"]["MetricDefinitions"] = SCORE
    first = {
        **own,
        "DefinitionName": "own",
        "TuningObjective": {"Type": "Minimize", "MetricName": "score"},
        "HyperParameterRanges": ALPHA,
    }
    second = {
        **definition(XGBOOST),
        "DefinitionName": "boosted",
        "TuningObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
        "HyperParameterRanges": {
            "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "4"}],
        },
        "StaticHyperParameters": {"num_round": "2"},
    }
    request = tuning(name, **config)
    del request["TrainingJobDefinition"]
    config_ = request["HyperParameterTuningJobConfig"]
    for member in ("HyperParameterTuningJobObjective", "ParameterRanges"):
        del config_[member]
    return {**request, "TrainingJobDefinitions": [first, second]}


def test_several_definitions_are_tuned_side_by_side(client: LocalSageMaker) -> None:
    job = tuned(client, several("both"))
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    found = trials(client, "both")
    assert [one["TrainingJobDefinitionName"] for one in found] == ["own", "boosted"] * 2
    assert [set(one["TunedHyperParameters"]) for one in found] == [{"alpha"}, {"max_depth"}] * 2
    metrics = [one["FinalHyperParameterTuningJobObjectiveMetric"] for one in found]
    assert [one["MetricName"] for one in metrics] == ["score", "validation:rmse"] * 2
    assert job["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == min(
        one["Value"] for one in metrics
    )
    described = [one["StaticHyperParameters"]["_tuning_objective_metric"] for one in job["TrainingJobDefinitions"]]
    assert described == ["score", "validation:rmse"]


def _without_name(request: dict[str, Any]) -> None:
    del request["TrainingJobDefinitions"][0]["DefinitionName"]


def _same_name(request: dict[str, Any]) -> None:
    request["TrainingJobDefinitions"][0]["DefinitionName"] = "boosted"


def _without_objective(request: dict[str, Any]) -> None:
    del request["TrainingJobDefinitions"][0]["TuningObjective"]


def _other_type(request: dict[str, Any]) -> None:
    request["TrainingJobDefinitions"][0]["TuningObjective"]["Type"] = "Maximize"


def _both_kinds(request: dict[str, Any]) -> None:
    request["TrainingJobDefinition"] = {**definition(MINE), "StaticHyperParameters": {}}


@pytest.mark.parametrize(
    "change, text",
    [
        (_without_name, "Each of TrainingJobDefinitions needs a DefinitionName"),
        (_same_name, "Each DefinitionName of TrainingJobDefinitions must be unique"),
        (_without_objective, "HyperParameterTuningJobObjective in TuningObjective of own"),
        (_other_type, "must have the same Type"),
        (_both_kinds, "You must specify either TrainingJobDefinition or TrainingJobDefinitions"),
    ],
)
def test_definitions_that_are_refused(client: LocalSageMaker, change: Any, text: str) -> None:
    request = several("refused")
    change(request)
    with pytest.raises(ServiceError, match=text):
        client.create_hyper_parameter_tuning_job(**request)


def test_a_grid_of_several_definitions(client: LocalSageMaker) -> None:
    request = several("grids", Strategy="Grid")
    del request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"]
    request["TrainingJobDefinitions"][0]["HyperParameterRanges"] = KINDS
    grown = {"CategoricalParameterRanges": [{"Name": "max_depth", "Values": ["2", "3"]}]}
    request["TrainingJobDefinitions"][1]["HyperParameterRanges"] = grown
    assert tuned(client, request)["HyperParameterTuningJobStatus"] == "Completed"
    chosen = [dict(one["TunedHyperParameters"]) for one in trials(client, "grids")]
    assert chosen == [{"kind": "a"}, {"kind": "b"}, {"kind": "c"}, {"max_depth": "2"}, {"max_depth": "3"}]


def warm(*parents: str, kind: str = "IdenticalDataAndAlgorithm") -> dict[str, Any]:
    named = [{"HyperParameterTuningJobName": name} for name in parents]
    return {"WarmStartConfig": {"ParentHyperParameterTuningJobs": named, "WarmStartType": kind}}


def value(trial: dict[str, Any]) -> float:
    return float(trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def test_a_warm_start_knows_the_parents_results(client: LocalSageMaker) -> None:
    parent = tuned(client, mine("parent", total=8, RandomSeed=1, Strategy="Random"))
    child = tuned(client, {**mine("child", total=6, parallel=1, RandomSeed=2), **warm("parent")})
    assert child["HyperParameterTuningJobStatus"] == "Completed"
    alone = tuned(client, mine("alone", total=6, parallel=1, RandomSeed=2))
    assert [one["TunedHyperParameters"] for one in trials(client, "child")] != [
        one["TunedHyperParameters"] for one in trials(client, "alone")
    ]
    overall = child["OverallBestTrainingJob"]
    assert value(overall) == min(value(parent["BestTrainingJob"]), value(child["BestTrainingJob"]))
    assert overall["TuningJobName"] in ("parent", "child")
    assert "OverallBestTrainingJob" not in alone


def test_a_transfer_begins_where_the_parents_were_best(client: LocalSageMaker) -> None:
    parent = tuned(client, mine("source", total=4, Strategy="Random", RandomSeed=3))
    wider = {"ContinuousParameterRanges": [{"Name": "alpha", "MinValue": "0", "MaxValue": "20"}]}
    request = {**mine("target", wider, total=2, parallel=1), **warm("source", kind="TransferLearning")}
    tuned(client, request)
    begun = float(trials(client, "target")[0]["TunedHyperParameters"]["alpha"])
    assert begun == pytest.approx(value(parent["BestTrainingJob"]))


@pytest.mark.parametrize(
    "changes, kind, text",
    [
        ({"metric": "other"}, "TransferLearning", "The objective must be that of the parent tuning job parent"),
        ({"image": XGBOOST}, "IdenticalDataAndAlgorithm", "the training image must be that of the parent"),
        (
            {"static": {f"p{number}": "1" for number in range(12)}},
            "TransferLearning",
            "At most 10 hyperparameters may differ",
        ),
    ],
)
def test_parents_that_do_not_fit(client: LocalSageMaker, changes: dict[str, Any], kind: str, text: str) -> None:
    tuned(client, mine("parent", total=1, parallel=1))
    asked = {"image": MINE, "metric": "score", "static": {"fixed": "1"}, **changes}
    metrics = [*SCORE, {"Name": "other", "Regex": "(x)"}]
    request = {**tuning("child", metrics=metrics, ParameterRanges=ALPHA, **asked), **warm("parent", kind=kind)}
    with pytest.raises(ServiceError, match=text):
        client.create_hyper_parameter_tuning_job(**request)


def test_parents_that_are_not_there_or_still_run(client: LocalSageMaker) -> None:
    with pytest.raises(ServiceError, match="Could not find hyperparameter tuning job with name none"):
        client.create_hyper_parameter_tuning_job(**mine("child"), **warm("none"))
    client.create_hyper_parameter_tuning_job(**mine("runs", total=1, parallel=1, static={"wait": "1"}))
    with pytest.raises(ServiceError, match="The parent tuning job runs has not ended"):
        client.create_hyper_parameter_tuning_job(**mine("child"), **warm("runs"))
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="runs")
    until(lambda: ended(client, "HyperParameterTuningJob", "runs"))


def test_a_job_ends_when_its_objective_has_converged(client: LocalSageMaker) -> None:
    same = {"ContinuousParameterRanges": [{"Name": "alpha", "MinValue": "5", "MaxValue": "5"}]}
    criteria = {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}
    request = mine("converges", same, total=50, Strategy="Random", TuningJobCompletionCriteria=criteria)
    job = tuned(client, request)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert 10 <= len(trials(client, "converges")) <= 12
    details = job["TuningJobCompletionDetails"]
    assert details["NumberOfTrainingJobsObjectiveNotImproving"] >= 9
    assert details["ConvergenceDetectedTime"] <= job["HyperParameterTuningEndTime"]


def test_the_moment_of_convergence_is_when_it_was_first_seen(
    client: LocalSageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock that goes on a second whenever somebody looks.
    ticks = itertools.count(1_700_000_000)
    monkeypatch.setattr(moments, "now", lambda: float(next(ticks)))
    seen: list[float] = []
    update = tuning_jobs.TuningJob.update

    def watched(job: tuning_jobs.TuningJob, change: Callable[[Document], Document]) -> Document:
        document = update(job, change)
        details = document.get("TuningJobCompletionDetails", {})
        seen.extend(moment for name, moment in details.items() if name == "ConvergenceDetectedTime")
        return document

    monkeypatch.setattr(tuning_jobs.TuningJob, "update", watched)
    same = {"ContinuousParameterRanges": [{"Name": "alpha", "MinValue": "5", "MaxValue": "5"}]}
    criteria = {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}
    request = mine("converges", same, total=50, Strategy="Random", TuningJobCompletionCriteria=criteria)
    job = tuned(client, request)
    # Once when it was found, once more at the end.
    assert len(seen) >= 2
    assert set(seen) == {seen[0]}
    assert seen[0] < job["HyperParameterTuningEndTime"].timestamp()


def test_the_rules_of_completion() -> None:
    assert not_improving([], minimize=True) == 0
    assert not_improving([3.0, 1.0, 2.0, 1.5], minimize=True) == 2
    assert not_improving([3.0, 1.0, 2.0], minimize=False) == 2
    assert not has_converged([1.0] * 9, minimize=True)
    assert has_converged([1.0] * 5 + [0.995] * 5, minimize=True)
    assert not has_converged([1.0] * 5 + [0.9] * 5, minimize=True)
    assert is_complete({"TargetObjectiveMetricValue": 0.5}, [0.7, 0.4], minimize=True)
    assert not is_complete({"TargetObjectiveMetricValue": 0.9}, [0.7, 0.4], minimize=False)
    patient = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    assert is_complete(patient, [1.0, 2.0, 2.0, 2.0], minimize=True)
    assert not is_complete(patient, [1.0, 2.0, 2.0], minimize=True)


RANGES = read_ranges(
    {
        "ContinuousParameterRanges": [
            {"Name": "c1", "MinValue": "-3", "MaxValue": "7", "ScalingType": "Linear"},
            {"Name": "c2", "MinValue": "0.001", "MaxValue": "50", "ScalingType": "Logarithmic"},
            {"Name": "c3", "MinValue": "0.1", "MaxValue": "0.999", "ScalingType": "ReverseLogarithmic"},
        ],
        "IntegerParameterRanges": [
            {"Name": "i1", "MinValue": "-2", "MaxValue": "9", "ScalingType": "Linear"},
            {"Name": "i2", "MinValue": "1", "MaxValue": "4000", "ScalingType": "Auto"},
        ],
        "CategoricalParameterRanges": [{"Name": "k", "Values": ["x", "y", "z"]}],
    }
)


@given(st.sampled_from(RANGES), st.floats(0, 1, exclude_max=True))
def test_a_value_has_the_position_it_was_made_from(item: Any, place: float) -> None:
    text = item.text(place)
    back = position(item, text)
    assert back is not None
    again = item.text(min(max(back, 0.0), 0.999999999999))
    assert again == text if item.choices or item.integer else float(again) == pytest.approx(float(text), rel=1e-9)


def test_values_a_range_does_not_have() -> None:
    named = {item.name: item for item in RANGES}
    assert position(named["c1"], "8") is None
    assert position(named["i1"], "x") is None
    assert position(named["k"], "w") is None
    assert position(named["k"], None) is None


def test_the_time_of_the_whole_job_ends_it_with_what_it_has(
    client: LocalSageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours_later: list[int] = []
    monkeypatch.setattr(
        tuning_jobs, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 3600 * len(hours_later))
    )
    limits = {"MaxNumberOfTrainingJobs": 50, "MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 1800}
    request = mine("long", Strategy="Random", ResourceLimits=limits)
    client.create_hyper_parameter_tuning_job(**request)
    until(lambda: len(trials(client, "long")) >= 3)
    hours_later.append(1)
    job = ended(client, "HyperParameterTuningJob", "long")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert "BestTrainingJob" in job
    assert job["TrainingJobStatusCounters"]["InProgress"] == 0
    assert len(trials(client, "long")) < 50
