"""`model.tar.gz` and its like: a gzip-compressed tar of the contents of a directory, member names relative."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

from asl_runner.sagemaker.errors import JobFailed

# The archive is written while a workflow waits; a tree model shrinks about as well at this level as at the highest.
_LEVEL = 6


def pack(directory: Path, archive: Path) -> None:
    """Writes the contents of a directory, without the directory itself, to `archive`."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz", compresslevel=_LEVEL) as tar:
        for entry in sorted(directory.iterdir()):
            tar.add(entry, arcname=entry.name)


def unpack(archive: Path, directory: Path) -> None:
    """Unpacks below a directory; members that would land outside it are refused.

    Raises `JobFailed` when the file is not such an archive.
    """
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, "r:*") as tar:
            tar.extractall(directory, filter="data")
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise JobFailed("ClientError", f"Cannot unpack {archive.name}: {error}") from error
