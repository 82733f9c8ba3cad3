"""Writes the tables of `errors.md` from those the tests run; run by cog.

python -m cogapp -r -I docs docs/errors.md
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

TESTS = Path(__file__).resolve().parents[1] / "tests"

_KNOWN = {"recorded": "", "documented": " *(documented)*", "reported": " *(reported)*", "here": " *(our words)*"}


def language() -> str:
    """The errors of the language, by what is at fault."""
    table = _table("interpreter/error_table.py")
    parts: list[str] = []
    for title, cases in table.SECTIONS.items():
        parts += [
            f"### {title}",
            "",
            "| when | error | cause | caught by | history |",
            "| --- | --- | --- | --- | --- |",
            *(_row(case, table.BYTES, table.EVENTS) for case in cases),
            "",
        ]
    return "\n".join(parts)


def _row(case: Any, *limits: int) -> str:
    cause = _cause(case.cause, *limits) + _KNOWN[case.source]
    return f"| {case.when} | {_code(case.error)} | {cause} | {_caught(case)} | {_events(case.events)} |"


def services() -> str:
    """The errors of tasks, by what is called."""
    parts: list[str] = []
    for title, cases in _table("endpoint/service_errors.py").SECTIONS.items():
        parts += [
            f"### {title}",
            "",
            "| when | of | error | cause | caught by |",
            "| --- | --- | --- | --- | --- |",
            *(_service_row(case) for case in cases),
            "",
        ]
    return "\n".join(parts)


def _service_row(case: Any) -> str:
    cells = (case.when, f"`{_resource(case.resource)}`", _code(case.error), _cause(case.cause), _caught(case))
    return f"| {' | '.join(cells)} |"


def _table(path: str) -> ModuleType:
    """A module of the tests."""
    file = TESTS / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its annotations are looked up by the module's name.
    sys.modules.setdefault(file.stem, module)
    spec.loader.exec_module(module)
    return module


def _code(text: str | None) -> str:
    return "none" if text is None else f"`{text}`"


def _cause(cause: str | None, *limits: int) -> str:
    """A cause as code; the small limits the tests run with become AWS's."""
    if cause is None:
        return "none"
    for small, real in zip(limits, ("262144", "25000"), strict=False):
        cause = cause.replace(f"({small})", f"({real})")
    return f"`` {cause.replace('|', chr(92) + '|')} ``" if "`" in cause else f"`{cause.replace('|', chr(92) + '|')}`"


def _caught(case: Any) -> str:
    names = case.caught.split()
    shown = [f"`{case.error}`" if name == "name" else f"`States.{name}`" for name in names]
    return ", ".join(dict.fromkeys(shown)) or "nothing"


def _events(events: str) -> str:
    return ", ".join(events.split()[-3:])


def _resource(resource: str) -> str:
    return "function ARN" if resource.startswith("arn:") else resource
