"""The private `/opt/ml` tree of one job: where everything is, and the few files read back from it.

Source: SageMaker developer guide, "How Amazon SageMaker AI Provides Training Information".
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from asl_runner.sagemaker.containers.isolated import OPT_ML

TREE_VARIABLE = "ASL_RUNNER_OPT_ML"
"""Environment variable that tells a program where its `/opt/ml` is; absent means the path itself."""

FAILURE_LENGTH = 1024
"""Characters of the failure file that reach `FailureReason`."""

MESSAGE_BYTES = 1024
"""Bytes of a processing container's message that reach `ExitMessage`."""

# Not in the middle of a path or a URI, and only whole names.
_MENTION = re.compile(r"(?<![\w./-])/opt/ml(?![\w.-])")


class Tree:
    """Paths below one job's `/opt/ml`."""

    __slots__ = ("root",)

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    @classmethod
    def of_this_process(cls) -> Tree:
        """The tree the running program was started with."""
        return cls(os.environ.get(TREE_VARIABLE) or OPT_ML)

    @property
    def input(self) -> Path:
        return self.root / "input"

    @property
    def config(self) -> Path:
        return self.input / "config"

    @property
    def hyperparameters(self) -> Path:
        return self.config / "hyperparameters.json"

    @property
    def input_data_config(self) -> Path:
        return self.config / "inputdataconfig.json"

    @property
    def resource_config(self) -> Path:
        return self.config / "resourceconfig.json"

    @property
    def checkpoint_config(self) -> Path:
        return self.config / "checkpointconfig.json"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def output_data(self) -> Path:
        return self.output / "data"

    @property
    def message(self) -> Path:
        return self.output / "message"

    @property
    def processing_config(self) -> Path:
        return self.root / "config"

    @property
    def failure(self) -> Path:
        return self.output / "failure"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def code(self) -> Path:
        return self.root / "code"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    def channel(self, name: str) -> Path:
        """`input/data/<name>`, where the objects of an input channel lie."""
        return self.input / "data" / name

    def local(self, path: str) -> Path:
        """Where a path below `/opt/ml`, as requests write it, is in this tree; other paths are returned unchanged."""
        given = Path(path)
        return self.root / given.relative_to(OPT_ML) if given.is_relative_to(OPT_ML) else given

    def located(self, text: str) -> str:
        """The text with this tree named wherever it mentions `/opt/ml`, for a program that has none of its own."""
        return _MENTION.sub(lambda _: str(self.root), text)

    def read_failure(self) -> str | None:
        """The first 1024 characters of the failure file, or None when the program wrote none."""
        try:
            return self.failure.read_text(encoding="utf-8", errors="replace")[:FAILURE_LENGTH]
        except FileNotFoundError:
            return None

    def read_message(self) -> str | None:
        """The first 1024 bytes of a processing container's message, or None when it left none.

        Raises `UnicodeDecodeError` when it is not UTF-8.
        """
        try:
            message = self.message.read_bytes()
        except FileNotFoundError:
            return None
        message.decode()
        return message[:MESSAGE_BYTES].decode(errors="ignore")
