"""SageMaker Pipelines in the API of SageMaker: definitions, executions, and the answers to Callback steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from asl_runner.endpoint.pipelines import callbacks, definitions, executions, tags

if TYPE_CHECKING:
    from asl_runner.endpoint.protocol import Call
    from asl_runner.workspace import Workspace

Operation: TypeAlias = "Callable[[Workspace, dict[str, Any]], Awaitable[dict[str, Any]]]"

OPERATIONS: dict[str, Operation] = {**definitions.OPERATIONS, **executions.OPERATIONS, **callbacks.OPERATIONS}
"""Every operation on pipelines, by its name in the model."""


def calls(workspace: Workspace) -> dict[str, Call]:
    """The operations on a workspace's pipelines."""
    return {name: partial(operation, workspace) for name, operation in OPERATIONS.items()}


__all__ = ["OPERATIONS", "calls", "tags"]
