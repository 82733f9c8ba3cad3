"""The same tuning, saving and predicting as a plain script with nothing around it: the floor of `tuning`.

`python plain_tune.py FOLDER TRIALS.json`: reads train.csv, validation.csv and test.csv in FOLDER, tries the
hyperparameters of TRIALS.json two at a time with one thread each, writes model.tar.gz and predictions.csv.
"""

from __future__ import annotations

import json
import sys
import tarfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any


def _matrix(file: Path, *, labelled: bool) -> Any:
    import pandas as pd
    import xgboost

    data = pd.read_csv(file, header=None, dtype="float32").to_numpy()
    return xgboost.DMatrix(data[:, 1:], label=data[:, 0], nthread=1) if labelled else xgboost.DMatrix(data, nthread=1)


def trial(folder: Path, number: int, parameters: dict[str, Any]) -> float:
    """Trains once and saves the model; gives the validation error."""
    import xgboost

    rounds = int(parameters.pop("num_round"))
    history: dict[str, dict[str, list[float]]] = {}
    train, validation = (_matrix(folder / f"{part}.csv", labelled=True) for part in ("train", "validation"))
    booster = xgboost.train(
        {**parameters, "nthread": 1},
        train,
        rounds,
        evals=[(train, "train"), (validation, "validation")],
        evals_result=history,
        verbose_eval=False,
    )
    booster.save_model(folder / f"{number}.ubj")
    return history["validation"]["rmse"][-1]


def main(folder: Path, trials: list[dict[str, Any]]) -> None:
    """Tunes, saves the best, predicts."""
    import xgboost

    with ProcessPoolExecutor(2) as pool:
        errors = list(pool.map(trial, [folder] * len(trials), range(len(trials)), trials))
    best = folder / f"{errors.index(min(errors))}.ubj"
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        archive.add(best, "xgboost-model")
    booster = xgboost.Booster(model_file=best)
    predictions = booster.predict(_matrix(folder / "test.csv", labelled=False))
    (folder / "predictions.csv").write_text("".join(f"{value}\n" for value in predictions), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
