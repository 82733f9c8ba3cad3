"""Request bodies as `xgboost.DMatrix`, under the names the XGBoost image has for it."""

from __future__ import annotations

from typing import Any

from asl_runner.sagemaker.algorithms.xgboost.inference import media_type, parse


def csv_to_dmatrix(input: str | bytes, dtype: Any = None) -> Any:
    """Rows of CSV without labels."""
    return _matrix(input, "csv")


def libsvm_to_dmatrix(string_like: str | bytes) -> Any:
    """Rows of LIBSVM."""
    return _matrix(string_like, "libsvm")


def recordio_protobuf_to_dmatrix(string_like: bytes) -> Any:
    """Rows of RecordIO-protobuf."""
    return _matrix(string_like, "recordio-protobuf")


def decode(obj: str | bytes, content_type: str) -> Any:
    """Rows in any of these types. Raises `ValueError` for another type and for rows that cannot be read."""
    return _matrix(obj, media_type(content_type))


def _matrix(body: str | bytes, media: str) -> Any:
    import xgboost

    return xgboost.DMatrix(parse(body.encode() if isinstance(body, str) else body, media))
