"""Checkpoints: `xgboost-checkpoint.<round>` in the checkpoint directory, the newest five kept.

Source: aws/sagemaker-xgboost-container, checkpointing.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from asl_runner.sagemaker.algorithms.xgboost.engine import load_xgboost

NAME = "xgboost-checkpoint"
KEPT = 5
TRIED = 5
MODEL_FORMAT = "ubj"


def save_model(booster: Any, path: Path) -> None:
    """Writes the model so that `path` never holds a part of it."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_bytes(booster.save_raw(raw_format=MODEL_FORMAT))
        temporary.replace(path)
    finally:
        # Still there only when a signal or a full disk came between.
        temporary.unlink(missing_ok=True)


def save_checkpoint(booster: Any, directory: Path, number: int) -> None:
    """Writes the checkpoint of round `number` (from 0) and removes the one that is now too old."""
    save_model(booster, directory / f"{NAME}.{number}")
    (directory / f"{NAME}.{number - KEPT}").unlink(missing_ok=True)


def load_checkpoint(directory: Path) -> tuple[Any, int]:
    """The newest readable checkpoint and the number of rounds it has; (None, 0) without."""
    xgboost = load_xgboost()
    found = [path for path in directory.glob(f"{NAME}.*") if re.fullmatch(r"\d+", path.suffix[1:])]
    for path in sorted(found, key=lambda path: int(path.suffix[1:]), reverse=True)[:TRIED]:
        try:
            booster = xgboost.Booster(model_file=bytearray(path.read_bytes()))
        except xgboost.core.XGBoostError:
            continue
        return booster, int(path.suffix[1:]) + 1
    return None, 0
