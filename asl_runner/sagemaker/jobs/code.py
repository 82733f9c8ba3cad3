"""A user's script: whether a job runs one, and its code, put where the container expects it (reference 3.4)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asl_runner.errors import NotFound, UsageError
from asl_runner.sagemaker.archives import unpack
from asl_runner.sagemaker.containers.environment import decoded
from asl_runner.sagemaker.containers.isolated import OPT_ML
from asl_runner.sagemaker.containers.tree import Tree
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.names import parse_uri


def of_training(document: Mapping[str, Any]) -> tuple[str, str]:
    """The script of a training job and the place of its code; "" for what it has none of."""
    given = decoded(document.get("HyperParameters", {}))
    environment = document.get("Environment", {})
    program = given.get("sagemaker_program") or environment.get("SAGEMAKER_PROGRAM") or ""
    place = given.get("sagemaker_submit_directory") or environment.get("SAGEMAKER_SUBMIT_DIRECTORY") or ""
    return str(program), str(place)


def stage(buckets: Buckets, tree: Tree, place: str) -> None:
    """Fills `code/` of the tree from an archive on `s3://`, or from a directory or archive of this machine.

    A place below `/opt/ml` is there already. Raises `JobFailed` when there is no code.
    """
    if not place or place.startswith(OPT_ML):
        return
    try:
        source = _on_this_machine(buckets, place)
    except (NotFound, UsageError) as error:
        raise JobFailed("ClientError", f"The code at sagemaker_submit_directory cannot be read: {error}") from error
    if source.is_dir():
        shutil.copytree(source, tree.code, dirs_exist_ok=True)
    else:
        unpack(source, tree.code)


def _on_this_machine(buckets: Buckets, place: str) -> Path:
    if place.startswith("s3://"):
        bucket, key = parse_uri(place)
        return buckets.path(bucket, key)
    path = Path(place.removeprefix("file://"))
    if not path.exists():
        raise UsageError(f"there is no {path}")
    return path
