"""What happens after each boosting round: its line in the log, checkpoints, the model of an interruptible job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asl_runner.sagemaker.algorithms.xgboost.engine import load_xgboost
from asl_runner.sagemaker.algorithms.xgboost.output import print_round
from asl_runner.sagemaker.algorithms.xgboost.termination import exit_if_requested

AfterRound = Callable[[Any, int], object]
"""Takes the booster and the number of the round, from 0 also after a resume."""


def round_callback(first_round: int, actions: list[AfterRound], *, quiet: bool = False) -> Any:
    """A callback for `xgboost.train` that prints each round, unless `quiet`, and then calls `actions`."""
    xgboost = load_xgboost()

    def after_iteration(_self: Any, booster: Any, number: int, evaluations: Any) -> bool:
        if evaluations and not quiet:
            print_round(first_round + number, evaluations)
        for action in actions:
            action(booster, first_round + number)
        exit_if_requested()
        return False

    # xgboost accepts only instances of its own class, which is not known before it is loaded.
    kind = type("RoundCallback", (xgboost.callback.TrainingCallback,), {"after_iteration": after_iteration})
    return kind()


def early_stopping(rounds: int, metric: str, *, maximize: bool) -> Any:
    """Stops when `metric` of the validation data has not improved for `rounds` rounds, and keeps the best model."""
    xgboost = load_xgboost()
    return xgboost.callback.EarlyStopping(
        rounds=rounds, metric_name=metric, data_name="validation", maximize=maximize, save_best=True
    )
