"""Makes features of the Abalone data and splits them, for a SageMaker processing job.

It reads the first file in /opt/ml/processing/input and writes train.csv, validation.csv and test.csv into the
directories of these names beside it: no header, the number of rings first, then seven measurements with mean 0 and
deviation 1, then the sex as three columns (M, F, I).
"""

from pathlib import Path

import numpy as np
import pandas as pd

BASE = Path("/opt/ml/processing")
SIZES = ["length", "diameter", "height", "whole_weight", "shucked_weight", "viscera_weight", "shell_weight"]
COLUMNS = ["sex", *SIZES, "rings"]
SEXES = ["M", "F", "I"]
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
SEED = 7


def features(data: pd.DataFrame) -> pd.DataFrame:
    """The label and the features; missing measurements become the median."""
    sizes = data[SIZES].fillna(data[SIZES].median())
    scaled = (sizes - sizes.mean()) / sizes.std(ddof=0)
    sexes = pd.DataFrame({sex: (data["sex"] == sex).astype(float) for sex in SEXES})
    return pd.concat([data["rings"].astype(float), scaled, sexes], axis=1)


def main() -> None:
    """Read, split, write."""
    source = min(path for path in (BASE / "input").iterdir() if path.is_file())
    data = pd.read_csv(source, header=None, names=COLUMNS)
    rows = features(data).sample(frac=1, random_state=SEED)
    ends = np.cumsum([round(share * len(rows)) for share in SHARES.values()])[:-1]
    for name, part in zip(SHARES, np.split(np.arange(len(rows)), ends), strict=True):
        target = BASE / name / f"{name}.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        rows.iloc[part].to_csv(target, header=False, index=False)
        print(f"{len(part)} rows in {target}")


if __name__ == "__main__":
    main()
