"""Input data of a job: the objects a data source names, and their placement in the job's directory (reference 3.5)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from asl_runner.errors import AslRunnerError, NotFound, UsageError
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.storage.names import S3Uri, parse_uri

if TYPE_CHECKING:
    from asl_runner.storage.buckets import Buckets


class InputObject(Struct, frozen=True):
    """One object of a data source: its key, its path below the channel's directory, and its file in the bucket."""

    key: str
    relative: str
    path: Path


def find_objects(buckets: Buckets, source: Mapping[str, Any]) -> list[InputObject]:
    """The objects of an `S3DataSource` in key order; an empty list when there are none.

    Raises `JobFailed` for a manifest that cannot be read and a data source that is not S3.
    """
    if "S3DataSource" not in source:
        raise JobFailed("ClientError", "Only S3 data sources can be read locally; copy the files to an s3:// prefix.")
    s3 = source["S3DataSource"]
    try:
        uri = parse_uri(s3["S3Uri"])
    except UsageError as error:
        raise JobFailed("ClientError", f"Input data: {error}") from error
    match s3.get("S3DataType", "S3Prefix"):
        case "S3Prefix":
            return _by_prefix(buckets, uri)
        case "ManifestFile":
            return _by_manifest(buckets, uri)
        case "AugmentedManifestFile":
            return [item for item in _by_prefix(buckets, uri) if item.key == uri.key]
        case other:
            raise JobFailed("ClientError", f"S3DataType {other} cannot be read locally; use S3Prefix or ManifestFile.")


def nothing_found(uri: str, region: str, role: str) -> str:
    """The service's message for a data source without objects."""
    bucket = uri.removeprefix("s3://").partition("/")[0]
    return (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists in '
        f'the selected region ({region}), that objects exist under that S3 prefix, and that the role "{role}" has '
        f'"s3:ListBucket" permissions on bucket "{bucket}".'
    )


def place(objects: Sequence[InputObject], directory: Path, *, link: bool) -> None:
    """Puts the objects below a directory.

    `link` shares the files with the bucket, for programs known to read only; anything else gets copies, so that a
    script that changes its input does not change the bucket.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for item in objects:
        target = directory / item.relative
        if ".." in PurePosixPath(item.relative).parts or target == directory:
            raise JobFailed("ClientError", f"The key {item.key!r} cannot be placed in a channel directory.")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (link and _linked(item.path, target)):
            shutil.copyfile(item.path, target)


def shard(objects: Sequence[InputObject], index: int, count: int) -> list[InputObject]:
    """The share of one of `count` hosts in a `ShardedByS3Key` source: the keys in their order, dealt out in turn."""
    return [item for place_, item in enumerate(sorted(objects, key=lambda one: one.key)) if place_ % count == index]


def merge(directories: Sequence[Path], scratch: Path) -> Path:
    """One directory with the contents of all, later ones over earlier: the first itself where there is but one."""
    if len(directories) == 1:
        return directories[0]
    for directory in directories:
        shutil.copytree(directory, scratch, dirs_exist_ok=True)
    return scratch


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _by_prefix(buckets: Buckets, uri: S3Uri) -> list[InputObject]:
    if not buckets.exists(uri.bucket):
        return []
    return [
        InputObject(item.key, _below(uri.key, item.key), item.path)
        for item in buckets.list(uri.bucket, uri.key)
        if not item.key.endswith("/")
    ]


def _below(prefix: str, key: str) -> str:
    """A key relative to its prefix: below a directory prefix, else below the prefix's last slash."""
    rest = key[len(prefix) :]
    if rest and (not prefix or prefix.endswith("/") or rest.startswith("/")):
        return rest.lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def _by_manifest(buckets: Buckets, uri: S3Uri) -> list[InputObject]:
    try:
        entries = json.loads(buckets.path(uri.bucket, uri.key).read_bytes())
        base = parse_uri(entries[0]["prefix"])
        names = [str(name) for name in entries[1:]]
    except (AslRunnerError, OSError, LookupError, TypeError, ValueError) as error:
        text = f"The manifest {uri} must be a JSON list of an object with 'prefix' and of names: {error}"
        raise JobFailed("ClientError", text) from error
    found = []
    for name in names:
        key = base.key + name
        try:
            path = buckets.path(base.bucket, key)
        except NotFound as error:
            text = f"The manifest {uri} names s3://{base.bucket}/{key}, which does not exist."
            raise JobFailed("ClientError", text) from error
        found.append(InputObject(key, name.lstrip("/"), path))
    return found
