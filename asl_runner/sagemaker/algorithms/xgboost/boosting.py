"""One boosting run: from validated hyperparameters and matrices to a booster.

Source: aws/sagemaker-xgboost-container 3.0-5, algorithm_mode/train.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from asl_runner.sagemaker.algorithms.xgboost import metrics
from asl_runner.sagemaker.algorithms.xgboost.callbacks import AfterRound, early_stopping, round_callback
from asl_runner.sagemaker.algorithms.xgboost.checkpoints import load_checkpoint, save_checkpoint, save_model
from asl_runner.sagemaker.algorithms.xgboost.engine import load_xgboost
from asl_runner.sagemaker.algorithms.xgboost.errors import AlgorithmError, UserError, without_stack
from asl_runner.sagemaker.algorithms.xgboost.output import log
from asl_runner.sagemaker.containers.tree import Tree

MODEL_NAME = "xgboost-model"
DEFAULT_OBJECTIVE = "reg:squarederror"

Evaluations: TypeAlias = dict[str, dict[str, list[float]]]
"""Data set (train, validation) to metric to its value after each round."""

CONSUMED = frozenset(
    {
        "num_round",
        "csv_weights",
        "early_stopping_rounds",
        "save_model_on_termination",
        "_tuning_objective_metric",
        "_kfold",
        "_num_cv_round",
        "use_dask_gpu_training",
        "eval_metric",
    }
)
"""Hyperparameters of the container itself, never handed to xgboost as they are."""

REMOVED = frozenset({"predictor", "sketch_eps", "dsplit", "deterministic_histogram", "prob_buffer_row"})
"""Accepted by the container, unknown to today's xgboost, without effect on the result."""

USER_ERRORS = (
    "for logistic regression",
    "label must be in [0, num_class)",
    "in the range of [0, num_class)",
    "feature_names mismatch",
    "Check failed: preds.size() == info.labels_.size()",
    "the dataset only contains pos or neg samples",
    "base_score must be in (0,1)",
    "label must be nonnegative",
    "label must be non-negative",
    "label must be either 0 or positive integer",
    "Label contains NaN",
    "Parameter reg_lambda should be greater equal to 0",
    "Invalid Input: ",
)
"""Parts of xgboost's messages, today's and older ones, that are the fault of the data or the hyperparameters."""


class Job(Struct, frozen=True):
    """One validated training job."""

    tree: Tree
    parameters: dict[str, Any]
    """Parsed hyperparameters."""
    version: tuple[int, int]
    """Of xgboost in the image."""
    threads: int | None
    checkpoints: Path | None

    @property
    def objective(self) -> str:
        return str(self.parameters.get("objective", DEFAULT_OBJECTIVE))


def boost(
    job: Job,
    training: Any,
    validation: Any,
    evaluations: Evaluations | None = None,
    *,
    share: Any = None,
    base_score: str | None = None,
    quiet: bool = False,
) -> Any:
    """The booster trained on `training`, evaluated each round on both matrices; fills `evaluations` when given.

    On one of several hosts `share` is its part of the rows, and `base_score` what `first_prediction` gave; with `quiet`
    it writes no log and no checkpoints.
    Raises `UserError` for data the objective cannot have, `AlgorithmError` for any other failure of xgboost.
    """
    xgboost = load_xgboost()
    parameters = job.parameters
    tuned = metrics.tuning_metric(parameters.get("_tuning_objective_metric"))
    library, own = metrics.evaluated_metrics(parameters.get("eval_metric"), tuned)
    if tuned is not None and not quiet:
        log(f"Setting up HPO optimized metric to be : {tuned}")
    start, done = load_checkpoint(job.checkpoints) if job.checkpoints else (None, 0)
    if start is not None:
        log(f"Resuming from iteration {done}")
    callbacks = [round_callback(done, [] if quiet else _after_round(job), quiet=quiet)]
    stopping = parameters.get("early_stopping_rounds")
    watched = tuned or (parameters.get("eval_metric") or [None])[-1]
    if stopping and watched and validation is not None:
        callbacks.append(early_stopping(stopping, watched, maximize=metrics.is_maximized(watched)))
    watch = [(training, "train")] + ([(validation, "validation")] if validation is not None else [])
    estimated = {} if base_score is None else {"base_score": base_score}
    try:
        booster = xgboost.train(
            library_parameters(job, library, own) | estimated,
            training if share is None else share,
            num_boost_round=max(parameters["num_round"] - done, 0),
            evals=watch,
            evals_result=evaluations,
            custom_metric=metrics.own_metric(own, job.objective) if own else None,
            callbacks=callbacks,
            xgb_model=start,
            verbose_eval=False,
        )
    except (xgboost.core.XGBoostError, ValueError) as problem:
        raise training_error(str(problem)) from problem
    if estimated:
        # The model tells whether its first prediction was estimated. Said before, xgboost would estimate it again.
        booster.set_param({"boost_from_average": 1})
    return booster


def resumes(job: Job) -> bool:
    """Whether there is a checkpoint to go on from."""
    return job.checkpoints is not None and load_checkpoint(job.checkpoints)[0] is not None


def first_prediction(job: Job, rows: Any) -> str | None:
    """The first prediction that xgboost estimates from all rows, as its parameter `base_score`.

    Hosts that estimate it together add up in another order, and differ from one host in the last digit. None where
    nothing is estimated. Raises as `boost`.
    """
    xgboost = load_xgboost()
    parameters = library_parameters(job, [], [])
    if "base_score" in parameters or resumes(job):
        return None
    try:
        # It is estimated with the first tree, and by its labels alone.
        booster = xgboost.train({**parameters, "max_depth": 1}, rows, num_boost_round=1)
    except (xgboost.core.XGBoostError, ValueError) as problem:
        raise training_error(str(problem)) from problem
    found: str = json.loads(booster.save_config())["learner"]["learner_model_param"]["base_score"]
    return found


def library_parameters(job: Job, library_metrics: list[str], own_metrics: list[str]) -> dict[str, Any]:
    """What `xgboost.train` is called with: the hyperparameters, and the defaults of the image's own version."""
    passed = {name: value for name, value in job.parameters.items() if name not in CONSUMED | REMOVED}
    for name in ("monotone_constraints", "interaction_constraints"):
        if name in passed:
            passed[name] = str(passed[name])
    if "updater" in passed:
        passed["updater"] = ",".join(passed["updater"])
    if passed.get("objective") == "reg:linear":
        passed["objective"] = "reg:squarederror"
    if job.version < (2, 0):
        # Since 2.0 xgboost estimates the first prediction from the labels.
        passed.setdefault("base_score", 0.5)
    older = metrics.default_metric(job.objective, job.version)
    if library_metrics:
        passed["eval_metric"] = library_metrics
    elif older is not None and not own_metrics:
        passed["eval_metric"] = older
    passed.setdefault("verbosity", 1)
    if job.threads is not None:
        passed["nthread"] = job.threads
    return passed


def training_error(text: str) -> UserError | AlgorithmError:
    """The failure for a message of xgboost."""
    text = without_stack(text)
    if any(part in text for part in USER_ERRORS):
        return UserError(text)
    return AlgorithmError(f"XGB train call failed with exception:\n {text}")


def _after_round(job: Job) -> list[AfterRound]:
    actions: list[AfterRound] = []
    directory = job.checkpoints
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        actions.append(lambda booster, number: save_checkpoint(booster, directory, number))
    if job.parameters.get("save_model_on_termination") == "true":
        target = job.tree.model / MODEL_NAME
        actions.append(lambda booster, number: save_model(booster, target))
    return actions
