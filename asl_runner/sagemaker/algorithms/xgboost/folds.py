"""Cross-validation (`_kfold`): one model per fold, predictions of the held-out rows in `output/data/predictions.csv`.

Source: aws/sagemaker-xgboost-container, algorithm_mode/train.py and prediction_utils.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asl_runner.sagemaker.algorithms.xgboost.boosting import MODEL_NAME, Evaluations, Job, boost
from asl_runner.sagemaker.algorithms.xgboost.checkpoints import save_model
from asl_runner.sagemaker.algorithms.xgboost.data import stack_rows
from asl_runner.sagemaker.algorithms.xgboost.engine import load_xgboost
from asl_runner.sagemaker.algorithms.xgboost.errors import UserError
from asl_runner.sagemaker.algorithms.xgboost.metrics import predicted_classes
from asl_runner.sagemaker.algorithms.xgboost.output import log, print_round

CLASSIFICATION = ("binary:", "multi:")


def train_folds(job: Job, training: Any, validation: Any) -> None:
    """Trains `_kfold` models, `_num_cv_round` times, on the rows of both matrices; the model of each is saved.

    After each repetition the mean of every metric is printed as a round line, numbered `num_round`.
    """
    folds, repeats = job.parameters["_kfold"], job.parameters.get("_num_cv_round", 1)
    matrix = _joined(training, validation)
    labels = matrix.get_label()
    if folds > len(labels):
        raise UserError(
            f"Cannot have number of splits n_splits={folds} greater than the number of samples: {len(labels)}."
        )
    classifies = job.objective.startswith(CLASSIFICATION)
    generator = np.random.default_rng(job.parameters.get("seed", 0))
    log(f"Run {repeats}-round of {folds}-fold cross validation with {len(labels)} rows")
    held_out: list[Any] = []
    evaluations: list[Evaluations] = []
    boosters: list[Any] = []
    for repeat in range(repeats):
        predictions: list[Any] = [None] * len(labels)
        for fold in split(labels, folds, generator, stratified=classifies):
            rest = np.setdiff1d(np.arange(len(labels)), fold)
            held = matrix.slice(fold)
            found: Evaluations = {}
            booster = boost(job, matrix.slice(rest), held, found)
            for row, value in zip(fold, booster.predict(held), strict=True):
                predictions[row] = value
            boosters.append(booster)
            evaluations.append(found)
        held_out.append(np.array(predictions))
        log(f"The metrics of round {repeat + 1} cross validation")
        print_round(job.parameters["num_round"], means(evaluations[-folds:]))
    if repeats > 1:
        log(f"The overall metrics of {repeats}-round cross validation")
        print_round(job.parameters["num_round"], means(evaluations))
    for number, booster in enumerate(boosters):
        save_model(booster, job.tree.model / f"{MODEL_NAME}-{number}")
    job.tree.output_data.mkdir(parents=True, exist_ok=True)
    table = prediction_table(labels, held_out, job.objective, classifies=classifies)
    np.savetxt(job.tree.output_data / "predictions.csv", table, delimiter=",", fmt="%f")


def split(labels: Any, folds: int, generator: np.random.Generator, *, stratified: bool) -> list[Any]:
    """The row numbers of each fold; with `stratified` every fold has its share of each label."""
    order = generator.permutation(len(labels))
    if stratified:
        order = order[np.argsort(labels[order], kind="stable")]
    return [np.sort(order[start::folds]) for start in range(folds)]


def means(evaluations: list[Evaluations]) -> Evaluations:
    """The mean over the folds of the last value of every metric."""
    return {
        data: {
            metric: [float(np.mean([one[data][metric][-1] for one in evaluations]))] for metric in evaluations[0][data]
        }
        for data in evaluations[0]
    }


def prediction_table(labels: Any, held_out: list[Any], objective: str, *, classifies: bool) -> Any:
    """Columns: true label, mean prediction; or for classes: true label, mean probability, most frequent class."""
    if not classifies:
        return np.column_stack([labels, np.mean(held_out, axis=0)])
    classes = np.stack([predicted_classes(one, objective) for one in held_out], axis=1)
    scores = np.mean([one.max(axis=-1) if one.ndim > 1 else one for one in held_out], axis=0)
    votes = [np.bincount(row.astype(np.int64)).argmax() for row in classes]
    return np.column_stack([labels, scores, votes])


def _joined(training: Any, validation: Any) -> Any:
    if validation is None:
        return training
    matrices = [training, validation]
    weights = [one.get_weight() for one in matrices]
    return load_xgboost().DMatrix(
        stack_rows([one.get_data() for one in matrices]),
        label=np.concatenate([one.get_label() for one in matrices]),
        weight=np.concatenate(weights) if all(map(len, weights)) else None,
    )
