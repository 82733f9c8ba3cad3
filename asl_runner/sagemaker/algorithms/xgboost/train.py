"""Training in algorithm mode: reads the contract, validates, trains, writes `model/xgboost-model`.

Source: aws/sagemaker-xgboost-container 3.0-5, algorithm_mode/train.py; developer guide, "XGBoost algorithm".
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from asl_runner.sagemaker.algorithms.xgboost.boosting import MODEL_NAME, Job, boost
from asl_runner.sagemaker.algorithms.xgboost.channels import validate_channels
from asl_runner.sagemaker.algorithms.xgboost.checkpoints import save_model
from asl_runner.sagemaker.algorithms.xgboost.data import file_format, read_channel
from asl_runner.sagemaker.algorithms.xgboost.engine import image_version, is_classic
from asl_runner.sagemaker.algorithms.xgboost.errors import PlatformError, UserError
from asl_runner.sagemaker.algorithms.xgboost.folds import train_folds
from asl_runner.sagemaker.algorithms.xgboost.hyperparameters import validate
from asl_runner.sagemaker.algorithms.xgboost.output import log
from asl_runner.sagemaker.containers.tree import Tree


def train(tree: Tree) -> None:
    """Trains as the files below `tree` say. Raises a `ToolkitError` that says why it cannot."""
    version = image_version()
    parameters, ignored = validate(_read(tree.hyperparameters), classic=is_classic(version))
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
        train_folds(job, training, validation)
    else:
        save_model(boost(job, training, validation), tree.model / MODEL_NAME)


def _matrices(job: Job, channels: dict[str, Any]) -> tuple[Any, Any]:
    form = file_format(channels["train"].get("ContentType"))
    weighted = job.parameters.get("csv_weights", 0) == 1
    found = []
    for channel, word in (("train", "training"), ("validation", "validation")):
        path = job.tree.channel(channel)
        matrix = None
        if channel in channels:
            matrix = read_channel(path, form, csv_weights=weighted, threads=job.threads)
            if matrix is None:
                raise UserError(f"No data in {word} channel path {path}")
        found.append(matrix)
    return found[0], found[1]


def _threads(parameters: dict[str, Any]) -> int | None:
    if "nthread" in parameters:
        return int(parameters["nthread"])
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdigit() and int(limit) > 0 else None


def _checkpoint_directory(tree: Tree) -> Path | None:
    if not tree.checkpoint_config.exists():
        return None
    path = _read(tree.checkpoint_config).get("LocalPath")
    return tree.local(path) if path else tree.checkpoints


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as problem:
        raise PlatformError(f"{path} cannot be read: {problem}") from problem
    return document


def log_warnings() -> None:
    """Warnings of the libraries become lines of the log, without the place in the library they come from."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        log(" ".join(line.strip() for line in str(message).strip().splitlines()), "WARNING")

    warnings.showwarning = show
