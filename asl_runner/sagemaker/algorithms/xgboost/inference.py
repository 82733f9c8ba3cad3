"""What `/invocations` answers: content in, predictions out, with the container's statuses and messages.

Source: aws/sagemaker-xgboost-container 3.0-5, algorithm_mode/serve.py.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asl_runner.sagemaker.algorithms.http_server import Answer
from asl_runner.sagemaker.algorithms.xgboost.csv_format import parse_csv, sniff_delimiter, with_missing
from asl_runner.sagemaker.algorithms.xgboost.errors import UserError
from asl_runner.sagemaker.algorithms.xgboost.libsvm_format import parse_libsvm
from asl_runner.sagemaker.algorithms.xgboost.model import Model, ModelError, PredictionError, load_model
from asl_runner.sagemaker.algorithms.xgboost.output import log
from asl_runner.sagemaker.algorithms.xgboost.predictions import NotAcceptable, accepted_type, batch_lines, encode
from asl_runner.sagemaker.algorithms.xgboost.recordio_format import read_recordio
from asl_runner.sagemaker.algorithms.xgboost.selection import select_and_encode

DEFAULT_CONTENT_TYPE = "text/csv"
MEDIA = {
    "text/csv": "csv",
    "text/libsvm": "libsvm",
    "text/x-libsvm": "libsvm",
    "application/x-recordio-protobuf": "recordio-protobuf",
}


class Inference:
    """Answers invocations with the model of one directory, loaded when first needed. Safe to call from threads."""

    def __init__(self, model_directory: Path, *, threads: int | None = None) -> None:
        self._directory = model_directory
        self._threads = threads
        self._model: Model | None = None
        self._lock = threading.Lock()
        self._batch = "SAGEMAKER_BATCH" in os.environ
        self._default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")
        self._selected = os.environ.get("SAGEMAKER_INFERENCE_OUTPUT")

    def model(self) -> Model:
        """The loaded model; raises `ModelError`."""
        with self._lock:
            if self._model is None:
                self._model = load_model(self._directory, self._threads)
            return self._model

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> Answer:
        """The answer to one request. Never raises for what the client sent."""
        if not body:
            return Answer(204)
        try:
            media = media_type(content_type)
            rows = parse(body, media)
        except ValueError as problem:
            return self._refuse(415, str(problem))
        try:
            model = self.model()
        except (ModelError, OSError) as problem:
            return self._refuse(500, f"Unable to load model: {problem}")
        try:
            predictions = model.predict(rows, media)
        except PredictionError as problem:
            return self._refuse(400, f"Unable to evaluate payload provided: {problem}")
        try:
            accepted = accepted_type(accept, self._default_accept)
        except NotAcceptable as problem:
            return self._refuse(406, str(problem))
        if self._selected is not None:
            return self._select(predictions, model, accepted)
        if self._batch:
            return Answer(200, batch_lines(predictions), "text/csv")
        return Answer(200, encode(predictions, accepted), accepted)

    def _select(self, predictions: Any, model: Model, accepted: str) -> Answer:
        keys = (self._selected or "").replace(" ", "").lower().split(",")
        try:
            body = select_and_encode(predictions, keys, model.objective, model.classes, accepted)
        except ValueError as problem:
            return self._refuse(500, str(problem))
        return Answer(200, body + b"\n" if self._batch and accepted == "text/csv" else body, accepted)

    def _refuse(self, status: int, message: str) -> Answer:
        log(message, "ERROR")
        return Answer(status, message.encode())


def media_type(content_type: str | None) -> str:
    """csv, libsvm or recordio-protobuf, from a `Content-Type`; csv without one. Raises `ValueError`."""
    name = (content_type or DEFAULT_CONTENT_TYPE).split(";", 1)[0].strip().lower()
    if name not in MEDIA:
        raise ValueError(f"Content-type {name} not supported. Supported content-type is {', '.join(MEDIA)}")
    return MEDIA[name]


def parse(body: bytes, media: str) -> Any:
    """The rows of a request, without labels: numpy array or scipy CSR matrix. Raises `ValueError`."""
    try:
        return PARSERS[media](body)
    except (ValueError, UserError) as problem:
        raise ValueError(
            f"Loading {media} data failed with Exception, please ensure data is in {media} format:\n "
            f"{type(problem)}\n {problem}"
        ) from problem


def _csv(body: bytes) -> Any:
    lines = body.strip().decode("utf-8").split("\n")
    try:
        delimiter = sniff_delimiter(lines[0])
    except UserError:
        # A single column has no delimiter.
        delimiter = ","
    try:
        rows = parse_csv(lines, delimiter)
    except ValueError:
        rows = parse_csv(with_missing(lines, delimiter), delimiter)
    if rows is None:
        raise ValueError("there are no rows")
    return rows


def _libsvm(body: bytes) -> Any:
    return parse_libsvm(body.decode("utf-8").split("\n"), "payload", labelled=False).features


def _recordio(body: bytes) -> Any:
    return read_recordio(body)[0]


PARSERS: dict[str, Callable[[bytes], Any]] = {"csv": _csv, "libsvm": _libsvm, "recordio-protobuf": _recordio}
