"""How the program fails, with the class names the failure file of the real container shows.

Source: aws/sagemaker-xgboost-container, src/sagemaker_algorithm_toolkit/exceptions.py.
"""

from __future__ import annotations

import re


class ToolkitError(Exception):
    """A failure the program explains."""


class UserError(ToolkitError):
    """Wrong hyperparameters, channels or data."""


class AlgorithmError(ToolkitError):
    """Training failed for a reason that is not plainly the user's."""


class PlatformError(ToolkitError):
    """The `/opt/ml` tree is not what the contract says."""


def without_stack(message: str) -> str:
    """A message of the xgboost library without its time, source position and native stack."""
    return re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", message.split("\nStack trace:", 1)[0]).strip()


def failure_text(error: BaseException) -> str:
    """What goes into `output/failure`: the real container's text without its stack frames.

    Source: aws/sagemaker-containers, `_trainer.py`: "framework error: " and the formatted exception.
    """
    name = type(error).__name__
    if isinstance(error, ToolkitError):
        name = f"sagemaker_algorithm_toolkit.exceptions.{name}"
    return f"framework error: \n{name}: {error}"
