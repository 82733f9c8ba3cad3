"""Everything known of one visit of a state: its data stage by stage, its events, tries, logs, job and children."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from asl_runner.definition.scopes import scopes
from asl_runner.history.events import Event
from asl_runner.history.former import as_it_was
from asl_runner.history.listing import rows
from asl_runner.history.records import ExecutionRecord
from asl_runner.history.store import Store
from asl_runner.history.visits import Visit
from asl_runner.views import events as event_pages
from asl_runner.views.differences import changes
from asl_runner.views.stages import stages_of, variables_at

EVENTS = 200
"""Events of a visit that are shown."""

_LOG_BYTES = 64 << 10


def step(store: Store, directory: Path, record: ExecutionRecord, visit: Visit) -> dict[str, Any]:
    """The step's document. `directory` is the workspace's: logs and jobs are read there."""
    record = as_it_was(store, record, visit.entered)
    own = list(event_pages.of_scope(store, record.arn, visit.scope, visit.entered, visit.exited))
    if visit.exited is None:
        own = _until_next(own)
    assigns = '"Assign"' in record.definition
    variables = variables_at(store.events(record.arn, last=visit.entered), visit) if assigns else {}
    sent = [(event.details or {}).get("parameters") for event in own]
    requests = [bytes(one).decode() for one in sent if one is not None]
    return {
        "id": visit.entered,
        "state": visit.state,
        "definition": definition_of(record, visit.state),
        "variables": variables,
        "stages": _marked(stages_of(record, visit, variables, own)),
        "events": [event_pages.row(one) for one in rows(own[:EVENTS], record.start)],
        "eventsLeft": max(0, len(own) - EVENTS),
        "attempts": [
            {"start": one.start - record.start, "end": one.end and one.end - record.start,
             "error": one.error, "cause": one.cause, "cutOff": one.is_cut_off}
            for one in visit.attempts
        ],
        "error": visit.error,
        "cause": visit.cause,
        "logs": logs(directory / "logs" / _folder(record.name), own),
        "job": _job(directory, visit, requests),
        "links": links(own),
    }  # fmt: skip


_ANEW = frozenset({"Parameters", "Arguments", "Result", "ResultSelector", "Assign"})


def _marked(stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The stages, those that change data with what they changed of the one before; others make data anew."""
    before: dict[str, Any] | None = None
    for one in stages:
        if one["stage"] == "ResultPath":
            before = stages[0]  # It puts the result into the input.
        if before is not None and "data" in one and one["stage"] not in _ANEW:
            one["changes"] = [[list(change.path), change.kind] for change in changes(before["data"], one["data"])]
        if "data" in one and one["stage"] != "Assign":
            before = one
    return stages


def _until_next(events: list[Event]) -> list[Event]:
    """Of a visit that never exited: up to where the scope goes on with another."""
    for place, event in enumerate(events[1:], 1):
        if event.type.endswith("StateEntered"):
            return events[:place]
    return events


def definition_of(record: ExecutionRecord, state: str) -> Any:
    """A state's definition as it was written; None if there is none of this name."""
    return next((one.states[state] for one in scopes(json.loads(record.definition)) if state in one.states), None)


def _folder(name: str) -> str:
    from asl_runner.resources.lambda_ import file_name

    return file_name(name)


class Call(Struct, frozen=True):
    """One call of a function, and what it printed. `time` is in seconds since the epoch."""

    event: int
    state: str
    time: float
    text: str


def calls_of(store: Store, directory: Path, record: ExecutionRecord) -> list[Call]:
    """The calls of an execution's functions that printed something, in their order."""
    folder = directory / "logs" / _folder(record.name)
    numbers = {int(file.name.partition("-")[0]): file for file in folder.glob("[0-9]*-*.log")}
    found = []
    states: dict[str, str] = {}
    for event in store.events(record.arn) if numbers else ():
        if event.type.endswith("StateEntered"):
            states[event.scope] = (event.details or {}).get("name", "")
        if event.id in numbers:
            text = numbers[event.id].read_text(encoding="utf-8", errors="replace")
            found.append(Call(event.id, states.get(event.scope, ""), event.time, text))
    return found


def logs(directory: Path, events: list[Event]) -> list[dict[str, Any]]:
    """What the functions called in a visit wrote: files whose names begin with the id of one of its events."""
    wanted = {f"{event.id:05}" for event in events}
    found = []
    try:
        files = sorted(directory.iterdir())
    except OSError:
        return []
    for file in files:
        if file.suffix == ".log" and file.name.partition("-")[0] in wanted:
            data = file.read_bytes()
            found.append({"name": file.name, "text": data[-_LOG_BYTES:].decode(errors="replace")})
    return found


def _job(directory: Path, visit: Visit, requests: list[str]) -> dict[str, Any] | None:
    if not requests or not (visit.resource or "").startswith(("sagemaker:", "aws-sdk:sagemaker:")):
        return None
    from asl_runner.views.jobs import job_of

    return job_of(directory / "jobs", requests[-1])


def links(events: list[Event]) -> list[dict[str, str]]:
    """The executions and map runs a visit started."""
    found: dict[str, dict[str, str]] = {}
    for event in events:
        details = event.details or {}
        if "mapRunArn" in details:
            found[details["mapRunArn"]] = {"kind": "map run", "arn": details["mapRunArn"]}
        if details.get("resourceType") == "states" and "output" in details:
            answer = json.loads(bytes(details["output"]))
            arn = answer.get("ExecutionArn") if isinstance(answer, dict) else None
            if isinstance(arn, str):
                found[arn] = {"kind": "execution", "arn": arn}
    return list(found.values())
