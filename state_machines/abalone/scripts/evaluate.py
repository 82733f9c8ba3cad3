"""Measures a trained model on the test rows, for a SageMaker processing job.

It reads model/model.tar.gz and test/test.csv in /opt/ml/processing and writes the mean squared error and the deviation
of the errors into evaluation/evaluation.json there:

    {"regression_metrics": {"mse": {"value": 4.9, "standard_deviation": 2.2}}}
"""

import json
import tarfile
from pathlib import Path

import numpy as np
import xgboost

BASE = Path("/opt/ml/processing")


def load_model(archive: Path) -> xgboost.Booster:
    """The model that the built-in XGBoost packed."""
    with tarfile.open(archive) as tar:
        packed = tar.extractfile("xgboost-model")
        assert packed is not None
        return xgboost.Booster(model_file=bytearray(packed.read()))


def main() -> None:
    """Predict, compare, write."""
    rows = np.loadtxt(BASE / "test" / "test.csv", delimiter=",", ndmin=2)
    booster = load_model(BASE / "model" / "model.tar.gz")
    errors = rows[:, 0] - booster.predict(xgboost.DMatrix(rows[:, 1:]))
    metrics = {"value": float(np.mean(errors**2)), "standard_deviation": float(np.std(errors))}
    report = BASE / "evaluation" / "evaluation.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps({"regression_metrics": {"mse": metrics}}))
    print(f"mse {metrics['value']:.3f} on {len(rows)} rows")


if __name__ == "__main__":
    main()
