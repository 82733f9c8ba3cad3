"""The service's three warnings: values that look like paths where they are only text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asl_runner.definition import fields as f
from asl_runner.definition.diagnostics import Report
from asl_runner.definition.fields import Shape, fields_of
from asl_runner.definition.json_text import Path
from asl_runner.definition.scopes import RawScope, list_of
from asl_runner.definition.shapes import SHAPES, STATES
from asl_runner.definition.structure import language_of
from asl_runner.expressions.environment import Json
from asl_runner.expressions.patterns import LazyPattern

_PATH = LazyPattern(r"\$\$?(\.|\[).+")
_CALL = LazyPattern(r"States\.[A-Z]\w*\(.*\)\s*", re.DOTALL)
_TWINS = ("Error", "Cause")


def check_warnings(document: dict[str, Json], scopes: list[RawScope], report: Report) -> None:
    """Reports NO_DOLLAR, NO_PATH and PASS_RESULT_IS_STATIC in JSONPath states."""
    language = language_of(document, "JSONPath")
    for scope in scopes:
        for name, state in scope.states.items():
            kind = state.get("Type")
            if language_of(state, language) != "JSONPath" or not isinstance(kind, str) or kind not in STATES:
                continue
            path = scope.state_path(name)
            _templates(state, STATES[kind], path, report)
            if kind == "Pass" and "Result" in state:
                _static_result(state["Result"], (*path, "Result"), report)
            for field in _TWINS if kind == "Fail" else ():
                _no_path(state.get(field), (*path, field), field, report)
            for index, rule in enumerate(list_of(state, "Choices")):
                _rule(rule, (*path, "Choices", index), report)


def looks_dynamic(value: Json) -> bool:
    """Whether a text looks like a path or an intrinsic function call."""
    return isinstance(value, str) and bool(_PATH.fullmatch(value) or _CALL.fullmatch(value))


def _templates(value: Json, shape: Shape, path: Path, report: Report) -> None:
    """Looks at every template of an object of a shape, and of the objects in it."""
    if not isinstance(value, dict):
        return
    for name, field in fields_of(shape, "JSONPath").items():
        if name not in value:
            continue
        kind, here = field.kind, (*path, name)
        if isinstance(kind, (f.Template, f.Variables)):
            for where, text in _undollared(value[name], here):
                report.add(
                    "ASL501",
                    "No .$ on a field that appears to be a JSONPath or Intrinsic Function",
                    where,
                    at=here,
                    found=text,
                    key=True,
                    hint=f'to evaluate it, write "{where[-1]}.$"',
                )
        elif isinstance(kind, f.ObjectOf) and kind.shape not in ("ItemProcessor", "Branch"):
            _templates(value[name], SHAPES[kind.shape], here, report)
        elif isinstance(kind, f.ListOf) and isinstance(kind.element, f.ObjectOf) and kind.element.shape != "Branch":
            for index, item in enumerate(list_of(value, name)):
                _templates(item, SHAPES[kind.element.shape], (*here, index), report)


def _undollared(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _undollared(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if looks_dynamic(item):
                if not key.endswith(".$"):
                    yield (*path, key), item
            elif isinstance(item, (dict, list)):
                yield from _undollared(item, (*path, key))


def _static_result(value: Json, path: Path, report: Report) -> None:
    for where, key in _dynamic_members(value, path):
        report.add(
            "ASL503",
            "Attempt to use a path in the result of a pass state",
            where,
            at=path,
            key=key,
            hint='Result is kept as it is; write "Parameters" to have paths evaluated',
        )


def _dynamic_members(value: Json, path: Path) -> Iterator[tuple[Path, bool]]:
    if looks_dynamic(value):
        yield path, False
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _dynamic_members(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.endswith(".$"):
                yield (*path, key), True
            else:
                yield from _dynamic_members(item, (*path, key))


def _rule(rule: Json, path: Path, report: Report) -> None:
    if not isinstance(rule, dict):
        return
    for name, value in rule.items():
        if name.startswith("String") and not name.endswith("Path"):
            _no_path(value, (*path, name), name, report)
    for name in ("And", "Or"):
        for index, nested in enumerate(list_of(rule, name)):
            _rule(nested, (*path, name, index), report)
    _rule(rule.get("Not"), (*path, "Not"), report)


def _no_path(value: Json, path: Path, field: str, report: Report) -> None:
    if looks_dynamic(value):
        report.add(
            "ASL502",
            "Field value looks like a path, but field name does not end with 'Path'",
            path,
            found=value,
            hint=f'to compare with what is there, write "{field}Path"'
            if field not in _TWINS
            else f'write "{field}Path"',
        )
