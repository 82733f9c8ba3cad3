"""Training in algorithm mode: reads the contract, validates, trains, writes `model/xgboost-model`.

Source: aws/sagemaker-xgboost-container 3.0-5, algorithm_mode/train.py; developer guide, "XGBoost algorithm".
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from asl_runner.sagemaker.algorithms.xgboost import metrics
from asl_runner.sagemaker.algorithms.xgboost.callbacks import AfterRound, early_stopping, round_callback
from asl_runner.sagemaker.algorithms.xgboost.channels import validate_channels
from asl_runner.sagemaker.algorithms.xgboost.checkpoints import load_checkpoint, save_checkpoint, save_model
from asl_runner.sagemaker.algorithms.xgboost.data import file_format, read_channel
from asl_runner.sagemaker.algorithms.xgboost.engine import image_version, is_classic, load_xgboost
from asl_runner.sagemaker.algorithms.xgboost.errors import AlgorithmError, PlatformError, UserError
from asl_runner.sagemaker.algorithms.xgboost.hyperparameters import validate
from asl_runner.sagemaker.algorithms.xgboost.output import log
from asl_runner.sagemaker.containers.tree import Tree

MODEL_NAME = "xgboost-model"

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
"""Accepted by the container, gone or not built into today's xgboost, without effect on the result."""

USER_ERRORS = (
    "label must be in [0,1] for logistic regression",
    "label must be in [0, num_class)",
    "Target is multiclass but average='binary'",
    "feature_names mismatch",
    "Check failed: preds.size() == info.labels_.size()",
    "Check failed: !auc_error AUC: the dataset only contains pos or neg samples",
    "base_score must be in (0,1) for logistic loss",
    "label must be nonnegative",
    "Parameter reg_lambda should be greater equal to 0",
)
"""Parts of xgboost's messages that are the fault of the data or the hyperparameters (the container's own list)."""


class Job(Struct, frozen=True):
    """One validated training job."""

    tree: Tree
    parameters: dict[str, Any]
    """Parsed hyperparameters."""
    version: tuple[int, int]
    threads: int | None
    checkpoints: Path | None


def train(tree: Tree) -> None:
    """Trains as the files below `tree` say. Raises a `ToolkitError` that says why it cannot."""
    version = image_version()
    given = _read(tree.hyperparameters)
    parameters, ignored = validate(given, classic=is_classic(version))
    for name in ignored:
        log(f"Hyperparameter {name} is not one of XGBoost and was ignored.", "WARNING")
    channels = _read(tree.input_data_config)
    validate_channels(channels)
    log("Running XGBoost Sagemaker in algorithm mode")
    job = Job(tree, parameters, version, _threads(parameters), _checkpoint_directory(tree))
    training, validation = _matrices(job, channels)
    log("Single node training.")
    log(f"Train matrix has {training.num_row()} rows and {training.num_col()} columns")
    if validation is not None:
        log(f"Validation matrix has {validation.num_row()} rows")
    if "_kfold" in parameters:
        from asl_runner.sagemaker.algorithms.xgboost.folds import train_folds

        train_folds(job, training, validation)
    else:
        save_model(boost(job, training, validation), tree.model / MODEL_NAME)


def boost(job: Job, training: Any, validation: Any, evaluations: Evaluations | None = None) -> Any:
    """The booster trained on `training`, evaluated each round on both matrices; fills `evaluations` when given."""
    xgboost = load_xgboost()
    parameters = job.parameters
    objective = str(parameters.get("objective", "reg:squarederror"))
    tuned = metrics.tuning_metric(parameters.get("_tuning_objective_metric"))
    library, own = metrics.evaluated_metrics(parameters.get("eval_metric"), tuned)
    if tuned is not None:
        log(f"Setting up HPO optimized metric to be : {tuned}")
    start, done = load_checkpoint(job.checkpoints) if job.checkpoints else (None, 0)
    if start is not None:
        log(f"Resuming from iteration {done}")
    callbacks = [round_callback(done, _after_round(job))]
    stopping = parameters.get("early_stopping_rounds")
    watched = tuned or (parameters.get("eval_metric") or [None])[-1]
    if stopping and watched and validation is not None:
        callbacks.append(early_stopping(stopping, watched, maximize=metrics.is_maximized(watched)))
    watch = [(training, "train")] + ([(validation, "validation")] if validation is not None else [])
    try:
        return xgboost.train(
            library_parameters(parameters, library, own, objective, job.version, job.threads),
            training,
            num_boost_round=max(parameters["num_round"] - done, 0),
            evals=watch,
            evals_result=evaluations,
            custom_metric=metrics.own_metric(own, objective) if own else None,
            callbacks=callbacks,
            xgb_model=start,
            verbose_eval=False,
        )
    except (xgboost.core.XGBoostError, ValueError) as problem:
        raise _training_error(problem) from problem


def library_parameters(
    parameters: dict[str, Any],
    library_metrics: list[str],
    own_metrics: list[str],
    objective: str,
    version: tuple[int, int],
    threads: int | None,
) -> dict[str, Any]:
    """What `xgboost.train` is called with: the hyperparameters, and the defaults of the image's own version."""
    passed = {name: value for name, value in parameters.items() if name not in CONSUMED | REMOVED}
    for name in ("monotone_constraints", "interaction_constraints"):
        if name in passed:
            passed[name] = str(passed[name])
    if "updater" in passed:
        passed["updater"] = ",".join(passed["updater"])
    if passed.get("objective") == "reg:linear":
        passed["objective"] = "reg:squarederror"
    if version < (2, 0):
        # Since 2.0 xgboost estimates the first prediction from the labels.
        passed.setdefault("base_score", 0.5)
    older = metrics.default_metric(objective, version)
    if library_metrics:
        passed["eval_metric"] = library_metrics
    elif older is not None and not own_metrics:
        passed["eval_metric"] = older
    passed.setdefault("verbosity", 1)
    if threads is not None:
        passed["nthread"] = threads
    return passed


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


def _matrices(job: Job, channels: dict[str, Any]) -> tuple[Any, Any]:
    form = file_format(channels["train"].get("ContentType"))
    weighted = job.parameters.get("csv_weights", 0) == 1
    path = job.tree.channel("train")
    training = read_channel(path, form, csv_weights=weighted, threads=job.threads)
    if training is None:
        raise UserError(f"No data in training channel path {path}")
    if "validation" not in channels:
        return training, None
    path = job.tree.channel("validation")
    validation = read_channel(path, form, csv_weights=weighted, threads=job.threads)
    if validation is None:
        raise UserError(f"No data in validation channel path {path}")
    return training, validation


def _training_error(problem: Exception) -> Exception:
    text = str(problem)
    if any(part in text for part in USER_ERRORS):
        return UserError(text)
    return AlgorithmError(f"XGB train call failed with exception:\n {text}")


def _threads(parameters: dict[str, Any]) -> int | None:
    if "nthread" in parameters:
        return int(parameters["nthread"])
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdigit() and int(limit) > 0 else None


def _checkpoint_directory(tree: Tree) -> Path | None:
    if not tree.checkpoint_config.exists():
        return None
    path = _read(tree.checkpoint_config).get("LocalPath")
    return Path(path) if path else tree.checkpoints


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as problem:
        raise PlatformError(f"{path} cannot be read: {problem}") from problem
    return document


def exit_on_sigterm() -> None:
    """SIGTERM ends the program with 0 between two rounds; what is in `model/` by then is the job's model."""
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(0))
