"""The same training and predicting as a plain script with nothing around it: the floor of `million`.

`python plain_million.py FOLDER ROUNDS`: reads train.csv and test.csv in FOLDER, writes model.tar.gz and
predictions.csv.
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path


def main(folder: Path, rounds: int) -> None:
    """Trains, saves, predicts."""
    import pandas as pd
    import xgboost

    rows = pd.read_csv(folder / "train.csv", header=None, dtype="float32").to_numpy()
    train = xgboost.DMatrix(rows[:, 1:], label=rows[:, 0])
    del rows
    booster = xgboost.train({"tree_method": "hist", "base_score": 0.5}, train, rounds, evals=[(train, "train")],
                            verbose_eval=False)  # fmt: skip
    del train
    booster.save_model(folder / "model.ubj")
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        archive.add(folder / "model.ubj", "xgboost-model")
    predictions = booster.inplace_predict(pd.read_csv(folder / "test.csv", header=None, dtype="float32").to_numpy())
    (folder / "predictions.csv").write_text("".join(f"{value}\n" for value in predictions), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
