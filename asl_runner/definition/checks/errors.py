"""Error names in Retry and Catch: `States.ALL` in its place, and no misspelt `States.*` name."""

from __future__ import annotations

from asl_runner.definition.diagnostics import Report, did_you_mean
from asl_runner.definition.json_text import Path
from asl_runner.definition.scopes import RawScope, list_of
from asl_runner.expressions.environment import Json

KNOWN = (
    "States.ALL",
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.Http.Socket",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
)
"""The reserved error names (reference section 12)."""
_STATUS = "States.Http.StatusCode."


def check_errors(scopes: list[RawScope], report: Report) -> None:
    """Reports `ErrorEquals` arrays that the service refuses, or that can never match."""
    raised = {
        str(state.get("Error")) for scope in scopes for state in scope.states.values() if state.get("Type") == "Fail"
    }
    for scope in scopes:
        for name, state in scope.states.items():
            for field in ("Retry", "Catch"):
                entries = list_of(state, field)
                for index, entry in enumerate(entries):
                    path = (*scope.state_path(name), field, index, "ErrorEquals")
                    _check(entry, path, index == len(entries) - 1, raised, report)


def _check(entry: Json, path: Path, last: bool, raised: set[str], report: Report) -> None:
    names = list_of(entry, "ErrorEquals")
    if "States.ALL" in names and not (last and len(names) == 1):
        hint = "it stands for the other names too" if len(names) > 1 else "the elements after it are never used"
        report.add("ASL401", "States.ALL must appear alone and at end of list", path, found=names, hint=hint)
    for index, name in enumerate(names):
        if isinstance(name, str) and name.startswith("States.") and name not in KNOWN and name not in raised:
            if name.startswith(_STATUS):
                continue
            near = did_you_mean(name.removeprefix("States."), [known.removeprefix("States.") for known in KNOWN])
            message = f"'{name}' is not an error name of the service; it never matches"
            report.add("ASL402", message, (*path, index), found=name, hint=near.replace('"', '"States.', 1))
