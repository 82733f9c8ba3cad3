"""The model directory of an inference container: one booster, or an ensemble of them.

Source: aws/sagemaker-xgboost-container, algorithm_mode/serve_utils.py.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from asl_runner.sagemaker.algorithms.xgboost.engine import image_version, load_xgboost

PICKLED_BEFORE = (1, 3)
"""Images before this version check the number of columns themselves."""

VOTES = ("multi:softmax", "binary:hinge")
"""Objectives whose predictions are classes: an ensemble votes instead of averaging."""


class ModelError(Exception):
    """The model directory holds no usable model."""


class PredictionError(Exception):
    """The rows do not fit the model."""


class Model:
    """The boosters of a model directory, ready to predict."""

    def __init__(self, boosters: list[Any], version: tuple[int, int]) -> None:
        self._boosters = boosters
        self._version = version
        learner = json.loads(boosters[0].save_config())["learner"]
        self.objective: str = learner["objective"]["name"]
        self.classes = int(learner["learner_model_param"]["num_class"])
        self.columns: int = boosters[0].num_features()
        self._linear = learner["gradient_booster"]["name"] == "gblinear"

    def predict(self, rows: Any, media: str) -> Any:
        """Predictions for a numpy array or a scipy matrix that came as content of type `media` (csv, libsvm, ...).

        One number per row, or one row of class probabilities. Raises `PredictionError`.
        """
        rows = self._fitting(rows, media)
        xgboost = load_xgboost()
        try:
            results = [self._one(booster, rows) for booster in self._boosters]
        except (xgboost.core.XGBoostError, ValueError) as problem:
            raise PredictionError(str(problem)) from problem
        if len(results) == 1:
            return results[0]
        if self.objective in VOTES:
            return np.apply_along_axis(_most_frequent, 0, np.stack(results))
        return np.mean(results, axis=0)

    def gains(self) -> dict[str, float]:
        """The average gain of the splits on each feature, the greatest first; `{}` for a linear model."""
        if self._linear:
            return {}
        found: dict[str, float] = {}
        for booster in self._boosters:
            for name, gain in booster.get_score(importance_type="gain").items():
                found[name] = found.get(name, 0.0) + gain / len(self._boosters)
        return dict(sorted(found.items(), key=lambda one: -one[1]))

    def _one(self, booster: Any, rows: Any) -> Any:
        best = booster.attr("best_iteration")
        rounds = (0, int(best) + 1) if best is not None else (0, 0)
        if self._linear:
            return booster.predict(load_xgboost().DMatrix(rows), iteration_range=rounds, validate_features=False)
        return booster.inplace_predict(rows, iteration_range=rounds, validate_features=False)

    def _fitting(self, rows: Any, media: str) -> Any:
        """The rows with as many columns as the model has; sparse rows may be narrower."""
        width, expected = rows.shape[1], self.columns
        if media == "libsvm":
            if width > expected + 1:
                raise PredictionError(
                    f"Feature size of libsvm inference data {width} is larger than "
                    f"feature size of trained model {expected}."
                )
            rows.resize(rows.shape[0], expected)
            return rows
        if width == expected:
            return rows
        if width == expected - 1 and self._version < PICKLED_BEFORE:
            # What old images accept: their models count one column more when trained on LIBSVM that counts from 1.
            return np.pad(rows, ((0, 0), (0, 1)), constant_values=np.nan)
        raise PredictionError(
            f"Feature size of {media} inference data {width} is not consistent with "
            f"feature size of trained model {expected}."
        )


def load_model(directory: Path, threads: int | None = None) -> Model:
    """The model of `directory`: its first file, or all of them as an ensemble. Raises `ModelError`."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not files:
        raise ModelError(f"there is no model file in {directory}")
    if os.environ.get("SAGEMAKER_INFERENCE_ENSEMBLE", "true") != "true":
        files = files[:1]
    return Model([_booster(path, threads) for path in files], image_version())


def _booster(path: Path, threads: int | None) -> Any:
    xgboost = load_xgboost()
    data = path.read_bytes()
    if data[:1] == b"\x80":
        raise ModelError(
            f"{path.name} is a Python pickle, as images before 1.3-1 write them. "
            "Load it with the xgboost it was written by and save it with Booster.save_model."
        )
    try:
        booster = xgboost.Booster(model_file=bytearray(data))
        if threads is not None:
            booster.set_param({"nthread": threads})
    except xgboost.core.XGBoostError as problem:
        raise ModelError(f"{path.name}: {problem}") from problem
    return booster


def _most_frequent(votes: Any) -> Any:
    values, counts = np.unique(votes, return_counts=True)
    return values[np.argmax(counts)]
