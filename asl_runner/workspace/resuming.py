"""Executions whose process is gone: which there are, taking one over, and where it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import structs

from asl_runner.definition import model
from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact
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


def run_with(record: ExecutionRecord) -> dict[str, Any]:
    """How an execution was run, as `Workspace.start` was told; empty for what any process of the workspace can run."""
    found: dict[str, Any] = json.loads(record.settings or "{}").get("run", {})
    return found


def remembering(record: ExecutionRecord, how: Mapping[str, Json] | None, *, is_answered: bool) -> ExecutionRecord:
    """The record with how it is run now, see `run_with`.

    `is_answered`: its Tasks are answered by what only its caller has, unless `how` says all of that.
    """
    if how is None and is_answered:
        how = {"answered": "by its caller"}
    settings = {name: value for name, value in json.loads(record.settings or "{}").items() if name != "run"}
    if how:
        settings["run"] = how
    if not settings and record.settings is None:
        return record
    return structs.replace(record, settings=compact(settings))


def standing(store: Store, record: ExecutionRecord, machine: model.StateMachine) -> Restored | None:
    """Where an execution stands; None if nothing of it is kept but that it was started."""
    events = list(store.events(record.arn))
    if record.redrive_count and events:
        from asl_runner.workspace import redriving

        if (redriven := redriving.standing(store, record, machine, events)) is not None:
            return redriven
    return resume(machine, events, record.input)


def last_moment(store: Store, record: ExecutionRecord) -> float:
    """When the last of what is kept of an execution happened, in seconds since the epoch."""
    return next((event.time for event in store.events(record.arn, reverse=True)), record.start)
