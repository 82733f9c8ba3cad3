"""Where recorded executions come from: this workspace, or Step Functions itself through its API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from asl_runner.errors import NotFound, UsageError
from asl_runner.history.records import ExecutionRecord
from asl_runner.testing.asl import children_of
from asl_runner.testing.replay.fixture import Fixture, fixture_of
from asl_runner.testing.run import Run
from asl_runner.workspace import Workspace


def from_workspace(workspace: Workspace, record: ExecutionRecord) -> Fixture:
    """Records an execution of the workspace. Raises `UsageError` for one that still runs."""
    if record.stop is None:
        raise UsageError(f"{record.name} is {record.status}; it can be recorded when it has ended.")
    events = list(workspace.store.events(record.arn))
    return fixture_of(Run(record, events, children_of(workspace.store, events)))


def from_api(states: Any, arn: str, *, children: bool = True) -> Fixture:
    """Records an execution by its ARN, every page of its history and the `children` of its distributed Maps included.

    `states` is a boto3 client of Step Functions. Raises `NotFound`, and `UsageError` for one that still runs, that is
    Express, or whose data the API no longer gives, and where the API refuses to answer or cannot be asked.
    """
    if arn.split(":")[5:6] == ["express"]:
        raise UsageError(f"{arn} is an Express execution: Step Functions keeps no history of those.")
    with _asking_for(arn):
        return _read(states, arn, children=children)


def _read(states: Any, arn: str, *, children: bool) -> Fixture:
    described = states.describe_execution(executionArn=arn)
    if described["status"] in ("RUNNING", "PENDING_REDRIVE"):
        raise UsageError(f"{arn} is {described['status']}; it can be read when it has ended.")
    if "input" not in described:
        raise UsageError(f"{arn}: its input is not available any more.")
    events = list(_events(states, arn))
    machine = states.describe_state_machine_for_execution(executionArn=arn)
    runs = (
        []
        if not children
        else [event["mapRunStartedEventDetails"]["mapRunArn"] for event in events if event["type"] == "MapRunStarted"]
    )
    stop = described.get("stopDate")
    return Fixture(
        executionArn=arn,
        stateMachineArn=described["stateMachineArn"],
        definition=machine["definition"],
        input=described["input"],
        status=described["status"],
        start=described["startDate"].timestamp(),
        stop=None if stop is None else stop.timestamp(),
        output=described.get("output"),
        error=described.get("error"),
        cause=described.get("cause"),
        events=[_written(event) for event in events],
        children={run: [from_api(states, child) for child in _children(states, run)] for run in runs},
    )


@contextmanager
def _asking_for(arn: str) -> Iterator[None]:
    """Says what boto3 raises in the words of the command."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as refused:
        error = refused.response["Error"]
        if error["Code"] == "ExecutionDoesNotExist":
            raise NotFound(f"There is no execution {arn} where the API was asked.") from None
        raise UsageError(f"{arn}: {error['Code']}: {error['Message']}") from None
    except BotoCoreError as problem:
        raise UsageError(f"{arn} cannot be read: {problem}") from None


def _events(states: Any, arn: str) -> Iterator[dict[str, Any]]:
    pages = states.get_paginator("get_execution_history").paginate(executionArn=arn, maxResults=1000)
    for page in pages:
        yield from page["events"]


def _children(states: Any, map_run: str) -> list[str]:
    """The Standard children, in the order they were started; Express ones have no history to record."""
    pages = states.get_paginator("list_executions").paginate(mapRunArn=map_run)
    found = [child for page in pages for child in page["executions"] if ":express:" not in child["executionArn"]]
    return [child["executionArn"] for child in sorted(found, key=lambda child: child["startDate"])]


def _written(event: dict[str, Any]) -> dict[str, Any]:
    moment = event["timestamp"]
    return {**event, "timestamp": moment.isoformat() if isinstance(moment, datetime) else moment}
