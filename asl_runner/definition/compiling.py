"""The expressions of a definition: every text compiled once, its problems reported at the very character.

A text with a placeholder (`${Name}`) that cannot be compiled stays unresolved: deployment tools put something there.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from asl_runner.definition.diagnostics import Report
from asl_runner.definition.fields import Language
from asl_runner.definition.json_text import Path as Place
from asl_runner.expressions.environment import ExpressionError, ExpressionSyntaxError, Json
from asl_runner.expressions.jsonpath import Path, compile_path
from asl_runner.expressions.patterns import LazyPattern
from asl_runner.expressions.template import compile_template, compile_value, template_problems

_NAME = LazyPattern(r"[A-Za-z_][\w.]*")
_LONGEST_VARIABLE = 80


class Unresolved:
    """Stands for an expression whose text has a placeholder; fails when it is used."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, *_: Json) -> Json:
        """Raises `ExpressionError`: nothing was put in the placeholder's place."""
        raise ExpressionError(f"Nothing has been put in place of the placeholder in {self.text}")


class Compiler:
    """Compiles the texts of one definition and reports what is wrong with them.

    Every method takes a value and its place, and gives the compiled value, or None after a report.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.placeholders: set[str] = set()

    def unresolved(self, value: Json) -> Unresolved | None:
        """An `Unresolved` for a text with a placeholder, None for anything else."""
        if isinstance(value, str) and "${" in value:
            self.placeholders.add(value)
            return Unresolved(value)
        return None

    def path(self, value: str, place: Place, *, reference: bool = False, context: bool = True) -> Path | Any:
        """A JSONPath; `reference` allows only those that name one node, `context` those that start with `$$`."""
        try:
            path = compile_path(value)
        except ExpressionSyntaxError as error:
            if unresolved := self.unresolved(value):
                return unresolved
            hint = f'did you mean "$.{value}"?' if value[:1].isalpha() and not value.startswith("States.") else ""
            self.report.add(
                "ASL202" if reference else "ASL201",
                "Value is not a Reference Path" if reference else "Value is not a valid JSONPath",
                place,
                found=value,
                note=error.message,
                offset=error.offset,
                hint=hint,
            )
            return None
        if reference and not (path.reference and (context or path.root != "context")):
            why = "the context object is not allowed here" if path.reference else "it may select more than one node"
            self.report.add("ASL202", "Value is not a Reference Path", place, found=value, note=why)
            return None
        return path

    def result_path(self, value: str, place: Place) -> Any:
        """A ResultPath's writer."""
        path = self.path(value, place, reference=True, context=False)
        if not isinstance(path, Path):
            return path
        try:
            return path.writer()
        except ExpressionSyntaxError as error:
            self.report.add("ASL202", "Value is not a Reference Path", place, found=value, note=error.message)
            return None

    def path_or_intrinsic(self, value: str, place: Place) -> Any:
        """The value of `ErrorPath`, `CausePath` or a `.$` key."""
        try:
            return compile_value(value, str(place[-1]))
        except ExpressionSyntaxError as error:
            if unresolved := self.unresolved(value):
                return unresolved
            self._bad_value(value, place, error, at=place)
            return None

    def _bad_value(self, value: str, place: Place, error: ExpressionSyntaxError, *, at: Place) -> None:
        message = f"The value for the field '{place[-1]}' must be a valid JSONPath or a valid intrinsic function call"
        detail = error.message.removeprefix(message).lstrip(".,").strip()
        hint = f'did you mean "$.{value}"?' if _NAME.fullmatch(value) else ""
        self.report.add("ASL203", message, place, at=at, found=value, note=detail, offset=error.offset, hint=hint)

    def template(self, value: Json, place: Place, language: Language) -> Any:
        """A payload template (JSONPath), or a value with expressions in it (JSONata)."""
        if language == "JSONata":
            return self.jsonata_template(value, place)
        try:
            return compile_template(value)
        except ExpressionSyntaxError:
            return self._template_problems(value, place)

    def _template_problems(self, value: Json, place: Place) -> Unresolved | None:
        """Reports every bad member of a template; gives an `Unresolved` if only placeholders are in the way."""
        unresolved: Unresolved | None = None
        before = self.report.count
        for where, error in template_problems(value):
            here = (*place, *where)
            if error.text == str(here[-1]):
                self.report.add("ASL204", error.message, here, at=place, key=True)
            elif found := self.unresolved(error.text):
                unresolved = found
            else:
                self._bad_value(error.text, here, error, at=place)
        return None if self.report.count > before else unresolved

    def variables(self, value: dict[str, Json], place: Place, language: Language) -> Any:
        """`Assign`: a template whose keys are names of variables."""
        for key in value:
            name = key.removesuffix(".$") if language == "JSONPath" else key
            if name == "states" or not _is_variable_name(name):
                why = (
                    "'states' is reserved" if name == "states" else "a letter, then letters, digits or '_', at most 80"
                )
                message = f"'{name}' is not a valid variable name"
                self.report.add("ASL207", message, (*place, key), at=place, key=True, note=why)
        return self.template(value, place, language)

    def expression(self, value: str, place: Place, expected: tuple[str, ...] = ()) -> Any:
        """A JSONata expression in its delimiters; `expected` are the JSON types its value must have."""
        from asl_runner.expressions.jsonata import compile_jsonata

        if not value.endswith("%}") or not value[2:-2].strip():
            return self._unclosed(value, place)
        try:
            return compile_jsonata(value, field_of(place), expected=expected)
        except ExpressionSyntaxError as error:
            if unresolved := self.unresolved(value):
                return unresolved
            unsupported = getattr(error, "code", "") == "UNSUPPORTED_JSONATA_EXPRESSION"
            code = "ASL209" if unsupported else "ASL206"
            hint = "the state's input is $states.input" if unsupported else ""
            self.report.add(code, error.message, place, found=value, offset=error.offset, hint=hint)
            return None

    def _unclosed(self, value: str, place: Place) -> Any:
        if unresolved := self.unresolved(value):
            return unresolved
        hint = ""
        if value.endswith("%}"):
            hint = "the expression is empty"
        elif value.rstrip().endswith("%}"):
            hint = "blanks after '%}' are not allowed"
        message = "JSONata string must start with {% and end with %}"
        self.report.add("ASL205", message, place, found=value, hint=hint)
        return None

    def jsonata_template(self, value: Json, place: Place) -> Any:
        """Any JSON value with JSONata expressions in its strings."""
        if isinstance(value, str) and value.startswith("{%"):
            return self.expression(value, place)
        from asl_runner.expressions.jsonata import compile_jsonata_template

        before = self.report.count
        try:
            return compile_jsonata_template(value, field_of(place))
        except ExpressionSyntaxError:
            unresolved = self._jsonata_problems(value, place)
            return None if self.report.count > before else unresolved

    def _jsonata_problems(self, value: Json, place: Place) -> Any:
        unresolved: Any = None
        if isinstance(value, dict):
            for key, item in value.items():
                unresolved = self._jsonata_problems(item, (*place, key)) or unresolved
        elif isinstance(value, list):
            for index, item in enumerate(value):
                unresolved = self._jsonata_problems(item, (*place, index)) or unresolved
        elif isinstance(value, str) and value.startswith("{%"):
            compiled = self.expression(value, place)
            unresolved = compiled if isinstance(compiled, Unresolved) else None
        return unresolved

    def rule(self, rule: dict[str, Json], place: Place) -> Any:
        """The condition of a JSONPath choice rule whose structure is already known to be right."""
        from asl_runner.expressions.choice import compile_rule, rule_problems

        with suppress(ExpressionSyntaxError):
            return compile_rule(rule)
        unresolved: Unresolved | None = None
        before = self.report.count
        for where, error in rule_problems(rule):
            if "${" in error.text:
                unresolved = self.unresolved(error.text)
            else:
                self.report.add("ASL210", error.message, (*place, *where), found=error.text, offset=error.offset)
        return None if self.report.count > before else unresolved


def _is_variable_name(name: str) -> bool:
    """Whether a name is a Unicode identifier (UAX #31, whose first character is no underscore) of 80 characters."""
    return name.isidentifier() and not name.startswith("_") and len(name) <= _LONGEST_VARIABLE


def field_of(place: Place) -> str:
    """The name of the field a place is in, as error texts give it: `Arguments`, `Assign/x`, `Choices[1]/Condition`.

    The part of the place after the innermost state (measured at the service).
    """
    start = 0
    for index, step in enumerate(place):
        if step == "States" and index + 1 < len(place) and (index == 0 or _opens_scope(place, index)):
            start = index + 2
    name = ""
    for step in place[start:]:
        name += f"[{step}]" if isinstance(step, int) else f"/{step}" if name else step
    return name


def _opens_scope(place: Place, index: int) -> bool:
    before = place[index - 1]
    return before in ("ItemProcessor", "Iterator") or (
        isinstance(before, int) and index > 1 and place[index - 2] == "Branches"
    )
