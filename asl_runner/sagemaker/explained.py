"""What a finished XGBoost training job learned: which features matter, and what it predicts for data with a label."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from asl_runner.errors import AslRunnerError
from asl_runner.sagemaker.archives import unpack
from asl_runner.sagemaker.containers.images import repository
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.inputs import find_objects, place
from asl_runner.sagemaker.records import Document

if TYPE_CHECKING:
    from asl_runner.sagemaker.algorithms.xgboost.data import Table
    from asl_runner.sagemaker.algorithms.xgboost.model import Model
    from asl_runner.storage.buckets import Buckets

CHANNELS = ("validation", "train")
"""Where rows with a label may be, the first that there is counts."""

MOST_CLASSES = 25
"""Classes that can be shown against each other."""


class Predictions(Struct, frozen=True):
    """What a model predicts for the rows of a channel, beside what is true; numpy arrays of the same length."""

    kind: Literal["numbers", "classes"]
    channel: str
    actual: Any
    predicted: Any


class Explained(Struct, frozen=True):
    """What can be told of a model."""

    gains: Mapping[str, float] = {}
    """The average gain of the splits on each feature, the greatest first."""
    predictions: Predictions | None = None
    notes: tuple[str, ...] = ()
    """What cannot be told, and why."""


def is_xgboost(training: Document) -> bool:
    """Whether a training job's image is one of XGBoost's."""
    image = training.get("AlgorithmSpecification", {}).get("TrainingImage", "")
    return "xgboost" in repository(image)


def explain(buckets: Buckets, training: Document) -> Explained:
    """Reads the model of a training job, and predicts the rows of its validation channel, else of its train channel.

    It imports xgboost without scikit-learn, so it is for processes that need no scikit-learn.
    """
    if "ModelArtifacts" not in training:
        return Explained(notes=("There is no model: the job has not completed.",))
    with tempfile.TemporaryDirectory(prefix="asl-runner-") as scratch:
        try:
            model = _model(buckets, training["ModelArtifacts"]["S3ModelArtifacts"], Path(scratch) / "model")
        except AslRunnerError as problem:
            return Explained(notes=(f"The model cannot be read: {problem}",))
        except ImportError as problem:
            return Explained(notes=(f"To read the model {problem.name} is needed: pip install 'asl-runner[ml]'",))
        gains = model.gains()
        notes = () if gains else ("The model has no splits, so no feature has a gain.",)
        try:
            return Explained(gains, _predictions(buckets, training, model, Path(scratch)), notes)
        except AslRunnerError as problem:
            return Explained(gains, None, (*notes, f"Predictions are not shown: {problem}"))


class _Untold(AslRunnerError):
    """Something cannot be told; the message says why."""


def _model(buckets: Buckets, uri: str, directory: Path) -> Model:
    from asl_runner.sagemaker.algorithms.xgboost.model import ModelError, load_model

    objects = find_objects(buckets, {"S3DataSource": {"S3Uri": uri}})
    if not objects:
        raise _Untold(f"{uri} is gone.")
    archive = next((one.path for one in objects if one.key.endswith(".tar.gz")), None)
    try:
        if archive is not None:
            unpack(archive, directory)
        else:
            place(objects, directory, link=True)
        return load_model(directory)
    except (ModelError, JobFailed) as problem:
        raise _Untold(str(problem)) from problem


def _predictions(buckets: Buckets, training: Document, model: Model, scratch: Path) -> Predictions:
    import numpy as np

    from asl_runner.sagemaker.algorithms.xgboost.model import PredictionError
    from asl_runner.sagemaker.algorithms.xgboost.selection import REGRESSION_OBJECTIVES

    classifies = model.objective.startswith(("binary:", "multi:"))
    if not classifies and model.objective not in REGRESSION_OBJECTIVES:
        raise _Untold(f"the objective {model.objective} predicts neither numbers nor classes to compare with labels.")
    channel, form, table = _rows(buckets, training, scratch)
    try:
        found = np.asarray(model.predict(table.features, form))
    except PredictionError as problem:
        raise _Untold(str(problem)) from problem
    if not classifies:
        return Predictions("numbers", channel, table.labels, found)
    if found.ndim == 2:
        found = found.argmax(axis=1)
    elif model.objective in _CUTS:
        found = found > _CUTS[model.objective]
    actual, found = table.labels.astype(int), found.astype(int)
    if (classes := len(np.union1d(actual, found))) > MOST_CLASSES:
        raise _Untold(f"{classes} classes are too many to show each against each; {MOST_CLASSES} can be shown.")
    return Predictions("classes", channel, actual, found)


_CUTS = {"binary:logistic": 0.5, "binary:logitraw": 0.0}
"""Above which prediction a row is of the class 1; other objectives predict the class itself."""


def _rows(buckets: Buckets, training: Document, scratch: Path) -> tuple[str, str, Table]:
    """The channel there is, its format, and its rows."""
    from asl_runner.sagemaker.algorithms.xgboost import data
    from asl_runner.sagemaker.algorithms.xgboost.errors import UserError

    channels = {one["ChannelName"]: one for one in training.get("InputDataConfig", ())}
    name = next((one for one in CHANNELS if one in channels), None)
    if name is None:
        raise _Untold("the job has neither a validation nor a train channel.")
    weighted = str(training.get("HyperParameters", {}).get("csv_weights", "0")) == "1"
    try:
        objects = find_objects(buckets, channels[name]["DataSource"])
        place(objects, scratch / name, link=True)
        form = data.file_format(channels[name].get("ContentType"))
        table = data.joined(list(data.read_tables(scratch / name, form, csv_weights=weighted).values()))
    except (UserError, JobFailed) as problem:
        raise _Untold(f"the channel {name} cannot be read: {problem}") from problem
    if table is None:
        raise _Untold(f"the data of the channel {name} are gone.")
    return name, form, table
