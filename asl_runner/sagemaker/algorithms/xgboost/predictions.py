"""Predictions as response bodies, in the types an `Accept` header may name.

Source: aws/sagemaker-xgboost-container, algorithm_mode/serve_utils.py and encoder.py.
"""

from __future__ import annotations

import json
from typing import Any

from asl_runner.sagemaker.algorithms.xgboost.recordio_format import write_record

ACCEPTED = ("text/csv", "application/json", "application/jsonlines", "application/x-recordio-protobuf")


class NotAcceptable(Exception):
    """The `Accept` header names no type predictions can be written in."""


def accepted_type(header: str | None, default: str) -> str:
    """The type to answer in: the first one of the header that is supported; `default` when any will do."""
    for part in (header or "").split(","):
        media = part.split(";", 1)[0].strip().lower()
        if media in ("", "*/*"):
            return default
        if media in ACCEPTED:
            return media
    raise NotAcceptable(f"Accept type {header} is not supported. Please use one of the following: {list(ACCEPTED)}.")


def batch_lines(predictions: Any) -> bytes:
    """One prediction per line, the last line ended too: what batch transform gets whatever it accepts.

    A number is the Python text of the float32, class probabilities are a Python list.
    """
    return ("\n".join(map(str, predictions.tolist())) + "\n").encode()


def encode(predictions: Any, media: str) -> bytes:
    """The body of a real-time answer in one of `ACCEPTED`."""
    values = predictions.tolist()
    if media == "application/json":
        return json.dumps({"predictions": [{"score": value} for value in values]}).encode()
    if media == "application/jsonlines":
        return b"".join(json.dumps({"score": value}).encode() + b"\n" for value in values)
    if media == "application/x-recordio-protobuf":
        return b"".join(write_record({"score": value if isinstance(value, list) else [value]}) for value in values)
    return "\n".join(map(str, values)).encode()
