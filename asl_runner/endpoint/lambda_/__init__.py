"""The Lambda API: one module per family of operations, each with a table `OPERATIONS` as in Step Functions."""

from __future__ import annotations

from asl_runner.endpoint.lambda_ import aliases, code, configuration, invoking, permissions, reading, tags, versions
from asl_runner.endpoint.lambda_.service import Lambda, Operation

OPERATIONS: dict[str, Operation] = {
    **reading.OPERATIONS,
    **code.OPERATIONS,
    **configuration.OPERATIONS,
    **versions.OPERATIONS,
    **aliases.OPERATIONS,
    **invoking.OPERATIONS,
    **permissions.OPERATIONS,
    **tags.OPERATIONS,
}
"""Every operation served, by its name in the model."""

__all__ = ["OPERATIONS", "Lambda", "Operation"]
