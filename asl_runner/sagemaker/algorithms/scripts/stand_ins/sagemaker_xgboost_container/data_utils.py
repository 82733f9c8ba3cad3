"""Input channels as `xgboost.DMatrix`, under the name the XGBoost image has for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xgboost  # noqa: F401 - before what follows, which would load it without scikit-learn

from asl_runner.sagemaker.algorithms.xgboost.data import file_format, read_channel


def get_dmatrix(data_path: str | None, content_type: str | None, csv_weights: int = 0, **_: Any) -> Any:
    """The rows of a channel's directory; None without any. Raises `UserError` for another content type."""
    if data_path is None or not Path(data_path).exists():
        return None
    return read_channel(Path(data_path), file_format(content_type), csv_weights=csv_weights == 1)
