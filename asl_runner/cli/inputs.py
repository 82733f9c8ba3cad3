"""What a command reads: the definition and the input of an execution."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from asl_runner.errors import UsageError
from asl_runner.expressions.environment import Json

if TYPE_CHECKING:
    from asl_runner.definition.source import Document

EXAMPLE = "Expected one JSON value: {0} '{{\"id\": 7}}', or {0} @file.json, or {0} - for standard input."


def read_definition(file: str) -> Path | bytes:
    """What `definition.load` takes for FILE: a path, or the text on standard input for `-`."""
    if file == "-":
        return _standard_input()
    path = Path(file)
    if not file:
        raise UsageError("The definition file has no name; expected a path, or - for standard input.")
    if path.is_dir():
        raise UsageError(f"{file} is a directory; name the definition file in it.")
    if not path.exists():
        raise UsageError(f"There is no file {file}.{_similar_file(path)}")
    try:
        with path.open("rb") as opened:
            opened.read(1)
    except OSError as problem:
        raise UsageError(f"{file} cannot be read: {problem.strerror}.") from None
    return path


def read_untemplated(file: str) -> Document | None:
    """The document in FILE: a definition or a pipeline; None where FILE is a template, or a folder as `cdk.out` is.

    Raises `UsageError` where it cannot be read, or is a template on standard input.
    """
    from asl_runner.definition import read_document
    from asl_runner.definition.templates.kind import is_template

    if file not in ("", "-") and Path(file).is_dir():
        return None
    try:
        document = read_document(read_definition(file), name="<stdin>" if file == "-" else None)
    except OSError as problem:
        raise UsageError(f"{file} cannot be read: {problem.strerror}.") from None
    if not is_template(document.value):
        return document
    if file == "-":
        raise UsageError("A template cannot come from standard input: it names files beside it. Give its path.")
    return None


def read_input(text: str | None, option: str = "--input") -> Json:
    """An input from an option: JSON, `@file`, or `-`; `{}` when not given. Raises `UsageError`."""
    if text is None:
        return {}
    source = option
    data = os.fsencode(text)
    if text == "-":
        source, data = "standard input", _standard_input()
    elif text.startswith("@"):
        source, data = text[1:], _input_file(text[1:], option)
    elif _is_file(text):
        raise UsageError(f"The input ({option}) is the name of a file; to read it, write {option} @{text}")
    return parse_input(data, source, option)


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise UsageError("Standard input is closed; there is nothing to read.")
    return sys.stdin.buffer.read()


def _input_file(name: str, option: str) -> bytes:
    path = Path(name)
    if not name:
        raise UsageError(f"{option} @ names no file. {EXAMPLE.format(option)}")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"There is no input file {name}.{_similar_file(path)}") from None
    except OSError as problem:
        raise UsageError(f"The input file {name} cannot be read: {problem.strerror}.") from None


def _is_file(text: str) -> bool:
    """Whether a text that can be no JSON document is the path of a file."""
    if text[:1] in ("", "{", "[", '"'):
        return False
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False  # Longer than a path may be, or with a null character.


def parse_input(data: bytes, source: str, option: str = "--input") -> Json:
    """One JSON value. Raises `UsageError` saying what is wrong where."""
    import msgspec

    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError(f"The input ({source}) is not JSON: {_where_wrong(data)}\n{EXAMPLE.format(option)}") from None


def _where_wrong(data: bytes) -> str:
    """The standard library says line and column, which msgspec does not."""
    import json

    try:
        text = data.decode("utf-8-sig")
        if not text.strip():
            return "it is empty."
        json.loads(text)
    except UnicodeDecodeError:
        return "it is not UTF-8 text."
    except json.JSONDecodeError as problem:
        shown = text.splitlines()[problem.lineno - 1].strip()[:60] if text.splitlines() else ""
        return f"{problem.msg} at line {problem.lineno}, column {problem.colno}: {shown}"
    except RecursionError:
        return "it is nested too deeply."
    return "it has a number JSON does not allow (NaN, Infinity or out of range), or a byte order mark."


def _similar_file(path: Path) -> str:
    import difflib

    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=1)
    return f" Did you mean {path.parent / near[0]}?" if near else ""


def definition_files(incomplete: str) -> list[str]:
    """Paths that continue what was typed: folders, and files a definition may be in."""
    directory, _, start = incomplete.rpartition("/")
    base = f"{directory}/" if directory or incomplete.startswith("/") else ""
    try:
        entries = sorted(Path(base or ".").iterdir())
    except OSError:
        return []
    return [
        f"{base}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if entry.name.startswith(start)
        and (start.startswith(".") or not entry.name.startswith("."))
        and (entry.is_dir() or entry.suffix in (".json", ".yaml", ".yml", ".asl"))
    ]
