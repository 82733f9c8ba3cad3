"""Metrics: which are maximised, which the container computes itself, and which are evaluated in a training job.

Names and directions: developer guide, "Tune an XGBoost model". Own metrics: aws/sagemaker-xgboost-container,
metrics/custom_metrics.py (there by scikit-learn, here by numpy, with the same definitions).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

MAXIMIZED = (
    "accuracy",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "map",
    "ndcg",
    "precision",
    "r2",
    "recall",
    "precision_macro",
    "precision_micro",
    "recall_macro",
    "recall_micro",
)


def is_maximized(metric: str) -> bool:
    """Whether a larger value of `metric` (with or without an `@threshold`) is better."""
    return metric.split("@", 1)[0] in MAXIMIZED


def tuning_metric(objective_metric: str | None) -> str | None:
    """`rmse` of `validation:rmse`."""
    return objective_metric.split(":", 1)[1] if objective_metric else None


def evaluated_metrics(requested: Sequence[str] | None, tuned: str | None) -> tuple[list[str], list[str]]:
    """The metrics to evaluate: those xgboost computes, and those computed here.

    The tuning objective is added to the requested ones; then they are sorted, as the container does.
    """
    names = list(requested or ())
    if tuned is not None:
        names = sorted({*names, tuned})
    return [name for name in names if name not in OWN_METRICS], [name for name in names if name in OWN_METRICS]


def default_metric(objective: str, version: tuple[int, int]) -> str | None:
    """The metric images of an older xgboost evaluate when none is asked for; None where today's default is the same.

    Source: xgboost release notes 1.3 (logloss, mlogloss) and 2.0.
    """
    if version >= (1, 3):
        return None
    if objective.startswith("multi:"):
        return "merror"
    if objective == "binary:logistic":
        return "error"
    return "gamma-nloglik" if objective == "reg:gamma" else None


def own_metric(names: Sequence[str], objective: str) -> Callable[[Any, Any], list[tuple[str, float]]]:
    """A `custom_metric` for `xgboost.train` that computes all of `names`, each a key of `OWN_METRICS`."""

    def evaluate(predictions: Any, matrix: Any) -> list[tuple[str, float]]:
        labels = matrix.get_label()
        classes = predicted_classes(predictions, objective)
        return [(name, _one(name, labels, predictions, classes)) for name in names]

    return evaluate


def predicted_classes(predictions: Any, objective: str) -> Any:
    """The predicted class per row, from what a model of `objective` predicts."""
    if predictions.ndim > 1:
        return np.argmax(predictions, axis=-1)
    if objective == "multi:softmax":
        return np.rint(predictions)
    threshold = 0.0 if objective == "binary:logitraw" else 0.5
    return (predictions > threshold).astype(np.int64)


def _one(name: str, labels: Any, predictions: Any, classes: Any) -> float:
    return OWN_METRICS[name](labels, predictions if name in REGRESSION_METRICS else classes)


def _counts(labels: Any, found: Any) -> tuple[Any, Any, Any]:
    """True positives, labelled and predicted per class, for every class that occurs."""
    classes = np.unique(np.concatenate([labels, found]))
    right = np.array([np.sum((labels == one) & (found == one)) for one in classes], dtype=float)
    labelled = np.array([np.sum(labels == one) for one in classes], dtype=float)
    predicted = np.array([np.sum(found == one) for one in classes], dtype=float)
    return right, labelled, predicted


def _ratio(part: Any, whole: Any) -> Any:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _accuracy(labels: Any, found: Any) -> float:
    return float(np.mean(labels == found))


def _balanced_accuracy(labels: Any, found: Any) -> float:
    right, labelled, _ = _counts(labels, found)
    occurs = labelled > 0
    return float(np.mean(right[occurs] / labelled[occurs]))


def _precision_macro(labels: Any, found: Any) -> float:
    right, _, predicted = _counts(labels, found)
    return float(np.mean(_ratio(right, predicted)))


def _recall_macro(labels: Any, found: Any) -> float:
    right, labelled, _ = _counts(labels, found)
    return float(np.mean(_ratio(right, labelled)))


def _f1_macro(labels: Any, found: Any) -> float:
    right, labelled, predicted = _counts(labels, found)
    return float(np.mean(_ratio(2 * right, labelled + predicted)))


def _binary(labels: Any, found: Any) -> tuple[float, float, float]:
    return float(np.sum((labels == 1) & (found == 1))), float(np.sum(labels == 1)), float(np.sum(found == 1))


def _precision(labels: Any, found: Any) -> float:
    right, _, predicted = _binary(labels, found)
    return right / predicted if predicted else 0.0


def _recall(labels: Any, found: Any) -> float:
    right, labelled, _ = _binary(labels, found)
    return right / labelled if labelled else 0.0


def _f1_binary(labels: Any, found: Any) -> float:
    right, labelled, predicted = _binary(labels, found)
    return 2 * right / (labelled + predicted) if labelled + predicted else 0.0


def _mse(labels: Any, predictions: Any) -> float:
    return float(np.mean((labels - predictions) ** 2))


def _r2(labels: Any, predictions: Any) -> float:
    residual = float(np.sum((labels - predictions) ** 2))
    total = float(np.sum((labels - np.mean(labels)) ** 2))
    if total == 0.0:
        return 1.0 if residual == 0.0 else 0.0
    return 1.0 - residual / total


REGRESSION_METRICS = ("mse", "r2")
"""Computed from the predictions themselves, not from predicted classes."""

OWN_METRICS: dict[str, Callable[[Any, Any], float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1_macro,
    "f1_binary": _f1_binary,
    "f1_macro": _f1_macro,
    "mse": _mse,
    "precision": _precision,
    "precision_macro": _precision_macro,
    # With one class per row, micro averages over the classes are the accuracy.
    "precision_micro": _accuracy,
    "r2": _r2,
    "recall": _recall,
    "recall_macro": _recall_macro,
    "recall_micro": _accuracy,
}
