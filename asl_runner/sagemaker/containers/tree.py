"""The private `/opt/ml` tree of one job: where everything is, and the few files read back from it.

Source: SageMaker developer guide, "How Amazon SageMaker AI Provides Training Information".
"""

from __future__ import annotations

import os
from pathlib import Path

TREE_VARIABLE = "ASL_RUNNER_OPT_ML"
"""Environment variable that tells a program where its `/opt/ml` is; absent means the path itself."""

FAILURE_LENGTH = 1024
"""Characters of the failure file that reach `FailureReason`."""


class Tree:
    """Paths below one job's `/opt/ml`."""

    __slots__ = ("root", "seen")

    def __init__(self, root: Path | str, seen: Path | str | None = None) -> None:
        self.root = Path(root)
        self.seen = self.root if seen is None else Path(seen)
        """Where the job's container sees it: `/opt/ml` in Docker, the place itself without."""

    @classmethod
    def of_this_process(cls) -> Tree:
        """The tree the running program was started with."""
        return cls(os.environ.get(TREE_VARIABLE) or "/opt/ml")

    @property
    def inside(self) -> Tree:
        """The same tree as its container sees it, for the paths it is told."""
        return Tree(self.seen)

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
        return self.root / given.relative_to("/opt/ml") if given.is_relative_to("/opt/ml") else given

    def read_failure(self) -> str | None:
        """The first 1024 characters of the failure file, or None when the program wrote none."""
        try:
            return self.failure.read_text(encoding="utf-8", errors="replace")[:FAILURE_LENGTH]
        except FileNotFoundError:
            return None
