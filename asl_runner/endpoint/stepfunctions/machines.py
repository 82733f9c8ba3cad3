"""State machines: create, update, describe, delete, list."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation

OPERATIONS: dict[str, Operation] = {}
"""This family's operations, by name in the model."""
