"""Validates the input channels of a training job. Messages are the container's.

Source: aws/sagemaker-xgboost-container 3.0-5, algorithm_mode/channel_validation.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asl_runner.sagemaker.algorithms.xgboost.errors import UserError

KNOWN = ("train", "validation", "code")


def validate_channels(channels: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises `UserError` for a missing, an unknown or an unsupported channel of `inputdataconfig.json`."""
    if "train" not in channels:
        raise UserError("Missing required channel: train")
    for name, channel in channels.items():
        if name not in KNOWN:
            raise UserError(f"Extraneous channel found: {name}")
        if channel.get("TrainingInputMode", "File") not in ("File", "FastFile"):
            raise UserError(
                f"Channel configuration for '{name}' channel is not supported: {dict(channel)}. "
                "Pipe mode is no longer supported, use File or FastFile."
            )
        if channel.get("RecordWrapperType", "None") != "None":
            raise UserError(f"Channel configuration for '{name}' channel is not supported: {dict(channel)}")
