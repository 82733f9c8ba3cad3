"""Problems of a definition as the API reports them: the checks of the room `definition`, and those a type adds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from asl_runner.definition import Diagnostic, Document, StateMachine, check_read, read_document
from asl_runner.definition.codes import CODES
from asl_runner.definition.diagnostics import Report
from asl_runner.definition.json_text import Path
from asl_runner.definition.resource import parse_resource
from asl_runner.definition.scopes import PROCESSORS, is_terminal, scopes, transitions
from asl_runner.endpoint.stepfunctions.errors import invalid_definition
from asl_runner.expressions import jackson
from asl_runner.resources.recognized import is_recognized
from asl_runner.service_model.errors import ServiceError

NAME = "definition.json"
"""What definitions in requests are called; by its ending they are read as JSON and never as YAML."""

_PLAIN = "\ue000"
"""Put into `${`, which deployment tools replace and the checks let stand, but which means nothing to the service."""

_NO_LOCATION = frozenset({"MISSING_END_STATE"})
"""Codes whose problems have no place."""

_UNRECOGNIZED = (
    "The resource provided {} is not recognized. The value is not a valid resource ARN, or the resource is not "
    "available in this region."
)


def problems(definition: str, type: str) -> tuple[StateMachine | None, list[Diagnostic]]:
    """The compiled machine and what is wrong with it, errors and warnings; None where any is an error.

    `type` is STANDARD or EXPRESS. Diagnostics that the service does not know are left out.
    """
    if "${" in definition:
        _, found = _checked(definition.replace("${", f"${_PLAIN}{{"), type)
        if _has_errors(found):
            return None, [_restored(problem) for problem in found]
    return _checked(definition, type)


def _checked(definition: str, type: str) -> tuple[StateMachine | None, list[Diagnostic]]:
    document = read_document(definition, name=NAME)
    text_problem = _of_text(definition, document)
    if text_problem is not None:
        return None, [text_problem]
    machine, found = check_read(document)
    if any(problem.aws_code == "MISSING_TRANSITION_TARGET" for problem in found):
        found = _with_untargeted(document, found)
    if isinstance(document.value, dict):
        found = _merged(found, _unsupported_in_express(document, whole=type == "EXPRESS"))
        found = _merged(found, _unrecognized(document, found))
    known = [problem for problem in found if problem.aws_code]
    return None if _has_errors(known) else machine, sorted(known, key=lambda item: item.aws_code in _NO_LOCATION)


def _has_errors(found: list[Diagnostic]) -> bool:
    return any(problem.severity == "error" for problem in found)


def _restored(problem: Diagnostic) -> Diagnostic:
    location = problem.location
    return replace(
        problem,
        message=problem.message.replace(_PLAIN, ""),
        location=None if location is None else location.replace(_PLAIN, ""),
    )


def check_definition(definition: str, type: str) -> StateMachine:
    """The compiled machine. Raises `ServiceError` InvalidDefinition with all errors in one text."""
    machine, found = problems(definition, type)
    errors = [problem for problem in found if problem.severity == "error"]
    if machine is not None:
        return machine
    for problem in errors:
        if problem.code == "ASL307" and problem.message.startswith("Label contains"):
            raise _bad_label(problem.message, definition)
    raise invalid_definition(", ".join(map(_sentence, errors)))


def shown_location(problem: Diagnostic) -> str | None:
    """Where the service says that a problem is."""
    return None if problem.aws_code in _NO_LOCATION else problem.location


def _sentence(problem: Diagnostic) -> str:
    place = shown_location(problem)
    return f"{problem.aws_code}: {problem.message}" + ("" if place is None else f" at {place}")


def _bad_label(message: str, definition: str) -> ServiceError:
    """The refusal of a label's characters, which has a form of its own (recorded for CreateStateMachine)."""
    return ServiceError("InvalidDefinition", f"Error=ValueError Args={[message]!r} in definition '{definition}'.")


def _of_text(definition: str, document: Document) -> Diagnostic | None:
    """What is wrong with the text itself: one problem, the first."""
    wrong = next((problem for problem in document.problems if CODES[problem.code].severity == "error"), None)
    if wrong is None:
        return None
    report = Report()
    if definition.strip():
        try:
            jackson.parse(definition)
        except jackson.JsonError as error:
            report.add(wrong.code, str(error), ())
            return replace(report.finish(document)[0], location=error.place)
    report.add(wrong.code, wrong.message, ())
    return report.finish(document)[0]


def _merged(found: list[Diagnostic], more: list[Diagnostic]) -> list[Diagnostic]:
    return sorted([*found, *more], key=lambda problem: problem.position or (0, 0)) if more else found


def _with_untargeted(document: Document, found: list[Diagnostic]) -> list[Diagnostic]:
    """Unreachable states as the service finds them: those that no state of their scope and no StartAt leads to.

    So a state behind an unreachable one is not reported, and one that only a misspelt target leads to is. States that
    lead only to each other the service does not see; they are refused all the same.
    """
    report = Report()
    for scope in scopes(document.value):
        edges = [list(transitions(state, ())) for state in scope.states.values()]
        ends = [is_terminal(state) for state in scope.states.values()]
        if any(ends) and all(end or out for end, out in zip(ends, edges, strict=True)):
            targeted = {scope.start_at, *(edge.target for out in edges for edge in out)}
            for name in scope.states:
                if name not in targeted:
                    report.add("ASL302", f'State "{name}" is not reachable.', scope.state_path(name), key=True)
    others = [problem for problem in found if problem.code != "ASL302"]
    merged = _merged(others, report.finish(document) if report.count else [])
    return merged if _has_errors(merged) else found


def _unrecognized(document: Document, found: list[Diagnostic]) -> list[Diagnostic]:
    """Resources of Tasks that Step Functions does not have (recorded for CreateStateMachine)."""
    report, judged = Report(), {problem.path for problem in found}
    for scope in scopes(document.value):
        for name, state in scope.states.items():
            written, place = state.get("Resource"), (*scope.state_path(name), "Resource")
            if state.get("Type") != "Task" or not isinstance(written, str) or place in judged:
                continue
            if not is_recognized(parse_resource(written)):
                report.add("ASL110", _UNRECOGNIZED.format(written), place)
    return report.finish(document) if report.count else []


def _unsupported_in_express(document: Document, *, whole: bool) -> list[Diagnostic]:
    """What Express executions cannot do, in the `whole` machine or in processors whose children are Express."""
    report = Report()
    express: list[Path] = [()] if whole else []
    for scope in scopes(document.value):
        inside = any(scope.path[: len(path)] == path for path in express)
        for name, state in scope.states.items():
            place = scope.state_path(name)
            for field, message in _express_problems(state) if inside else ():
                report.add("ASL110", message, (*place, *field))
            express += [
                (*place, processor)
                for processor, config in _processor_configs(state)
                if config.get("ExecutionType") == "EXPRESS"
            ]
    return report.finish(document) if report.count else []


def _processor_configs(state: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The processors of a distributed Map, with what they say of its child executions."""
    if state.get("Type") == "Map":
        for processor in PROCESSORS:
            config = state.get(processor, {}).get("ProcessorConfig") if isinstance(state.get(processor), dict) else None
            if isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED":
                yield processor, config


def _express_problems(state: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What an Express state machine cannot do: wait for jobs, tokens and activities, and run distributed Maps.

    Recorded for `.waitForTaskToken`, with its blank at the end.
    """
    if state.get("Type") == "Task" and isinstance(state.get("Resource"), str):
        resource = parse_resource(state["Resource"])
        if resource.pattern:
            yield ("Resource",), f"Express state machine does not support '.{resource.pattern}' service integration "
        elif resource.kind == "activity":
            yield ("Resource",), "Express state machine does not support Activity ARN"
    for processor, _ in _processor_configs(state):
        yield (processor, "ProcessorConfig"), "Express state machine does not support 'DISTRIBUTED' Map"
