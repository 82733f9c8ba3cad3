"""What a training job leaves on `s3://`: the model, other output, checkpoints (reference 3.2, 3.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asl_runner.sagemaker.archives import pack
from asl_runner.sagemaker.containers.isolated import OPT_ML
from asl_runner.sagemaker.containers.tree import Tree
from asl_runner.sagemaker.inputs import find_objects, merge, place
from asl_runner.sagemaker.mirror import Mirror
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.names import S3Uri, parse_uri


def output_uri(output_path: str, job_name: str) -> S3Uri:
    """`<S3OutputPath>/<job>/output`; a slash at the end of the path is not doubled (reference 3.6)."""
    bucket, key = parse_uri(output_path)
    parts = [part for part in (key.rstrip("/"), job_name, "output") if part]
    return S3Uri(bucket, "/".join(parts))


def upload(
    buckets: Buckets, target: S3Uri, trees: Sequence[Tree], scratch: Path, *, plain: bool, stopped: bool
) -> S3Uri | None:
    """Uploads `model.tar.gz`, and `output.tar.gz` when a program left something; where the model is, if there is one.

    The directories of several hosts become one, later hosts win. With `plain` the model is not packed. A stopped job
    uploads the model that is there. `scratch` is a directory for the archives.
    """
    model = merge([tree.model for tree in trees], scratch / "model")
    uri = None
    if any(model.iterdir()) or not stopped:
        uri = S3Uri(target.bucket, f"{target.key}/model/" if plain else f"{target.key}/model.tar.gz")
        if plain:
            buckets.upload(model, uri.bucket, uri.key)
        else:
            _store(buckets, model, uri, scratch)
    output = merge([tree.output_data for tree in trees], scratch / "data")
    if any(output.iterdir()):
        _store(buckets, output, S3Uri(target.bucket, f"{target.key}/output.tar.gz"), scratch)
    return uri


def _store(buckets: Buckets, directory: Path, uri: S3Uri, scratch: Path) -> None:
    archive = scratch / "archive.tar.gz"
    try:
        pack(directory, archive)
        buckets.put_file(uri.bucket, uri.key, archive)
    finally:
        archive.unlink(missing_ok=True)


def checkpoint_mirror(buckets: Buckets, tree: Tree, config: Mapping[str, Any]) -> Mirror:
    """Fills the checkpoint directory of a host from `S3Uri`; what keeps the objects like it from then on.

    Raises `JobFailed` for an object that cannot be placed.
    """
    directory = tree.local(config.get("LocalPath") or f"{OPT_ML}/checkpoints")
    directory.mkdir(parents=True, exist_ok=True)
    uri = parse_uri(config["S3Uri"])
    prefix = S3Uri(uri.bucket, f"{uri.key.rstrip('/')}/" if uri.key else "")
    place(find_objects(buckets, {"S3DataSource": {"S3Uri": str(prefix)}}), directory, link=False)
    mirror = Mirror(buckets, directory, prefix)
    mirror.known()
    return mirror
