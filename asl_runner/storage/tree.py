"""The files of one bucket: find, place, remove and walk them by key, without ever leaving the directory."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from asl_runner.errors import WorkspaceError
from asl_runner.storage import keys

_ATTEMPTS = 50


class ObjectTree:
    """A directory in which every regular file is an object.

    Only regular files count: a symbolic link, wherever it leads, is no object and no way to one. Several processes may
    work in the same directory; `exclusive` gives the lock they share, taken only while a file gives its place to a
    directory of the same name.
    """

    def __init__(self, root: Path, exclusive: Callable[[], AbstractContextManager[None]]) -> None:
        """`root` is the directory, absolute and without symbolic links; it need not exist."""
        self._root = str(root)
        self._exclusive = exclusive

    def locate(self, key: str) -> str | None:
        """Path of the file that holds the object; None if there is none."""
        names = keys.encode(key)
        found = self._locate(names)
        if found is None:
            # Another process may be turning the file into a directory at this moment: look again when it is done.
            with self._exclusive():
                found = self._locate(names)
        return found

    def place(self, key: str, staged: Path) -> str:
        """Move the staged file (on the same file system) to where the key's object lies, replacing it atomically.

        Raises WorkspaceError when the file system does not let it.
        """
        names = keys.encode(key)
        target = os.path.join(self._root, *names)
        destination = target
        for _ in range(_ATTEMPTS):
            try:
                self._make_parent(destination)
                os.rename(staged, destination)
                return destination
            except FileNotFoundError:
                if not staged.exists():
                    raise
            except (NotADirectoryError, FileExistsError):
                self._make_room(names[:-1])
            except IsADirectoryError:
                destination = os.path.join(target, keys.SELF) if not _remove_empty(target) else target
            except OSError as error:
                raise storage_error(error, f"Cannot write the object {key!r}") from error
        raise WorkspaceError(f"Cannot write the object {key!r}: other processes keep changing {target}.")

    def remove(self, key: str) -> bool:
        """Remove the object's file and the directories this leaves empty; False if there was none."""
        found = self.locate(key)
        if found is None:
            return False
        try:
            os.unlink(found)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise storage_error(error, f"Cannot remove the object {key!r}") from error
        parent = os.path.dirname(found)
        while parent != self._root and _remove_empty(parent):
            parent = os.path.dirname(parent)
        return True

    def walk(self, prefix: str = "", after: str = "") -> Iterator[tuple[str, str]]:
        """Each (key, path) with the prefix and beyond `after`, in S3's order (that of the keys' UTF-8 bytes)."""
        base = prefix[: prefix.rfind("/") + 1]
        start = os.path.join(self._root, *keys.encode_directory(base[:-1])) if base else self._root
        if not self._is_real_directory(start):
            return
        stack = [iter(_entries(start, base))]
        while stack:
            item = next(stack[-1], None)
            if item is None:
                stack.pop()
                continue
            key, path, is_directory = item
            if not is_directory:
                if key > after and key.startswith(prefix):
                    yield key, path
            elif key.startswith(prefix) and (after < key or after.startswith(key)):
                # Every key below starts with the directory's own: none is beyond `after` unless this holds.
                stack.append(iter(_entries(path, key)))

    def _locate(self, names: tuple[str, ...]) -> str | None:
        path = os.path.join(self._root, *names)
        if os.path.isdir(path):
            path = os.path.join(path, keys.SELF)
        return path if os.path.isfile(path) and os.path.realpath(path) == path else None

    def _is_real_directory(self, path: str) -> bool:
        return os.path.isdir(path) and os.path.realpath(path) == path

    def _make_parent(self, path: str) -> None:
        parent = os.path.dirname(path)
        os.makedirs(parent, exist_ok=True)
        if os.path.realpath(parent) != parent:
            raise WorkspaceError(f"{parent} leads through a symbolic link; objects are not written through links.")

    def _make_room(self, names: tuple[str, ...]) -> None:
        """Turn the file that stands where a directory is needed into the SELF file of that directory."""
        with self._exclusive():
            path = self._root
            for name in names:
                path = os.path.join(path, name)
                if not os.path.lexists(path):
                    return
                if os.path.isdir(path):
                    continue
                aside = path[: -len(name)] + keys.SELF + f"{os.getpid()}"
                os.rename(path, aside)
                os.mkdir(path)
                os.rename(aside, os.path.join(path, keys.SELF))
                return


REFUSALS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than this process may write",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "the directory may not be written; check its owner and permissions",
    errno.ENAMETOOLONG: "the path would be longer than the file system allows",
}
"""Why the operating system refuses a write, by error number, where it is the machine's business."""


def storage_error(error: OSError, doing: str) -> WorkspaceError:
    """The message for a write the operating system refused."""
    reason = REFUSALS.get(error.errno or 0, error.strerror or str(error))
    name = error.filename2 or error.filename
    return WorkspaceError(f"{doing}: {reason}{f' ({name})' if name else ''}.")


def _entries(directory: str, base: str) -> list[tuple[str, str, bool]]:
    """The (key, path, is a directory) below a directory, in order; `base` is the directory's key with its slash."""
    found: list[tuple[str, str, bool]] = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                _add(found, entry, base)
    except (FileNotFoundError, NotADirectoryError):
        return []
    found.sort()
    return found


def _add(found: list[tuple[str, str, bool]], entry: os.DirEntry[str], base: str) -> None:
    if keys.is_marked(entry.name):
        if entry.name != keys.SELF:
            found.extend(_expand(entry, base))
    elif not keys.is_plain(entry.name):
        return
    elif entry.is_file(follow_symlinks=False):
        found.append((base + entry.name, entry.path, False))
    elif entry.is_dir(follow_symlinks=False):
        found.append((base + entry.name + "/", entry.path, True))
        own = os.path.join(entry.path, keys.SELF)
        if os.path.isfile(own) and not os.path.islink(own):
            found.append((base + entry.name, own, False))


def _expand(entry: os.DirEntry[str], base: str) -> Iterator[tuple[str, str, bool]]:
    """Everything below a marked name, as files: their order follows from the whole key, and such names are rare."""
    pending: list[tuple[os.DirEntry[str], tuple[str, ...]]] = [(entry, (entry.name,))]
    while pending:
        current, names = pending.pop()
        if current.is_file(follow_symlinks=False):
            key = keys.decode(names)
            if key is not None:
                yield base + key, current.path, False
        elif current.is_dir(follow_symlinks=False):
            with os.scandir(current.path) as children:
                pending += [(child, (*names, child.name)) for child in children]


def _remove_empty(directory: str) -> bool:
    try:
        os.rmdir(directory)
    except OSError:
        return False
    return True
