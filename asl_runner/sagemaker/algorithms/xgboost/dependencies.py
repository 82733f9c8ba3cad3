"""Rules between hyperparameters: which values of one allow which of another. Messages are the container's.

Source: aws/sagemaker-xgboost-container 3.0-5, algorithm_mode/hyperparameter_validation.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asl_runner.sagemaker.algorithms.xgboost.errors import UserError

THRESHOLD_METRICS = ("error", "ndcg", "map")
MULTI_CLASS = ("multi:softmax", "multi:softprob")

LINEAR_UPDATERS = ("shotgun", "coord_descent")
UPDATE_UPDATERS = ("refresh", "prune")
GROW_UPDATERS = ("grow_colmaker", "distcol", "grow_histmaker", "grow_local_histmaker", "grow_quantile_histmaker")
TREE_UPDATERS = (*GROW_UPDATERS, "grow_skmaker", "sync", "refresh", "prune")


def metric_with_threshold(metric: str) -> bool:
    """Whether `metric` is of the form `error@0.7`; raises `UserError` when it is but may not be."""
    name, at, threshold = (part.strip() for part in metric.partition("@"))
    if not at:
        return False
    if name not in THRESHOLD_METRICS:
        raise UserError(
            f"Metric '{metric}' is not supported. Parameter 'eval_metric' with customized threshold should "
            "be one of these options: 'error', 'ndcg', 'map'."
        )
    try:
        float(threshold.removesuffix("-"))
    except ValueError:
        raise UserError(f"Threshold value 't' in '{name}@t' expects float input.") from None
    return True


def check_dependencies(parsed: Mapping[str, Any]) -> None:
    """Raises `UserError` for the first combination of values that cannot be."""
    if parsed.get("updater") is not None:
        _updater(parsed["updater"], parsed)
    objective = parsed.get("objective")
    if objective in MULTI_CLASS and parsed.get("num_class") is None:
        raise UserError("Require input for parameter 'num_class' for multi-classification")
    _eval_metric(parsed.get("eval_metric") or [], objective or "")
    tree_method = parsed.get("tree_method")
    if parsed.get("monotone_constraints") is not None and tree_method not in ("exact", "hist"):
        raise UserError(
            "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'."
        )
    if parsed.get("interaction_constraints") is not None and tree_method not in ("exact", "hist", "approx"):
        raise UserError(
            "interaction_constraints can be used only when the tree_method parameter is set to "
            "either 'exact', 'hist' or 'approx'."
        )


def _eval_metric(metrics: list[str], objective: str) -> None:
    if "auc" in metrics and not objective.startswith(("binary:", "multi:", "rank:")):
        raise UserError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise UserError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")


def _updater(updaters: list[str], parsed: Mapping[str, Any]) -> None:
    if parsed.get("booster") == "gblinear":
        if len(updaters) != 1 or updaters[0] not in LINEAR_UPDATERS:
            raise UserError("Linear updater should be one of these options: 'shotgun', 'coord_descent'.")
    elif parsed.get("process_type") == "update":
        if not set(updaters) <= set(UPDATE_UPDATERS):
            raise UserError("process_type 'update' can only be used with updater 'refresh' and 'prune'")
    elif not set(updaters) <= set(TREE_UPDATERS):
        names = ", ".join(f"'{name}'" for name in (*TREE_UPDATERS, *LINEAR_UPDATERS))
        raise UserError(f"Tree updater should be selected from these options: {names}.")
    elif sum(name in GROW_UPDATERS for name in updaters) > 1:
        names = ", ".join(f"'{name}'" for name in (*GROW_UPDATERS, "grow_skmaker"))
        raise UserError(f"Only one tree grow plugin can be selected. Choose one from the following: {names}")
