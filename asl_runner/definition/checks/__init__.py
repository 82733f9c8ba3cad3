"""What the table of fields cannot say: one module per family, each a function over the whole document.

A check takes the document's value and the report. It must stand any JSON value anywhere: the structure is reported
elsewhere.
"""

from __future__ import annotations

from asl_runner.definition.diagnostics import Report
from asl_runner.expressions.environment import Json


def check_document(document: dict[str, Json], report: Report) -> None:
    """Runs every check."""
