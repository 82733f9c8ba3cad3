"""Executions of elsewhere as a workspace keeps its own, to be shown and redriven there."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from msgspec import structs

from asl_runner.definition import load
from asl_runner.definition.walk import all_states
from asl_runner.errors import UsageError
from asl_runner.history import interchange
from asl_runner.history.events import TERMINAL, Event
from asl_runner.history.interchange import COMPANIONS
from asl_runner.history.records import ExecutionRecord
from asl_runner.testing.replay.fixture import Fixture

_NO_DATA = "ask for it with --include-execution-data, and of an execution whose data are still kept"


def from_history(document: object, definition: str, *, arn: str, machine_arn: str, input: str | None = None) -> Fixture:
    """An execution by what GetExecutionHistory answers, its pages joined, which says nothing of its ARN and definition.

    `input` is the execution's, by default what the history says. Raises `UsageError` for no history, and for one that
    has not ended.
    """
    events = interchange.from_aws(document)
    rows = document["events"] if isinstance(document, Mapping) else document
    assert isinstance(rows, list)
    first, last = _first_and_last(events)
    said, ended = first.details or {}, last.details or {}
    if input is None and "input" not in said:
        raise UsageError(f"The history does not say the execution's input: {_NO_DATA}, or give it with --input.")
    output = ended.get("output")
    status: Any = TERMINAL[last.type]
    return Fixture(
        executionArn=arn,
        stateMachineArn=machine_arn,
        definition=definition,
        input=bytes(said["input"]).decode() if input is None else input,
        status=status,
        start=first.time,
        stop=last.time,
        output=None if output is None else bytes(output).decode(),
        error=ended.get("error"),
        cause=ended.get("cause"),
        events=rows,
    )


def as_kept(fixture: Fixture) -> tuple[ExecutionRecord, list[Event]]:
    """What a workspace keeps of it. It belongs to nobody's map run: by itself it can be redriven.

    Raises `UsageError` for a history that has not ended, lacks data or was made by another definition, and
    `InvalidDefinition`.
    """
    for row in fixture.events:
        _check_whole(row)
    run = fixture.as_run()
    events = run.history
    started = _first_and_last(events)[0].details or {}
    _check_states(events, fixture.definition)
    redrives = [event for event in events if event.type == "ExecutionRedriven"]
    record = structs.replace(
        run.record,
        role_arn=started.get("roleArn", ""),
        version_arn=started.get("stateMachineVersionArn"),
        alias_arn=started.get("stateMachineAliasArn"),
        seed=fixture.seed or uuid.uuid4().hex,
        redrive_count=len(redrives),
        redrive_time=redrives[-1].time if redrives else None,
    )
    return record, events


def _first_and_last(events: list[Event]) -> tuple[Event, Event]:
    if not events or events[0].type != "ExecutionStarted":
        raise UsageError("The history does not begin with ExecutionStarted.")
    if events[-1].type not in TERMINAL:
        raise UsageError(
            f"The execution has not ended: its history ends with {events[-1].type}. Import it when it has."
        )
    return events[0], events[-1]


def _check_whole(row: Mapping[str, Any]) -> None:
    """Going on needs what entered and left each state."""
    key = next((key for key in row if key in ("stateEnteredEventDetails", "stateExitedEventDetails")), None)
    if key is None:
        return
    details = row[key]
    field = "input" if key == "stateEnteredEventDetails" else "output"
    if field not in details:
        raise UsageError(f"The history has no data: event {row['id']} has no {field}; {_NO_DATA}.")
    for name, companion in COMPANIONS.items():
        if details.get(companion, {}).get("truncated"):
            raise UsageError(f"The history lacks data: the {name} of event {row['id']} was cut off.")


def _check_states(events: list[Event], definition: str) -> None:
    known = {state.name for state in all_states(load(definition))}
    for event in events:
        if event.type.endswith("StateEntered") and (name := (event.details or {})["name"]) not in known:
            raise UsageError(f"The history enters the state {name!r}, which the definition does not have.")
