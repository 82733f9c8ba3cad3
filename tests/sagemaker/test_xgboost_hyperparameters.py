"""Validation of hyperparameters: the container's messages, in the container's order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.sagemaker.algorithms.xgboost.boosting import Job, library_parameters, training_error
from asl_runner.sagemaker.algorithms.xgboost.errors import AlgorithmError, UserError
from asl_runner.sagemaker.algorithms.xgboost.hyperparameters import in_interval, table, validate
from asl_runner.sagemaker.algorithms.xgboost.metrics import default_metric, evaluated_metrics, is_maximized
from asl_runner.sagemaker.containers.tree import Tree

BASE = {"num_round": "10"}


def test_types() -> None:
    parsed, ignored = validate(
        {
            **BASE,
            "eta": "0.2",
            "max_depth": "5",
            "objective": "multi:softprob",
            "num_class": "3",
            "eval_metric": "mlogloss,merror",
            "tree_method": "hist",
            "monotone_constraints": "(1, 0, -1)",
            "interaction_constraints": "[[0, 1], [2]]",
        }
    )
    assert ignored == []
    assert parsed["num_round"] == 10
    assert parsed["eta"] == 0.2
    assert parsed["eval_metric"] == ["mlogloss", "merror"]
    assert parsed["monotone_constraints"] == (1, 0, -1)
    assert parsed["interaction_constraints"] == [[0, 1], [2]]


def test_aliases_and_which_spelling_wins() -> None:
    assert validate({**BASE, "learning_rate": "0.1", "reg_lambda": "2"})[0] == {
        "num_round": 10,
        "eta": 0.1,
        "lambda": 2.0,
    }
    assert validate({**BASE, "eta": "0.3", "learning_rate": "0.1"})[0]["eta"] == 0.1
    assert validate({**BASE, "learning_rate": "0.1", "eta": "0.3"})[0]["eta"] == 0.3


OBJECTIVE = "Hyperparameter objective: bogus is not in ['aft_loss_distribution', 'binary:logistic', 'binary:logitraw'"
MONOTONE = "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'."
SOFTMAX = "Require input for parameter 'num_class' for multi-classification"
AUC = "Metric 'auc' can only be applied for classification and ranking problems."
THRESHOLD = "Metric 'auc@3' is not supported. Parameter 'eval_metric' with customized threshold should"
TUNING = "Hyperparameter _tuning_objective_metric: validation:foo is not in ['validation:accuracy', 'validation:auc'"


@pytest.mark.parametrize(
    "hyperparameters, message",
    [
        ({}, "Missing required hyperparameter: num_round"),
        ({"precision_dtype": "float32"}, "Missing required hyperparameter: num_round"),
        ({**BASE, "precision_dtype": "float32"}, "Extraneous hyperparameter found: precision_dtype"),
        ({"num_round": "2.5"}, "Hyperparameter num_round: could not parse value (caused by ValueError)"),
        ({"num_round": "0"}, "Hyperparameter num_round: 0 is not in [1, +inf)"),
        ({**BASE, "eta": "3"}, "Hyperparameter eta: 3.0 is not in [0, 1]"),
        ({**BASE, "eta": "nan"}, "Hyperparameter eta: nan is not in [0, 1]"),
        ({**BASE, "subsample": "0"}, "Hyperparameter subsample: 0.0 is not in (0, 1]"),
        ({**BASE, "max_depth": "-1"}, "Hyperparameter max_depth: -1 is not in [0, +inf)"),
        ({**BASE, "objective": "bogus"}, OBJECTIVE),
        ({**BASE, "objective": "multi:softmax"}, SOFTMAX),
        ({**BASE, "eval_metric": "foo"}, "Hyperparameter eval_metric: value ['foo'] not in range ['accuracy', 'auc'"),
        ({**BASE, "eval_metric": "auc", "objective": "reg:squarederror"}, AUC),
        ({**BASE, "eval_metric": "auc"}, AUC),
        ({**BASE, "eval_metric": "auc@3"}, THRESHOLD),
        ({**BASE, "eval_metric": "error@x"}, "Threshold value 't' in 'error@t' expects float input."),
        ({**BASE, "monotone_constraints": "(1,0)"}, MONOTONE),
        ({**BASE, "monotone_constraints": "(2,0)", "tree_method": "hist"}, "value (2, 0) not in range [-1, 0, 1]"),
        ({**BASE, "monotone_constraints": "1 +"}, "could not parse value (caused by SyntaxError)"),
        ({**BASE, "interaction_constraints": "[[0,1]]"}, "either 'exact', 'hist' or 'approx'."),
        ({**BASE, "_tuning_objective_metric": "validation:foo"}, TUNING),
        ({**BASE, "booster": "gblinear", "updater": "prune"}, "Linear updater should be one of these options"),
        ({**BASE, "process_type": "update", "updater": "sync"}, "can only be used with updater 'refresh' and 'prune'"),
        ({**BASE, "updater": "grow_colmaker,grow_histmaker"}, "Only one tree grow plugin can be selected."),
    ],
)
def test_messages(hyperparameters: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        validate(hyperparameters)
    assert message in str(caught.value)


def test_the_classic_image_tolerates_what_it_does_not_know() -> None:
    parsed, ignored = validate({**BASE, "precision_dtype": "float32", "silent": "1"}, classic=True)
    assert parsed == {"num_round": 10, "verbosity": 0}
    assert ignored == ["precision_dtype"]
    with pytest.raises(UserError, match="eta"):
        validate({**BASE, "eta": "7"}, classic=True)


def test_thresholds() -> None:
    given_metrics = {**BASE, "objective": "binary:logistic", "eval_metric": "error@0.7,ndcg@5"}
    assert validate(given_metrics)[0]["eval_metric"] == ["error@0.7", "ndcg@5"]


def test_every_interval_of_the_table_is_readable() -> None:
    intervals = [entry.interval for entry in table().values() if entry.interval]
    assert len(intervals) > 20
    assert all(in_interval(0, interval) in (True, False) for interval in intervals)


@given(st.floats(), st.floats(-5, 5), st.floats(-5, 5), st.booleans(), st.booleans())
def test_intervals(value: float, low: float, high: float, low_open: bool, high_open: bool) -> None:
    text = f"{'(' if low_open else '['}{low!r}, {high!r}{')' if high_open else ']'}"
    inside = (value > low or (value == low and not low_open)) and (value < high or (value == high and not high_open))
    assert in_interval(value, text) is inside


def test_metrics_of_a_job() -> None:
    assert evaluated_metrics(None, None) == ([], [])
    assert evaluated_metrics(["rmse"], "mae") == (["mae", "rmse"], [])
    assert evaluated_metrics(["rmse", "f1"], "rmse") == (["rmse"], ["f1"])
    assert is_maximized("ndcg@5")
    assert not is_maximized("error@0.7")


def test_defaults_of_older_images() -> None:
    assert default_metric("binary:logistic", (1, 2)) == "error"
    assert default_metric("binary:logistic", (1, 3)) is None
    assert default_metric("multi:softprob", (0, 72)) == "merror"
    assert default_metric("reg:squarederror", (0, 72)) is None


def parameters_for(version: tuple[int, int], **parsed: object) -> dict[str, object]:
    return library_parameters(Job(Tree("/nowhere"), {"num_round": 3, **parsed}, version, None, None), [], [])


def test_what_reaches_the_library() -> None:
    old = parameters_for((1, 2), objective="reg:linear", predictor="cpu_predictor", csv_weights=1, updater=["a", "b"])
    assert old == {"objective": "reg:squarederror", "updater": "a,b", "base_score": 0.5, "verbosity": 1}
    assert "base_score" not in parameters_for((3, 0))
    assert parameters_for((1, 7), base_score=0.1)["base_score"] == 0.1


def test_failures_of_the_library() -> None:
    native = "[02:02:16] /w/multi.cu:64: Check failed: valid: label must be in [0, num_class).\nStack trace:\n x"
    user = training_error(native)
    assert isinstance(user, UserError)
    assert str(user) == "Check failed: valid: label must be in [0, num_class)."
    other = training_error("[02:02:16] /w/src/x.cc:1: something else\nStack trace:\n  [bt]")
    assert isinstance(other, AlgorithmError)
    assert str(other) == "XGB train call failed with exception:\n something else"
