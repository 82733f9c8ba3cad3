"""A server for as long as one execution needs it, and none for one that does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from asl_runner.workspace.preflight import needs_endpoint, written_tasks

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.endpoint.server import Server
    from asl_runner.workspace import Workspace


@asynccontextmanager
async def served_for(
    workspace: Workspace, machine: StateMachine, mocked: Collection[str] = (), *, always: bool = False
) -> AsyncIterator[Server | None]:
    """Serves the workspace to AWS clients if tasks of the machine need them to answer, or `always`.

    States `mocked` need nobody.
    """
    tasks = [(name, task) for name, task in written_tasks(machine) if name not in mocked]
    if not always and not needs_endpoint(tasks, workspace.configuration.placement.of):
        yield None
        return
    from asl_runner.endpoint.server import Server

    async with Server(workspace, port=0, resumes=False) as server:
        yield server
