"""Executions whose process is gone: which there are, taking one over, and where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asl_runner.definition import model
from asl_runner.history.records import ExecutionRecord
from asl_runner.interpreter.restored import Restored
from asl_runner.interpreter.resumed import resume

if TYPE_CHECKING:
    from asl_runner.history.store import Store


def interrupted(store: Store) -> Iterator[ExecutionRecord]:
    """The executions whose process is gone, oldest first; not those a map run started, which it looks after itself."""
    for record in reversed(store.executions(status="RUNNING", children=False)):
        if store.is_orphaned(record):
            yield record


async def claim(store: Store, record: ExecutionRecord) -> ExecutionRecord | None:
    """Makes an execution whose process is gone one of this process; None if it is none, or another was faster."""
    return await store.claim_orphan(record) if store.is_orphaned(record) else None


def standing(store: Store, record: ExecutionRecord, machine: model.StateMachine) -> Restored | None:
    """Where an execution stands; None if nothing of it is kept but that it was started."""
    return resume(machine, list(store.events(record.arn)), record.input)
