"""Documents in, immutable state machines out, with every problem of a document found in one go.

machine = load(Path("order.asl.json"))          # raises InvalidDefinition, with .diagnostics
machine, diagnostics = check(text)              # machine is None where there are errors
"""

from __future__ import annotations

from asl_runner.definition.checks import check_document
from asl_runner.definition.diagnostics import Diagnostic, InvalidDefinition, Report
from asl_runner.definition.model import StateMachine
from asl_runner.definition.parser import parse_machine
from asl_runner.definition.source import Document, Position, Source, read_document
from asl_runner.definition.structure import Walker
from asl_runner.expressions.environment import Json

__all__ = [
    "Diagnostic",
    "Document",
    "InvalidDefinition",
    "Position",
    "StateMachine",
    "check",
    "check_read",
    "load",
    "read_document",
]


def load(source: Source, *, name: str | None = None) -> StateMachine:
    """The state machine of a definition in JSON or YAML.

    `source` is a `pathlib.Path` of a file, the text as `str` or `bytes`, or the definition as a dict. `name` is what
    messages call it, a file name by default; its ending also tells JSON from YAML. Raises `InvalidDefinition` with
    all problems, `OSError` for a file that cannot be read. Warnings are ignored: see `check`.
    """
    document = read_document(source, name=name)
    machine, diagnostics = check_read(document, warnings=False)
    if machine is None:
        raise InvalidDefinition(diagnostics, document.name)
    return machine


def check(source: Source, *, name: str | None = None) -> tuple[StateMachine | None, list[Diagnostic]]:
    """The machine and all problems of a definition, in the order of the text; None where any is an error."""
    return check_read(read_document(source, name=name))


def check_read(document: Document, *, warnings: bool = True) -> tuple[StateMachine | None, list[Diagnostic]]:
    """The same for a document already read; without `warnings` most warnings are not looked for."""
    report = Report()
    for problem in document.problems:
        report.add(problem.code, problem.message, (), hint=problem.hint, text_offset=problem.offset)
    if report.has_errors:
        return None, report.finish(document)
    if not isinstance(document.value, dict):
        report.add(
            "ASL008", "Definition must be a valid JSON object", (), found=document.value, hint=_file_hint(document)
        )
        return None, report.finish(document)
    walker = Walker(report)
    compiled = walker.machine(document.value)
    check_document(document.value, report, warnings=warnings)
    machine = None
    if not report.has_errors:
        machine = parse_machine(compiled, text := document.json_text, _placeholders(walker, document.value, text))
    return machine, report.finish(document) if report.count else []


def _placeholders(walker: Walker, value: Json, text: str) -> tuple[str, ...]:
    if "${" not in text:
        return ()
    from asl_runner.definition.placeholders import literal_placeholders

    return tuple(sorted(walker.compiler.placeholders | set(literal_placeholders(value))))


def _file_hint(document: Document) -> str:
    text = document.value
    if isinstance(text, str) and text.endswith((".json", ".yaml", ".yml")):
        return "this looks like a file name: pass it as a pathlib.Path"
    return ""
