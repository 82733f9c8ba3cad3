"""Pruning a workspace: ended executions go, with their histories, children and logs; nothing else does.

Never touched: executions that run or were interrupted, those of pipelines (whose records refer to them), objects,
SageMaker jobs and models, functions, state machines.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from asl_runner.history import pruning
from asl_runner.history.pruning import Pruned, Selection
from asl_runner.resources.lambda_ import file_name

if TYPE_CHECKING:
    from asl_runner.history.store import Store
    from asl_runner.workspace.workspace import Workspace


OTHERS = "Some process runs executions here"
"""It would have to wait while the database is made smaller."""

NO_ROOM = "The disk has no room to write it anew"


class Freed(Struct, frozen=True, kw_only=True):
    """What a prune took, or would take, and what it freed."""

    taken: Pruned
    logs: int
    """Folders of logs."""
    log_bytes: int
    size_before: int
    """Bytes of the database, its write-ahead log included."""
    size_after: int
    not_shrunk: str | None = None
    """Why the database was not made smaller, if it was not."""


def survey(workspace: Workspace, selection: Selection) -> Freed:
    """What `prune` would take. Raises `NotFound` where there is no workspace."""
    store = workspace.store
    taken = store.read(lambda tables: pruning.survey(tables, _spared(workspace, selection)))
    folders = _log_folders(workspace.directory, store, selection, set(taken.names))
    size = _size(store.path)
    return Freed(
        taken=taken,
        logs=len(folders),
        log_bytes=sum(map(_bytes_below, folders)),
        size_before=size,
        size_after=size,
    )


async def prune(workspace: Workspace, selection: Selection) -> Freed:
    """Takes what is to be taken, batch by batch; killed at any time, it has taken some and the rest is whole.

    Raises `NotFound` where there is no workspace, `WorkspaceError` when the database cannot be written.
    """
    before = _size(workspace.store.path)
    store = workspace.writable
    spared = _spared(workspace, selection)
    taken = Pruned()
    while (batch := await store.change(lambda tables: pruning.prune(tables, spared))).names:
        taken.add(batch)
    alone = await store.change(lambda tables: pruning.forget_definitions(tables, store.path.parent / "owners"))
    # Only now: of an execution that is there, the logs are too. What a kill leaves the next prune takes.
    folders = await asyncio.to_thread(_log_folders, workspace.directory, store, selection, set())
    log_bytes = sum(map(_bytes_below, folders))
    for folder in folders:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    not_shrunk = None
    if not alone:
        not_shrunk = OTHERS
    elif not await asyncio.to_thread(pruning.shrink, store.path):
        not_shrunk = NO_ROOM
    return Freed(
        taken=taken,
        logs=len(folders),
        log_bytes=log_bytes,
        size_before=before,
        size_after=_size(store.path),
        not_shrunk=not_shrunk,
    )


def _spared(workspace: Workspace, selection: Selection) -> Selection:
    """The selection without the executions of pipelines."""
    from asl_runner.workspace.pipelines.records import PipelineRecords

    records = PipelineRecords(workspace.directory / "pipelines")
    kept = {
        execution.execution_arn for pipeline in records.pipelines() for execution in records.executions(pipeline.name)
    }
    return replace(selection, spared=frozenset(kept))


def _log_folders(directory: Path, store: Store, selection: Selection, without: set[str]) -> list[Path]:
    """The folders of logs, not written since, of whose name there is no execution besides those in `without`."""
    folders = [folder for folder in (directory / "logs").glob("*") if folder.is_dir()]
    if not folders:
        return []
    counted: dict[str, int] = {}
    for (name,) in store.read(lambda tables: tables.execute("SELECT name FROM executions").fetchall()):
        counted[file_name(name)] = counted.get(file_name(name), 0) + (name not in without)
    return [
        folder
        for folder in sorted(folders)
        if not counted.get(folder.name) and folder.stat().st_mtime < selection.before
    ]


def _bytes_below(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _size(database: Path) -> int:
    files = (database, database.with_name(f"{database.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
