"""The composition root: a workspace directory, what is kept in it, and what executions run on."""

from asl_runner.workspace.workspace import Workspace

__all__ = ["Workspace"]
