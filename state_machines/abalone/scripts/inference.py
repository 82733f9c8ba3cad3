"""Answers a batch transform of the Abalone model: one number of rings per row.

Rows may have the label first, as test.csv has it; it is not looked at.
"""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xgboost

FEATURES = 10


def model_fn(model_dir: str) -> xgboost.Booster:
    """The model that the built-in XGBoost saved."""
    return xgboost.Booster(model_file=bytearray((Path(model_dir) / "xgboost-model").read_bytes()))


def input_fn(body: str | bytes, content_type: str) -> npt.NDArray[np.float64]:
    """The features of the rows of a CSV."""
    if not content_type.startswith("text/csv"):
        raise ValueError(f"Expected text/csv, got {content_type}")
    text = body.decode() if isinstance(body, bytes) else body
    return np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)[:, -FEATURES:]


def predict_fn(rows: npt.NDArray[np.float64], model: xgboost.Booster) -> npt.NDArray[np.float32]:
    """The predictions."""
    return np.asarray(model.predict(xgboost.DMatrix(rows)))


def output_fn(predictions: npt.NDArray[np.float32], accept: str) -> str:
    """One prediction per line."""
    return "\n".join(f"{value:.3f}" for value in predictions)
