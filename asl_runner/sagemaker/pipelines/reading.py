"""Reads a document as a pipeline: its parts, its expressions, what waits for what.

Every problem of a document is found in one go, each with its place in the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from msgspec import UNSET

from asl_runner.definition.diagnostics import Diagnostic, InvalidDefinition, Report, did_you_mean
from asl_runner.definition.json_text import Path
from asl_runner.definition.source import Document, Source, read_document
from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.pipelines.document import Parameter, Pipeline, Step
from asl_runner.sagemaker.pipelines.durations import duration_seconds
from asl_runner.sagemaker.pipelines.graph import compile_steps
from asl_runner.sagemaker.pipelines.kinds import EXCEPTION_TYPES, KINDS, PARAMETER_TYPES

_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_NAME_RULE = "1 to 64 letters, digits, - and _"


def read(source: Source | Document, *, name: str | None = None, only: Collection[str] = ()) -> Pipeline:
    """The pipeline of a definition. Raises `InvalidDefinition` with all problems. `only`: see `check`."""
    document = source if isinstance(source, Document) else read_document(source, name=name)
    pipeline, diagnostics = check(document, only)
    if pipeline is None:
        raise InvalidDefinition(diagnostics, document.name)
    return pipeline


def check(document: Document, only: Collection[str] = ()) -> tuple[Pipeline | None, list[Diagnostic]]:
    """The pipeline and all problems of a document; None where any is an error.

    With `only`, the names of the steps that are to run, others may be of types that cannot run here.
    """
    report = Report()
    for problem in document.problems:
        report.add(problem.code, problem.message, (), hint=problem.hint, text_offset=problem.offset)
    pipeline = None
    if not report.has_errors:
        pipeline = _Reader(report, only).pipeline(document)
    if pipeline is not None and not report.has_errors:
        compile_steps(pipeline, report)
    return (None if report.has_errors else pipeline), report.finish(document) if report.count else []


class _Reader:
    """Reads the parts of one document, reporting what is wrong with each."""

    def __init__(self, report: Report, only: Collection[str]) -> None:
        self._report = report
        self._only = only
        self._names: dict[str, Path] = {}

    def pipeline(self, document: Document) -> Pipeline | None:
        value = document.value
        if not isinstance(value, dict):
            self._wrong(value, (), "an object")
            return None
        parameters = tuple(self._parameters(value.get("Parameters") or [], ("Parameters",)))
        if "Steps" not in value:
            hint = "this is a state machine: run it as it is" if "States" in value else ""
            self._report.add("PIP101", "Steps is missing: this is no SageMaker Pipelines definition", (), hint=hint)
            return None
        steps = tuple(self._steps(value["Steps"], ("Steps",), None))
        if not steps and not self._report.has_errors:
            self._report.add("PIP103", "A pipeline has at least one step", ("Steps",))
        return Pipeline(name=document.name, parameters=parameters, steps=steps, text=document.json_text)

    def _parameters(self, items: Json, path: Path) -> Iterator[Parameter]:
        names = set()
        for place, one in self._objects(items, path):
            name, type_ = self._text(one, "Name", place), self._text(one, "Type", place)
            if name in names:
                self._report.add("PIP201", f"There are two parameters {name!r}", (*place, "Name"))
            names.add(name)
            if type_ and type_ not in PARAMETER_TYPES:
                self._not_allowed(type_, (*place, "Type"), PARAMETER_TYPES)
                continue
            values = one.get("EnumValues") or []
            if not isinstance(values, list):
                self._wrong(values, (*place, "EnumValues"), "a list")
                continue
            yield Parameter(name=name, type=type_, default=one.get("DefaultValue", UNSET), values=tuple(values))

    def _steps(self, items: Json, path: Path, parent: tuple[str, bool] | None) -> Iterator[Step]:
        for place, one in self._objects(items, path):
            step = self._step(one, place, parent)
            if step is None:
                continue
            yield step
            if step.type == "Condition":
                for field, outcome in (("IfSteps", True), ("ElseSteps", False)):
                    inner = step.arguments.get(field) or []
                    yield from self._steps(inner, (*place, "Arguments", field), (step.name, outcome))

    def _step(self, one: dict[str, Json], place: Path, parent: tuple[str, bool] | None) -> Step | None:
        name, type_ = self._text(one, "Name", place), self._text(one, "Type", place)
        if name and not _NAME.fullmatch(name):
            self._report.add("PIP201", f"{name!r} is not the name of a step", (*place, "Name"), expected=_NAME_RULE)
        if name in self._names:
            text = f"There are two steps {name!r}; names are unique, inside conditions, too"
            self._report.add("PIP201", text, (*place, "Name"))
        self._names[name] = place
        if type_ and type_ not in KINDS:
            self._not_allowed(type_, (*place, "Type"), tuple(KINDS))
        arguments = one.get("Arguments", {})
        if not isinstance(arguments, dict):
            self._wrong(arguments, (*place, "Arguments"), "an object")
        depends_on = one.get("DependsOn") or []
        if not isinstance(depends_on, list) or not all(isinstance(other, str) for other in depends_on):
            self._wrong(depends_on, (*place, "DependsOn"), "a list of names of steps")
            depends_on = []
        if self._report.has_errors and not (name and type_ in KINDS and isinstance(arguments, dict)):
            return None
        self._members(one, type_, place)
        return Step(
            name=name,
            type=type_,
            arguments=arguments,
            fields=one,
            path=place,
            depends_on=tuple(depends_on),
            parent=parent,
        )

    def _members(self, one: dict[str, Json], type_: str, place: Path) -> None:
        """What a step of this type has to have, and what all may have."""
        kind = KINDS[type_]
        if kind.refusal and (not self._only or one["Name"] in self._only):
            text = f"A step of type {type_} cannot run here"
            self._report.add("PIP301", text, (*place, "Type"), note=kind.refusal)
        for field in kind.required:
            if field not in one:
                self._missing(field, place)
        for field in kind.required_arguments:
            if isinstance(one.get("Arguments"), dict) and field not in one["Arguments"]:
                self._missing(field, (*place, "Arguments"))
        for files_at, file in self._objects(one.get("PropertyFiles") or [], (*place, "PropertyFiles")):
            for field in ("PropertyFileName", "OutputName", "FilePath"):
                self._text(file, field, files_at)
        for output_at, output in self._objects(one.get("OutputParameters") or [], (*place, "OutputParameters")):
            self._text(output, "OutputName", output_at)
        self._cache(one.get("CacheConfig"), (*place, "CacheConfig"))
        if one.get("RetryPolicies") and not kind.retries:
            allowed = ", ".join(name for name, other in KINDS.items() if other.retries)
            text = f"A step of type {type_} has no retry policies"
            self._report.add("PIP103", text, (*place, "RetryPolicies"), expected=f"a step of type {allowed}")
        for policy_at, policy in self._objects(one.get("RetryPolicies") or [], (*place, "RetryPolicies")):
            self._policy(policy, policy_at)

    def _cache(self, config: Json, place: Path) -> None:
        if config is None:
            return
        if not isinstance(config, dict) or not isinstance(config.get("Enabled"), bool):
            self._wrong(config, place, "an object with Enabled, true or false")
        elif "ExpireAfter" in config and duration_seconds(str(config["ExpireAfter"])) is None:
            self._wrong(config["ExpireAfter"], (*place, "ExpireAfter"), "a duration such as P30D or PT1H")

    def _policy(self, policy: dict[str, Json], place: Path) -> None:
        types = policy.get("ExceptionType")
        if not isinstance(types, list) or not types:
            self._wrong(types, (*place, "ExceptionType") if "ExceptionType" in policy else place, "a list of types")
        else:
            for index, type_ in enumerate(types):
                if type_ not in EXCEPTION_TYPES:
                    self._not_allowed(str(type_), (*place, "ExceptionType", index), EXCEPTION_TYPES)
        for field in ("IntervalSeconds", "BackoffRate", "MaxAttempts", "ExpireAfterMin"):
            number = policy.get(field, 1)
            if isinstance(number, bool) or not isinstance(number, int | float) or number <= 0:
                self._wrong(number, (*place, field), "a positive number")

    def _objects(self, items: Json, path: Path) -> Iterator[tuple[Path, dict[str, Json]]]:
        if not isinstance(items, list):
            self._wrong(items, path, "a list")
            return
        for index, one in enumerate(items):
            if isinstance(one, dict):
                yield (*path, index), one
            else:
                self._wrong(one, (*path, index), "an object")

    def _text(self, one: Mapping[str, Json], field: str, place: Path) -> str:
        value = one.get(field)
        if isinstance(value, str) and value:
            return value
        if field not in one:
            self._missing(field, place)
        else:
            self._wrong(value, (*place, field), "a text")
        return ""

    def _missing(self, field: str, place: Path) -> None:
        self._report.add("PIP101", f"{field} is missing", place)

    def _wrong(self, value: Json, path: Path, expected: str) -> None:
        self._report.add("PIP102", f"Expected {expected}", path, found=value)

    def _not_allowed(self, value: str, path: Path, allowed: tuple[str, ...]) -> None:
        text = f"{value!r} is not allowed here"
        hint = did_you_mean(value, allowed)
        self._report.add("PIP103", text, path, expected=", ".join(allowed), hint=hint)
