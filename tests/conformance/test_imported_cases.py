"""Executions recorded on AWS, cut off at any event, imported and redriven: they come to the recorded end."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from in_process import CONFORMANCE

from asl_runner.definition import load
from asl_runner.history.events import Event
from asl_runner.history.journal import MemoryJournal
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.execution import Execution, Outcome
from asl_runner.interpreter.ports import ExecutionInfo, Ports, TaskCall
from asl_runner.interpreter.restored import Restored, restore
from asl_runner.testing.replay.imported import as_kept, from_history

START = 1_700_000_000
ARN = "arn:aws:states:us-east-1:123456789012:execution:m:e"
MACHINE_ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
TEXTS = ("input", "output")


class NoTasks:
    """The world of a machine without Tasks."""

    async def call(self, call: TaskCall) -> Any:
        raise AssertionError(call.state)


def recorded() -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Name, definition and history of every case that asks nothing of the world."""
    for path in sorted((CONFORMANCE / "cases").rglob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        features = set(case["features"])
        history = case.get("expected", {}).get("history")
        if "pure" not in features or "distributed-map" in features or case["normalisation"].get("parallel_ids_zeroed"):
            continue
        if history and "definition" in case and not is_masked(history, case["normalisation"]["volatile_leaves"]):
            yield case["name"], json.dumps(case["definition"]), [as_sent(event) for event in history]


def is_masked(history: list[dict[str, Any]], leaves: list[str]) -> bool:
    """Whether the recording has names in the place of data that differ each time."""
    data = json.dumps([{**event, "timestamp": None} for event in history])
    return any(f'"{leaf}"' in data.replace("\\", "") for leaf in leaves if leaf != "timestamp")


def as_sent(event: dict[str, Any]) -> dict[str, Any]:
    """An event as the API sends it: JSON in strings, and a moment."""
    sent = {**event, "timestamp": START + event["id"] / 1000}
    for key, details in event.items():
        if isinstance(details, dict):
            sent[key] = details | _texts({field: details[field] for field in TEXTS if field in details})
            if "assignedVariables" in details:
                sent[key]["assignedVariables"] = _texts(details["assignedVariables"])
    return sent


def _texts(found: dict[str, Any]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in found.items()}


def cut(history: list[dict[str, Any]], after: int) -> list[dict[str, Any]]:
    """The history of the execution, had it been stopped after so many events."""
    end = {"id": after + 1, "previousEventId": after, "timestamp": START + 1, "type": "ExecutionAborted"}
    return [*history[:after], {**end, "executionAbortedEventDetails": {}}]


def play(definition: str, input: bytes, restored: Restored | None) -> tuple[Outcome, list[Event]]:
    async def main() -> tuple[Outcome, list[Event]]:
        info = ExecutionInfo(
            arn=ARN,
            name="e",
            state_machine_arn=MACHINE_ARN,
            state_machine_name="m",
            role_arn="snf_role_arn",
            region="us-east-1",
            start_time=START,
            redrive_count=0 if restored is None else 1,
        )
        journal = MemoryJournal()
        ports = Ports(clock=VirtualClock(START), journal=journal, tasks=NoTasks(), seed="0")
        running = Execution(
            load(definition), json.loads(input), info, ports, input_text=bytes(input), restored=restored
        )
        return await running.run(), list(journal.events)

    return asyncio.run(main())


def goes_on_as_it_was(last: Event) -> bool:
    """Whether what follows this event is not told twice or left out: the service never ends in the midst of those."""
    return last.type != "ChoiceStateExited" and not last.type.endswith(("StateSucceeded", "Failed"))


def said(events: list[Event]) -> Counter[tuple[str, str]]:
    return Counter((event.scope, event.type) for event in events)


@pytest.mark.skipif(not CONFORMANCE.exists(), reason="the recorded cases are not beside this checkout")
def test_a_recording_that_was_cut_off_is_redriven_to_its_recorded_end(tmp_path: Path) -> None:
    checked = 0
    for name, definition, history in recorded():
        whole, all_events = as_kept(from_history({"events": history}, definition, arn=ARN, machine_arn=MACHINE_ARN))
        outcome, _ = play(definition, whole.input, None)
        if (outcome.status, outcome.output) != (whole.status, whole.output):
            continue  # What it gives depends on the time or on chance.
        # Documented: a redrive counts retries anew.
        retried = '"Retry"' in definition
        for after in range(1, len(history)):
            document = {"events": cut(history, after)}
            record, events = as_kept(from_history(document, definition, arn=ARN, machine_arn=MACHINE_ARN))
            assert record.status == "ABORTED"
            again, rest = play(definition, record.input, restore(load(definition), events, record.input))
            assert (again.status, again.output) == (whole.status, whole.output), (name, after)
            assert rest[0].type == "ExecutionRedriven"
            if goes_on_as_it_was(all_events[after - 1]) and not retried:
                assert said(rest[1:]) == said(all_events[after:]), (name, after)
            checked += 1
    assert checked > 300
