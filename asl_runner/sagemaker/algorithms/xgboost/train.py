"""Training in algorithm mode: reads the contract, validates, trains, writes `model/xgboost-model`.

Source: aws/sagemaker-xgboost-container 3.0-5, algorithm_mode/train.py; developer guide, "XGBoost algorithm".
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from asl_runner.sagemaker.algorithms.xgboost.boosting import MODEL_NAME, Job, boost, first_prediction, resumes
from asl_runner.sagemaker.algorithms.xgboost.channels import validate_channels
from asl_runner.sagemaker.algorithms.xgboost.checkpoints import save_model
from asl_runner.sagemaker.algorithms.xgboost.cluster import Cluster, gathered, share
from asl_runner.sagemaker.algorithms.xgboost.data import (
    Bins,
    Table,
    file_format,
    joined,
    matrix,
    read_channel,
    read_tables,
)
from asl_runner.sagemaker.algorithms.xgboost.engine import image_version, is_classic
from asl_runner.sagemaker.algorithms.xgboost.errors import PlatformError, UserError
from asl_runner.sagemaker.algorithms.xgboost.folds import train_folds
from asl_runner.sagemaker.algorithms.xgboost.hyperparameters import validate
from asl_runner.sagemaker.algorithms.xgboost.output import log
from asl_runner.sagemaker.containers.tree import Tree

DEFAULT_BINS = 256
"""xgboost's own `max_bin`."""


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
    cluster = Cluster(_read(tree.resource_config) if tree.resource_config.exists() else {})
    if cluster.size > 1:
        train_together(job, cluster, channels)
        return
    training, validation = _matrices(job, channels)
    log("Single node training.")
    train_alone(job, training, validation)


def train_alone(job: Job, training: Any, validation: Any) -> None:
    """Trains in this process and writes the model."""
    log(f"Train matrix has {training.num_row()} rows and {training.num_col()} columns")
    if validation is not None:
        log(f"Validation matrix has {validation.num_row()} rows")
    if "_kfold" in job.parameters:
        train_folds(job, training, validation)
    else:
        save_model(boost(job, training, validation), job.tree.model / MODEL_NAME)


def train_together(job: Job, cluster: Cluster, channels: dict[str, Any]) -> None:
    """Trains with the other hosts of the job; the first one writes the model.

    What xgboost cannot divide among hosts, the first one does alone.
    """
    form = file_format(channels["train"].get("ContentType"))
    tables = {name: _all_rows(job, cluster, channels, name, form) for name in ("train", "validation")}
    training = tables["train"]
    if training is None:
        raise UserError(f"No data in training channel path {job.tree.channel('train')}")
    if "validation" in channels and tables["validation"] is None:
        raise UserError(f"No data in validation channel path {job.tree.channel('validation')}")
    log(f"Distributed node training with {cluster.size} hosts: {list(cluster.hosts)}")
    held = tables["validation"]
    validation = None if held is None else matrix(held, form, threads=job.threads)
    whole = matrix(training, form, threads=job.threads)
    if not _has_histograms(job.parameters):
        if cluster.is_first:
            log("These hyperparameters are not for several hosts; the first host trains alone.")
            train_alone(job, whole, validation)
        return
    bins = _bins(job)
    like = matrix(training, form, threads=job.threads, bins=Bins(bins))
    part = matrix(share(cluster, training), form, threads=job.threads, bins=Bins(bins, like))
    base_score = first_prediction(job, like)
    with cluster.together():
        booster = boost(job, whole, validation, share=part, base_score=base_score, quiet=not cluster.is_first)
    if cluster.is_first:
        save_model(booster, job.tree.model / MODEL_NAME)


def _all_rows(job: Job, cluster: Cluster, channels: dict[str, Any], channel: str, form: str) -> Table | None:
    """The rows of a channel on all hosts: what is there, or what all have of a sharded one."""
    if channel not in channels:
        return None
    weighted = job.parameters.get("csv_weights", 0) == 1
    found = read_tables(job.tree.channel(channel), form, csv_weights=weighted)
    if channels[channel].get("S3DistributionType") == "ShardedByS3Key":
        with cluster.together():
            found = gathered(cluster, found)
    return joined(list(found.values()))


def _has_histograms(parameters: dict[str, Any]) -> bool:
    """Whether trees are grown from histograms alone: hosts can share that work, and rows need not be kept as floats."""
    return (
        parameters.get("tree_method", "auto") in ("auto", "hist")
        and parameters.get("booster", "gbtree") in ("gbtree", "dart")
        and not {"_kfold", "updater", "process_type"} & parameters.keys()
    )


def _bins(job: Job) -> int:
    return int(job.parameters.get("max_bin", DEFAULT_BINS))


def _matrices(job: Job, channels: dict[str, Any]) -> tuple[Any, Any]:
    form = file_format(channels["train"].get("ContentType"))
    weighted = job.parameters.get("csv_weights", 0) == 1
    # The model is the same from bins as from floats; but splits of a checkpoint's trees might lie between these bins.
    binned = _has_histograms(job.parameters) and not resumes(job)
    found = []
    for channel, word in (("train", "training"), ("validation", "validation")):
        path = job.tree.channel(channel)
        rows = None
        if channel in channels:
            bins = Bins(_bins(job)) if binned and channel == "train" else None
            rows = read_channel(path, form, csv_weights=weighted, threads=job.threads, bins=bins)
            if rows is None:
                raise UserError(f"No data in {word} channel path {path}")
        found.append(rows)
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
