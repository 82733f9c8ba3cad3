"""The training job with which the SageMaker SDK puts inference code into a model: unpack, add the code, pack again.

The SDK sends a shell script and a Python file for it; this does the same without either. Source: reference 8.8.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asl_runner.sagemaker.archives import unpack
from asl_runner.sagemaker.containers.tree import Tree

LAUNCHER = "_repack_script_launcher.sh"
_OWN_FILES = (LAUNCHER, "_repack_model.py")
_CHANNEL = "training"


def repack(tree: Tree, hyperparameters: Mapping[str, Any]) -> None:
    """Fills `model/` with the channel's model and the code: `code/` of the directory, or its one script.

    `hyperparameters` are decoded: `model_archive`, `inference_script`, `source_dir` (None for one script) and
    `dependencies` (names with blanks between, or None). Raises `JobFailed` for an archive that cannot be unpacked and
    `OSError` for files that are not there.
    """
    unpack(tree.channel(_CHANNEL) / str(hyperparameters["model_archive"]).rpartition("/")[2], tree.model)
    code = tree.model / "code"
    if hyperparameters.get("source_dir"):
        shutil.rmtree(code, ignore_errors=True)
        shutil.copytree(tree.code, code, ignore=shutil.ignore_patterns(*_OWN_FILES))
    else:
        code.mkdir(exist_ok=True)
        shutil.copy2(tree.code / str(hyperparameters["inference_script"]), code)
    for name in str(hyperparameters.get("dependencies") or "").split():
        _add(tree.code / name, code / "lib")


def _add(dependency: Path, directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    if dependency.is_dir():
        shutil.copytree(dependency, directory / dependency.name, dirs_exist_ok=True)
    else:
        shutil.copy2(dependency, directory)
