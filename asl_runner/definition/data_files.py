"""Files of data beside definitions, JSON or YAML by the same rules: read with the place of everything in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any

from asl_runner.definition.json_text import Path
from asl_runner.definition.source import Document, read_document
from asl_runner.errors import UsageError, near


class DataProblem(UsageError):
    """Something in a file is not as expected; `path` leads to it, or with `key` its key is what is wrong."""

    def __init__(self, path: Path, message: str, *, key: bool = False) -> None:
        super().__init__(f"{dotted(path)}: {message}" if path else message)
        self.path = path
        self.key = key


def read_data(file: FilePath) -> Document:
    """The document in a file. Raises `UsageError` for one that cannot be read or is neither JSON nor YAML."""
    try:
        document = read_document(file)
    except OSError as problem:
        raise UsageError(f"{file} cannot be read: {problem.strerror}.") from None
    for found in document.problems:
        place = document.at(found.offset)
        raise UsageError(f"{file}:{place.line}:{place.column}: {found.message}.")
    return document


@contextmanager
def placed(document: Document) -> Iterator[None]:
    """Says of a `DataProblem` in which file and where it is: raises `UsageError`."""
    try:
        yield
    except DataProblem as problem:
        place = document.position(problem.path, key=problem.key)
        at = f":{place.line}:{place.column}" if place else ""
        raise UsageError(f"{document.name}{at}: {problem}") from None


def table(value: Any, path: Path, keys: Iterable[str] = ()) -> dict[str, Any]:
    """An object, with no other `keys` than these if there are some. Raises `DataProblem`."""
    allowed = tuple(keys)
    if not isinstance(value, dict):
        said = f" with {', '.join(allowed)}" if allowed else ""
        raise DataProblem(path, f"expected an object{said}; found {value!r}.")
    for key in value:
        if allowed and key not in allowed:
            raise DataProblem((*path, key), near(key, allowed), key=True)
    return value


def dotted(path: Path) -> str:
    """A path as messages show it: `cases.paid.mocks.Charge card[1]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
