"""Deployment packages: zip archives to folders, never a file outside of them."""

from __future__ import annotations

import io
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

try:
    from lzma import LZMAError
except ImportError:  # A Python built without it opens no such archive.
    LZMAError = OSError  # type: ignore[assignment,misc]

MAX_UNZIPPED = 262_144_000
"""Bytes. Source: Lambda quotas, "Deployment package (.zip file archive) size", unzipped."""
MAX_ENTRIES = 100_000
_BLOCK = 1 << 20


class BadArchive(Exception):
    """An archive that is not taken; `str()` says why."""


class TooLarge(BadArchive):
    """An archive that holds more than `MAX_UNZIPPED` bytes, whatever its entries say."""


def unzip(archive: bytes, folder: Path) -> None:
    """Writes the files of an archive into a new folder; all of them, or the folder is gone again. Raises `BadArchive`.

    Refused are entries that lead out of the folder (absolute, `..`, a drive or backslash), links and special files.
    """
    try:
        _unpack(archive, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack(archive: bytes, folder: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            places = [(entry, _place(entry)) for entry in _entries(opened)]
            folder.mkdir(parents=True)
            left = MAX_UNZIPPED
            for entry, place in places:
                left = _extract(opened, entry, folder.joinpath(place), left)
    # What zipfile raises for damaged, encrypted and unknown kinds of archives.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise BadArchive(f"the archive cannot be read: {error}") from None
    # Two entries that want to be one file, or a file where another needs a folder.
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadArchive(f"two entries of the archive are in each other's way: {error.filename}") from None


def _entries(opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = opened.infolist()
    if not entries:
        raise BadArchive("the archive is empty")
    if len(entries) > MAX_ENTRIES:
        raise BadArchive(f"the archive has {len(entries)} entries, more than {MAX_ENTRIES}")
    return entries


def _place(entry: zipfile.ZipInfo) -> PurePosixPath:
    """The entry's path below the folder. Raises `BadArchive` for one that might be elsewhere."""
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or not path.parts or any(bad in entry.filename for bad in "\\\0:"):
        raise BadArchive(f"the entry {entry.filename!r} leads out of the archive's folder")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadArchive(f"the entry {entry.filename!r} is a link or a special file; put the file itself there")
    return path


def _extract(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path, left: int) -> int:
    """Writes one entry; gives how many more bytes may come."""
    if entry.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        return left
    place.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, place.open("xb") as target:
        for block in _blocks(source):
            left -= len(block)
            if left < 0:
                raise TooLarge(f"Unzipped size must be smaller than {MAX_UNZIPPED} bytes")
            target.write(block)
    if (entry.external_attr >> 16) & 0o111:
        place.chmod(0o755)
    return left


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    """What an entry holds. Raises `BadArchive` where bzip2 or LZMA have an error of their own for damaged data."""
    try:
        while block := source.read(_BLOCK):
            yield block
    except (OSError, LZMAError) as error:
        raise BadArchive(f"the archive cannot be read: {error}") from None
