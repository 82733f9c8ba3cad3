"""Selected inference output: `SAGEMAKER_INFERENCE_OUTPUT` names what is told of each classification.

Source: aws/sagemaker-xgboost-container, algorithm_mode/serve_utils.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from asl_runner.sagemaker.algorithms.xgboost.recordio_format import write_record

CLASSIFICATION = ("predicted_label", "labels", "probability", "probabilities", "raw_score", "raw_scores")
REGRESSION_OBJECTIVES = (
    "reg:squarederror",
    "reg:linear",
    "reg:logistic",
    "reg:gamma",
    "reg:tweedie",
    "count:poisson",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
)
WITHOUT_PROBABILITY = ("predicted_label", "labels", "raw_score", "raw_scores")

ALLOWED: dict[str, tuple[str, ...]] = {
    "binary:logistic": CLASSIFICATION,
    "multi:softprob": CLASSIFICATION,
    "binary:logitraw": WITHOUT_PROBABILITY,
    "binary:hinge": WITHOUT_PROBABILITY,
    "multi:softmax": WITHOUT_PROBABILITY,
    **dict.fromkeys(REGRESSION_OBJECTIVES, ("predicted_score",)),
}
"""What can be told of a prediction, by objective; anything else is NaN."""


def select_and_encode(predictions: Any, keys: list[str], objective: str, classes: int, media: str) -> bytes:
    """The selected content per prediction, encoded as `media`. Raises `ValueError` for an unsupported objective."""
    if objective not in ALLOWED:
        raise ValueError(f"Objective `{objective}` unsupported for selectable inference predictions.")
    labels = list(range(classes)) if classes else [0, 1]
    rows = [{key: _value(key, one, objective, labels) for key in keys} for one in predictions]
    if media == "application/json":
        return json.dumps({"predictions": rows}).encode()
    if media == "application/jsonlines":
        return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    if media == "application/x-recordio-protobuf":
        return b"".join(
            write_record({key: value if isinstance(value, list) else [value] for key, value in row.items()})
            for row in rows
        )
    return "\n".join(",".join(_cell(value) for value in row.values()) for row in rows).encode()


def _cell(value: Any) -> str:
    return f'"{value}"' if isinstance(value, list) else str(value)


def _value(key: str, prediction: Any, objective: str, labels: list[int]) -> Any:
    if key not in ALLOWED[objective]:
        return math.nan
    if key == "labels":
        return labels
    return SELECTORS[key](prediction, objective)


def _label(prediction: Any, objective: str) -> Any:
    if objective == "multi:softprob":
        return int(np.argmax(prediction))
    if objective in ("binary:hinge", "multi:softmax"):
        return prediction.item()
    return int(prediction > (0 if objective == "binary:logitraw" else 0.5))


def _score(prediction: Any, objective: str) -> Any:
    return float(np.max(prediction))


def _scores(prediction: Any, objective: str) -> Any:
    if objective == "multi:softprob":
        return prediction.tolist()
    return [1.0 - prediction.item(), prediction.item()]


SELECTORS: dict[str, Callable[[Any, str], Any]] = {
    "predicted_label": _label,
    "probability": _score,
    "probabilities": _scores,
    "raw_score": _score,
    "raw_scores": _scores,
    "predicted_score": _score,
}
