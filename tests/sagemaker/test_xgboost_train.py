"""The training program, run for real on tiny data."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from xgboost_programs import CLASSIC, CURRENT, classes, run_training, table, training_spec

from asl_runner.sagemaker.containers.process import start

CHANNELS = {"train": {"train.csv": table()}, "validation": {"validation.csv": table(seed=3)}}
BASE = {"num_round": "3", "max_depth": "3"}
USER_ERROR = "framework error: \nsagemaker_algorithm_toolkit.exceptions.UserError: "


def metric_of(line: str, name: str) -> float:
    """By the regex SageMaker has for the built-in images, on one field of the line as CloudWatch shows it."""
    number, *fields = line.split("\t")
    shown = "".join(f"#011{field}" for field in fields if field.startswith(f"{name}:"))
    found = re.search(rf".*\[[0-9]+\].*#011{name}:(\S+)", number + shown)
    assert found is not None, line
    return float(found[1])


def test_a_job_from_end_to_end(tmp_path: Path) -> None:
    done = run_training(tmp_path, BASE, CHANNELS)
    assert done.status.code == 0
    assert done.failure is None
    assert [line.split("\t")[0] for line in done.rounds] == ["[0]", "[1]", "[2]"]
    errors = [metric_of(line, "validation-rmse") for line in done.rounds]
    assert errors == sorted(errors, reverse=True)
    assert metric_of(done.rounds[0], "train-rmse") > 0
    assert [path.name for path in done.tree.model.iterdir()] == ["xgboost-model"]
    assert any(line.endswith("INFO] Train matrix has 60 rows and 3 columns") for line in done.lines)


def test_the_same_job_twice_gives_the_same_model(tmp_path: Path) -> None:
    sampled = {**BASE, "subsample": "0.5", "seed": "7"}
    runs = [run_training(tmp_path / name, sampled, CHANNELS) for name in ("a", "b")]
    models = [(run.tree.model / "xgboost-model").read_bytes() for run in runs]
    assert models[0] == models[1]
    other = run_training(tmp_path / "c", {**sampled, "seed": "8"}, CHANNELS)
    assert (other.tree.model / "xgboost-model").read_bytes() != models[0]


@pytest.mark.parametrize(
    "settings, weighted",
    [
        ({"max_bin": "40", "subsample": "0.7"}, False),
        ({"csv_weights": "1", "grow_policy": "lossguide", "max_leaves": "9"}, True),
        ({"booster": "dart", "rate_drop": "0.5"}, False),
        ({"tree_method": "exact"}, False),
        ({"tree_method": "approx"}, False),
    ],
)
def test_the_model_is_that_of_the_library_on_plain_rows(
    tmp_path: Path, settings: dict[str, str], weighted: bool
) -> None:
    """However few bytes the rows are kept in while trees are grown of them."""
    # More values than a histogram has bins.
    text = table(rows=900, columns=4)
    done = run_training(tmp_path, {**BASE, **settings}, {"train": {"t.csv": text}})
    assert done.status.code == 0, done.lines
    numbers = np.loadtxt(text.splitlines(), delimiter=",", dtype=np.float32)
    first = 2 if weighted else 1
    rows = xgboost.DMatrix(numbers[:, first:], numbers[:, 0], weight=numbers[:, 1] if weighted else None)
    passed = {"max_depth": 3, "nthread": 1, "verbosity": 0, **settings}
    passed.pop("csv_weights", None)
    plain = xgboost.train(passed, rows, 3)
    kept = xgboost.Booster(model_file=done.tree.model / "xgboost-model")
    assert kept.get_dump(with_stats=True) == plain.get_dump(with_stats=True)


def test_the_classic_image(tmp_path: Path) -> None:
    given = {**BASE, "precision_dtype": "float32"}
    done = run_training(tmp_path / "a", given, CHANNELS, image=CLASSIC)
    assert done.status.code == 0
    assert any("precision_dtype" in line and "ignored" in line for line in done.lines)
    # Its first prediction is 0.5, not the mean of the labels.
    newer = run_training(tmp_path / "b", BASE, CHANNELS)
    assert metric_of(done.rounds[0], "train-rmse") > 1.5 * metric_of(newer.rounds[0], "train-rmse")
    refused = run_training(tmp_path / "c", given, CHANNELS, image=CURRENT)
    assert refused.status.code == 1
    assert refused.failure == USER_ERROR + "Extraneous hyperparameter found: precision_dtype"


def test_metrics_that_are_asked_for(tmp_path: Path) -> None:
    given = {
        **BASE,
        "objective": "binary:logistic",
        "eval_metric": "error,auc",
        "_tuning_objective_metric": "validation:f1",
    }
    data = {"train": {"t": classes(2)}, "validation": {"v": classes(2, seed=9)}}
    done = run_training(tmp_path, given, data)
    assert done.status.code == 0, done.lines
    for name in ("train-error", "validation-error", "validation-auc", "train-f1", "validation-f1"):
        assert 0 <= metric_of(done.rounds[-1], name) <= 1


def test_default_metric_of_an_older_image(tmp_path: Path) -> None:
    data = {"train": {"t": classes(2)}}
    image = CURRENT.replace("3.0-5", "1.2-1")
    done = run_training(tmp_path, {**BASE, "objective": "binary:logistic"}, data, image=image)
    assert metric_of(done.rounds[0], "train-error") <= 1
    assert "logloss" not in done.rounds[0]


def test_early_stopping_keeps_the_best_round(tmp_path: Path) -> None:
    noise = {"train": {"t": table(20)}, "validation": {"v": table(20, seed=5).replace("0.", "3.")}}
    given = {"num_round": "200", "eta": "1", "eval_metric": "rmse", "early_stopping_rounds": "2"}
    done = run_training(tmp_path, given, noise)
    assert done.status.code == 0
    assert 2 < len(done.rounds) < 200
    errors = [metric_of(line, "validation-rmse") for line in done.rounds]
    assert errors.index(min(errors)) == len(errors) - 3


def test_several_files_weights_and_gzip(tmp_path: Path) -> None:
    import gzip

    weighted = "".join(f"{i % 2},{1 + i % 3},{i}\n" for i in range(20))
    data = {"train": {"a.csv": weighted, "sub/b.csv.gz": gzip.compress(weighted.encode()), "_SUCCESS": ""}}
    done = run_training(tmp_path, {**BASE, "csv_weights": "1"}, data)
    assert any("Train matrix has 40 rows and 1 columns" in line for line in done.lines), done.lines


def test_libsvm_is_the_default_content(tmp_path: Path) -> None:
    data = {"train": {"t": "".join(f"{i % 2} 1:{i} 4:{i / 3}\n" for i in range(30))}}
    done = run_training(tmp_path / "a", BASE, data, content_type=None)
    assert any("Train matrix has 30 rows and 5 columns" in line for line in done.lines), done.lines
    csv = run_training(tmp_path / "b", BASE, CHANNELS, content_type=None)
    assert csv.status.code == 1
    assert csv.failure is not None
    assert "of file 'train.csv' is not 'LIBSVM' format." in csv.failure


@pytest.mark.parametrize(
    "change, channels, message",
    [
        ({"max_depth": "-1"}, CHANNELS, "Hyperparameter max_depth: -1 is not in [0, +inf)"),
        ({}, {"train": {}, "validation": CHANNELS["validation"]}, "No data in training channel path {train}"),
        ({}, {"train": CHANNELS["train"], "validation": {}}, "No data in validation channel path {validation}"),
        ({}, {"validation": CHANNELS["validation"]}, "Missing required channel: train"),
        ({}, {**CHANNELS, "test": {}}, "Extraneous channel found: test"),
        (
            {},
            {"train": {"t.csv": "15,M,0.4\n7,F,0.3\n"}},
            "Failed to load csv data with exception:\n"
            "t.csv: could not convert string 'M' to float32 at row 0, column 2.",
        ),
        (
            {},
            {"train": {"t.csv": "15,1,0.4\n,2,0.3\n"}},
            "Failed to load csv data with exception:\nCheck failed: valid: Label contains NaN",
        ),
        ({"objective": "binary:logistic", "base_score": "0.5"}, CHANNELS, "for logistic regression"),
    ],
)
def test_failures_of_the_user(tmp_path: Path, change: dict[str, str], channels: Any, message: str) -> None:
    done = run_training(tmp_path, {**BASE, **change}, channels)
    places = {name: str(done.tree.channel(name)) for name in ("train", "validation")}
    assert done.status.code == 1
    assert done.failure is not None
    assert done.failure.startswith(USER_ERROR)
    assert (message.format(**places) if "{" in message else message) in done.failure
    assert "Stack trace" not in done.failure
    assert any("UserError" in line for line in done.lines)
    assert list(done.tree.model.iterdir()) == []


def test_checkpoints_are_kept_and_resumed(tmp_path: Path) -> None:
    checkpoints = {"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/checkpoints"}
    first = run_training(tmp_path, {"num_round": "7"}, CHANNELS, checkpoints=checkpoints)
    names = sorted(path.name for path in first.tree.checkpoints.iterdir())
    assert names == [f"xgboost-checkpoint.{number}" for number in range(2, 7)]
    (first.tree.checkpoints / "xgboost-checkpoint.6").write_bytes(b"cut off")
    second = run_training(tmp_path, {"num_round": "9"}, CHANNELS, checkpoints=checkpoints)
    assert second.status.code == 0, second.lines
    assert [line.split("\t")[0] for line in second.rounds] == ["[6]", "[7]", "[8]"]


@pytest.mark.parametrize("save, kept", [("true", ["xgboost-model"]), ("false", [])])
def test_sigterm_ends_between_rounds(tmp_path: Path, save: str, kept: list[str]) -> None:
    given = {"num_round": "100000", "save_model_on_termination": save}
    spec = training_spec(tmp_path, given, CHANNELS)
    second_round = threading.Event()
    container = start(spec, lambda line: second_round.set() if line.startswith("[1]\t") else None)
    assert second_round.wait(60)
    status = container.stop(60)
    assert (status.code, status.stopped) == (0, True)
    assert sorted(path.name for path in spec.tree.model.iterdir()) == kept


def test_cross_validation(tmp_path: Path) -> None:
    given = {**BASE, "_kfold": "3", "_num_cv_round": "2", "objective": "multi:softprob", "num_class": "3"}
    done = run_training(tmp_path, given, {"train": {"t": classes(3)}, "validation": {"v": classes(3, seed=4)}})
    assert done.status.code == 0, done.lines
    assert sorted(path.name for path in done.tree.model.iterdir()) == [f"xgboost-model-{n}" for n in range(6)]
    table_ = np.loadtxt(done.tree.output_data / "predictions.csv", delimiter=",")
    assert table_.shape == (120, 3)
    assert np.mean(table_[:, 0] == table_[:, 2]) > 0.8
    overall = done.rounds[-1]
    assert overall.startswith("[3]\ttrain-mlogloss:")
    assert metric_of(overall, "validation-mlogloss") > 0


def test_a_tree_that_breaks_the_contract(tmp_path: Path) -> None:
    spec = training_spec(tmp_path, BASE, CHANNELS)
    spec.tree.input_data_config.unlink()
    status = start(spec).wait(60)
    assert status is not None
    assert status.code == 1
    failure = spec.tree.read_failure()
    assert failure is not None
    assert "PlatformError" in failure
