"""Tuning jobs through the client."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_requests import BUCKET, MINE, RANGES, Image, ended, seed_buckets, tuning, until

from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.service_model.errors import ServiceError
from asl_runner.storage.buckets import Buckets

PROGRAM = """
import json, os, pathlib, time
root = pathlib.Path(os.environ["ASL_RUNNER_OPT_ML"])
told = json.loads((root / "input/config/hyperparameters.json").read_text())
if told.get("hang"):
    (root / "pid").write_text(str(os.getpid()))
    print("score = 1", flush=True)
    time.sleep(600)
for epoch in range(int(told.get("epochs", "1"))):
    if told.get("pace"):
        time.sleep(float(told["pace"]))
    print("score =", {"a": 3, "b": 2, "c": 1}.get(told.get("kind"), float(told.get("alpha", 0))), flush=True)
if told.get("slow") and told["slow"] == told.get("kind"):
    time.sleep(600)
"""

SCORE = [{"Name": "score", "Regex": r"score = (\S+)"}]
KINDS = {"CategoricalParameterRanges": [{"Name": "kind", "Values": ["a", "b", "c"]}]}


ALPHA = RANGES["ContinuousParameterRanges"][0]


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    return seed_buckets(tmp_path / "s3")


@pytest.fixture
def client(tmp_path: Path, buckets: Buckets) -> Iterator[LocalSageMaker]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    made = LocalSageMaker(tmp_path / "jobs", buckets, images=[Image("*/mine:*", program)], parallelism=2)
    yield made
    made.close()


def mine(name: str, *, static: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    return tuning(name, image=MINE, metrics=SCORE, metric="score", static={"fixed": "1", **(static or {})}, **changes)


def tuned(client: LocalSageMaker, request: dict[str, Any]) -> dict[str, Any]:
    client.create_hyper_parameter_tuning_job(**request)
    return ended(client, "HyperParameterTuningJob", request["HyperParameterTuningJobName"])


def trials(client: LocalSageMaker, name: str, **request: Any) -> list[dict[str, Any]]:
    answer = client.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, MaxResults=100, **request
    )
    found: list[dict[str, Any]] = answer["TrainingJobSummaries"]
    return found


def value(trial: dict[str, Any]) -> float:
    return float(trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def test_xgboost_is_tuned_and_the_best_trial_is_named(client: LocalSageMaker, buckets: Buckets) -> None:
    job = tuned(client, tuning("tune"))
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"] == {
        "Completed": 4,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 0,
    }
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    made = trials(client, "tune")
    assert all(re.fullmatch(rf"tune-00{n}-[0-9a-f]{{8}}", one["TrainingJobName"]) for n, one in enumerate(made, 1))
    assert all(set(one["TunedHyperParameters"]) == {"alpha", "max_depth"} for one in made)
    best = job["BestTrainingJob"]
    assert value(best) == min(value(one) for one in made)
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["MetricName"] == "validation:rmse"
    for one in made:
        assert buckets.path(BUCKET, f"models/{one['TrainingJobName']}/output/model.tar.gz").is_file()
    statics = job["TrainingJobDefinition"]["StaticHyperParameters"]
    assert statics == {"num_round": "2", "_tuning_objective_metric": "validation:rmse"}
    trial = client.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert trial["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    assert trial["HyperParameters"] == {**statics, **best["TunedHyperParameters"]}
    assert "ObjectiveMetric" in {one["MetricName"] for one in trial["FinalMetricDataList"]}


def test_trials_of_one_seed_are_always_the_same(client: LocalSageMaker) -> None:
    for strategy in ("Bayesian", "Random"):
        runs = []
        for number in range(2):
            name = f"{strategy.lower()}-{number}"
            tuned(client, mine(name, total=8, Strategy=strategy, RandomSeed=11))
            runs.append([one["TunedHyperParameters"] for one in trials(client, name)])
        assert runs[0] == runs[1]
        assert len({tuple(sorted(one.items())) for one in runs[0]}) == 8
    tuned(client, mine("other-seed", total=8, RandomSeed=12))
    assert [one["TunedHyperParameters"] for one in trials(client, "other-seed")] != runs[0]


def test_maximize_and_grid(client: LocalSageMaker) -> None:
    objective = {"Type": "Maximize", "MetricName": "score"}
    request = mine("grid", Strategy="Grid", ParameterRanges=KINDS, HyperParameterTuningJobObjective=objective)
    request["HyperParameterTuningJobConfig"]["ResourceLimits"] = {"MaxParallelTrainingJobs": 2}
    job = tuned(client, request)
    assert [one["TunedHyperParameters"]["kind"] for one in trials(client, "grid")] == ["a", "b", "c"]
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"kind": "a"}
    by_value = trials(client, "grid", SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert [value(one) for one in by_value] == [3, 2, 1]


def test_failed_trials_do_not_fail_the_job(client: LocalSageMaker) -> None:
    kinds = {"CategoricalParameterRanges": [{"Name": "num_round", "Values": ["2", "none"]}]}
    request = tuning("some", total=2, Strategy="Grid", ParameterRanges=kinds, static={"eta": "0.3"})
    job = tuned(client, request)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 1, "Pending": 0, "Failed": 1}
    failed = trials(client, "some", StatusEquals="Failed")
    assert "num_round" in failed[0]["FailureReason"]


def test_the_job_fails_when_nothing_succeeds(client: LocalSageMaker) -> None:
    job = tuned(client, tuning("none", total=20, static={"num_round": "0"}))
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert re.match(r"No training job succeeded after [56] attempts\. Please take a look", job["FailureReason"])
    assert "num_round" in job["FailureReason"]
    assert "BestTrainingJob" not in job


def test_trials_that_run_out_of_time_are_why(client: LocalSageMaker) -> None:
    request = mine("slow", total=2, static={"hang": "1"})
    request["TrainingJobDefinition"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 1}
    job = tuned(client, request)
    assert job["TrainingJobStatusCounters"]["Stopped"] == 2
    assert job["FailureReason"].endswith("it was stopped before its end (MaxRuntimeExceeded)")


def test_stop_in_the_middle_leaves_no_child(client: LocalSageMaker, tmp_path: Path) -> None:
    client.create_hyper_parameter_tuning_job(**mine("stop", total=10, static={"hang": "1"}))
    until(lambda: len(list(tmp_path.glob("jobs/training/stop-*/opt/ml/pid"))) == 2)
    pids = [int(path.read_text() or "0") for path in tmp_path.glob("jobs/training/stop-*/opt/ml/pid")]
    until(lambda: [one.value for one in client.progress("stop").trials] == [1, 1])  # type: ignore[union-attr]
    snapshot = client.progress("stop")
    assert snapshot is not None
    assert (snapshot.total, snapshot.objective, snapshot.status) == (10, "score", "InProgress")
    assert [(one.number, one.status, one.value) for one in snapshot.trials] == [
        (1, "InProgress", 1),
        (2, "InProgress", 1),
    ]
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stop")
    job = ended(client, "HyperParameterTuningJob", "stop")
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert job["TrainingJobStatusCounters"]["Stopped"] == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_close_in_the_middle_ends_everything(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    client.create_hyper_parameter_tuning_job(**mine("close", total=10, static={"hang": "1"}))
    until(lambda: len(list(tmp_path.glob("jobs/training/close-*/opt/ml/pid"))) == 2)
    client.close()
    other = LocalSageMaker(tmp_path / "jobs", buckets)
    job = other.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="close")
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert {one["TrainingJobStatus"] for one in trials(other, "close")} == {"Stopped"}
    assert not list(tmp_path.glob("s3/**/*.tmp"))
    other.close()


def test_it_ends_when_the_target_is_reached(client: LocalSageMaker) -> None:
    criteria = {"TargetObjectiveMetricValue": 5000.0}
    job = tuned(client, mine("target", total=30, parallel=1, TuningJobCompletionCriteria=criteria))
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert len(trials(client, "target")) == 1


def test_early_stopping_ends_a_hopeless_trial(client: LocalSageMaker) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "kind", "Values": ["b", "c", "d", "a"]}]}
    limits = {"MaxParallelTrainingJobs": 1}
    request = mine(
        "early", Strategy="Grid", ParameterRanges=ranges, static={"slow": "a"}, TrainingJobEarlyStoppingType="Auto"
    )
    request["HyperParameterTuningJobConfig"]["ResourceLimits"] = limits
    job = tuned(client, request)
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    last = trials(client, "early")[-1]
    assert (last["TrainingJobStatus"], last["ObjectiveStatus"], value(last)) == ("Stopped", "Succeeded", 3)


def test_a_name_is_used_once(client: LocalSageMaker) -> None:
    tuned(client, mine("twice", total=1, parallel=1))
    with pytest.raises(ServiceError) as raised:
        client.create_hyper_parameter_tuning_job(**mine("twice", total=1, parallel=1))
    assert raised.value.response["Error"] == {
        "Code": "ResourceInUse",
        "Message": "A hyperparameter tuning job with the name, twice, already exists. Choose a different name.",
    }


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"metric": "validation:colour"}, "A metric is required for this hyperparameter tuning job objective."),
        ({"static": {"alpha": "1"}}, "The hyperparameter alpha is given in StaticHyperParameters and has a range"),
        ({"total": 1, "parallel": 2}, "MaxParallelTrainingJobs must not be greater than MaxNumberOfTrainingJobs"),
        ({"Strategy": "Hyperband"}, "The Hyperband strategy needs MaxResource in HyperbandStrategyConfig"),
        ({"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"}, "must be Off with the Hyperband strategy"),
        (
            {
                "Strategy": "Hyperband",
                "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 9, "MaxResource": 3}},
            },
            "MinResource 9 must not be greater than MaxResource 3",
        ),
        ({"Strategy": "Grid"}, "The Grid strategy takes categorical hyperparameter ranges only."),
        (
            {"ParameterRanges": {"ContinuousParameterRanges": [{**ALPHA, "MaxValue": "-1"}]}},
            "MinValue 0 of the hyperparameter alpha is above MaxValue -1.",
        ),
        (
            {"Strategy": "Lucky"},
            "Value 'Lucky' at 'hyperParameterTuningJobConfig.strategy' failed to satisfy constraint: Member must "
            "satisfy enum value set: [Bayesian, Random, Hyperband, Grid]",
        ),
    ],
)  # fmt: skip
def test_requests_that_are_refused(client: LocalSageMaker, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ServiceError) as raised:
        client.create_hyper_parameter_tuning_job(**tuning("refused", **changes))
    assert text in raised.value.message


def test_a_name_of_33_characters_is_refused(client: LocalSageMaker) -> None:
    with pytest.raises(ServiceError, match=r"2 validation errors detected: .*length less than or equal to 32"):
        client.create_hyper_parameter_tuning_job(**tuning("x" * 33))
