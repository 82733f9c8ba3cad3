"""Names: of states, unique in the whole machine, and labels of distributed Maps."""

from __future__ import annotations

from asl_runner.definition.diagnostics import Report, location
from asl_runner.definition.json_text import Path
from asl_runner.definition.names import first_forbidden
from asl_runner.definition.scopes import RawScope

LONGEST_STATE_NAME = 80
LONGEST_LABEL = 40


def check_names(scopes: list[RawScope], report: Report) -> None:
    """Reports bad and duplicate names of states and labels."""
    states: dict[str, Path] = {}
    labels: dict[str, Path] = {}
    for scope in scopes:
        for name, state in scope.states.items():
            path = scope.state_path(name)
            _check_state_name(name, path, states, report)
            label = state.get("Label")
            if isinstance(label, str) and "${" not in label:
                _check_label(label, (*path, "Label"), labels, report)


def _check_state_name(name: str, path: Path, known: dict[str, Path], report: Report) -> None:
    if not name:
        report.add("ASL305", "A state name cannot be empty", path, key=True)
    elif len(name) > LONGEST_STATE_NAME:
        message = f"State name '{name}' exceeds the {LONGEST_STATE_NAME}-character limit allowed by the service"
        report.add("ASL305", message, path, key=True, hint=f"it has {len(name)} characters")
    if name in known:
        hint = f"the other one is at {location(known[name])}"
        report.add("ASL304", f"Duplicate State name: {name}", path, key=True, hint=hint)
    known.setdefault(name, path)


def _check_label(label: str, path: Path, known: dict[str, Path], report: Report) -> None:
    if not label:
        report.add("ASL307", "A label cannot be empty", path, found=label)
    elif len(label) > LONGEST_LABEL:
        message = f"Label '{label}' exceeds the {LONGEST_LABEL}-character limit allowed by the service"
        report.add("ASL307", message, path, found=label, hint=f"it has {len(label)} characters")
    elif (bad := first_forbidden(label)) is not None:
        message = f"Label contains invalid character: {label[bad]!r}"
        report.add("ASL307", message, path, found=label, offset=bad)
    if label in known:
        hint = f"the other one is at {location(known[label])}"
        report.add("ASL306", f"Duplicate Label name: {label}", path, found=label, hint=hint)
    known.setdefault(label, path)
