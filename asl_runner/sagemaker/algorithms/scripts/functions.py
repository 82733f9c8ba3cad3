"""A user's inference functions, and those of the framework where the user has none.

Source: aws/sagemaker-xgboost-container and aws/sagemaker-scikit-learn-container, `serving.py`; reference 4.7.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from asl_runner.sagemaker.algorithms.scripts import arrays
from asl_runner.sagemaker.algorithms.scripts.paths import STAND_INS

_SINGLE = ("input_fn", "predict_fn", "output_fn")


class ScriptError(Exception):
    """The user's module cannot serve; the message says why."""


class Response:
    """A body and its media type, as an `output_fn` may return them."""

    def __init__(self, response: Any = None, mimetype: str | None = None, **_: Any) -> None:
        self.response = response
        self.mimetype = mimetype


@dataclass(frozen=True, slots=True)
class Functions:
    """What answers requests."""

    model: Callable[[str], Any]
    transform: Callable[[Any, str | bytes, str, str], Any]
    """Model, body, content type and accept to an answer."""
    parameters: Callable[[], Any] | None = None
    """`execution_parameters_fn`, where the module has one."""


def load(directory: Path, program: str, installed: list[str], framework: str) -> Functions:
    """The functions of the module `program` in `directory`. Raises `ScriptError`; the module's own errors pass."""
    if not (directory / program).is_file():
        raise ScriptError(f"The inference script {program} is not in {directory}.")
    sys.path[:0] = [str(directory), str(directory / "lib"), *installed]
    sys.path.append(str(STAND_INS))
    return of_module(importlib.import_module(program.removesuffix(".py").replace("/", ".")), framework)


def of_module(module: ModuleType, framework: str) -> Functions:
    """The functions a module has, completed with the framework's. Raises `ScriptError` for those that do not fit."""
    own = {name: getattr(module, name) for name in (*_SINGLE, "transform_fn") if hasattr(module, name)}
    if not hasattr(module, "model_fn"):
        raise ScriptError(f"{module.__name__} needs a function model_fn(model_dir) that loads the model.")
    if "transform_fn" in own and len(own) > 1:
        raise ScriptError("Cannot use transform_fn implementation with input_fn, predict_fn, and/or output_fn")
    defaults = dict(zip(_SINGLE, _FRAMEWORKS.get(framework, _FRAMEWORKS["scikit-learn"]), strict=True))
    transform = own.get("transform_fn") or _in_three_steps(**{**defaults, **own})
    return Functions(module.model_fn, transform, getattr(module, "execution_parameters_fn", None))


def _in_three_steps(
    input_fn: Callable[..., Any], predict_fn: Callable[..., Any], output_fn: Callable[..., Any]
) -> Callable[[Any, str | bytes, str, str], Any]:
    def transform(model: Any, body: str | bytes, content_type: str, accept: str) -> Any:
        return output_fn(predict_fn(input_fn(body, content_type), model), accept)

    return transform


def _sklearn_predict(rows: Any, model: Any) -> Any:
    return model.predict(rows)


def _xgboost_input(body: str | bytes, content_type: str) -> Any:
    import xgboost

    from asl_runner.sagemaker.algorithms.xgboost.inference import media_type, parse

    try:
        media = media_type(content_type)
    except ValueError as problem:
        raise arrays.Unsupported(str(problem)) from problem
    return xgboost.DMatrix(parse(body.encode() if isinstance(body, str) else body, media))


def _xgboost_predict(rows: Any, model: Any) -> Any:
    return model.predict(rows, validate_features=False)


_FRAMEWORKS: dict[str, tuple[Callable[..., Any], ...]] = {
    "scikit-learn": (arrays.decode, _sklearn_predict, arrays.encode),
    "xgboost": (_xgboost_input, _xgboost_predict, arrays.encode),
}
"""`input_fn`, `predict_fn` and `output_fn` of each framework."""
