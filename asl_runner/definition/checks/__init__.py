"""What the table of fields cannot say: one module per family, each a function over the whole document.

A check takes the scopes of the document and the report. It must stand any JSON value anywhere: the structure is
reported by the walk along the table.
"""

from __future__ import annotations

from asl_runner.definition.checks.errors import check_errors
from asl_runner.definition.checks.exclusions import check_exclusions
from asl_runner.definition.checks.names import check_names
from asl_runner.definition.checks.reachability import check_reachability
from asl_runner.definition.checks.targets import check_targets
from asl_runner.definition.checks.variables import check_variables
from asl_runner.definition.diagnostics import Report
from asl_runner.definition.scopes import scopes
from asl_runner.expressions.environment import Json


def check_document(document: dict[str, Json], report: Report, *, warnings: bool = True) -> None:
    """Runs every check; without `warnings` not those that only warn."""
    found = list(scopes(document))
    check_targets(found, report)
    check_reachability(found, report)
    check_names(found, report)
    check_errors(found, report)
    check_exclusions(found, report)
    check_variables(document, found, report)
    if warnings:
        from asl_runner.definition.checks.warnings import check_warnings

        check_warnings(document, found, report)
