"""Logs of executions whose state machine has a `loggingConfiguration`, in the form CloudWatch Logs keeps them.

One record per event: written to a file of the workspace, `logs/cloudwatch/LOG GROUP/STATE MACHINE.jsonl`, and put into
the log group of the endpoint's own CloudWatch Logs, where there is one of that name.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from asl_runner.history.events import DETAILS_KEYS, Event
from asl_runner.history.interchange import DATA_FIELDS, to_aws
from asl_runner.history.records import ExecutionRecord

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import StepFunctions

_log = logging.getLogger(__name__)

_FATAL = frozenset({"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"})
_ERROR = frozenset(
    {type for type in DETAILS_KEYS if type.endswith(("Failed", "TimedOut", "Aborted"))} | {"FailStateEntered"}
)
LEVELS: Mapping[str, frozenset[str]] = {"ALL": frozenset(DETAILS_KEYS), "ERROR": _ERROR, "FATAL": _FATAL}
"""The event types each level logs. Source: Step Functions guide, "Log levels"; recorded for ERROR and FATAL."""


class _Records(Struct, frozen=True):
    """Some log records of one state machine for one log group."""

    group: str
    machine: str
    records: list[dict[str, Any]]


class ExecutionLog:
    """Is told an execution's events and has those delivered that its level asks for."""

    def __init__(self, deliveries: Deliveries, record: ExecutionRecord, level: str, data: bool, groups: list[str]):
        self._deliveries = deliveries
        self._record = record
        self._types = LEVELS[level]
        self._data = data
        self._groups = groups

    def __call__(self, events: Sequence[Event]) -> None:
        """Takes a batch."""
        wanted = [event for event in events if event.type in self._types]
        if wanted:
            records = [log_record(event, self._record, with_data=self._data) for event in wanted]
            for group in self._groups:
                self._deliveries.put(_Records(group, self._record.machine_name, records))


def log_record(event: Event, execution: ExecutionRecord, *, with_data: bool) -> dict[str, Any]:
    """The event as a log record (recorded): every number a string, without data no inputs and outputs."""
    key = DETAILS_KEYS[event.type]
    details: dict[str, Any] = {} if key is None else to_aws(event)[key]
    if not with_data:
        details = {name: value for name, value in details.items() if name not in DATA_FIELDS}
    return {
        "id": str(event.id),
        "type": event.type,
        "details": {name: str(value) if type(value) is int else value for name, value in details.items()},
        "previous_event_id": str(event.previous),
        "event_timestamp": str(round(event.time * 1000)),
        "execution_arn": execution.arn,
        "redrive_count": str(execution.redrive_count),
    }


def log_of(service: StepFunctions, record: ExecutionRecord) -> ExecutionLog | None:
    """The log that the settings of the execution's state machine ask for; None for none."""
    if record.settings is None or '"OFF"' in record.settings or '"destinations"' not in record.settings:
        return None
    wanted = msgspec.json.decode(record.settings).get("loggingConfiguration", {})
    level = wanted.get("level", "OFF")
    arns = [each.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "") for each in wanted.get("destinations", [])]
    groups = [arn.split(":", 6)[6].removesuffix(":*") for arn in arns if arn.count(":") >= 6]
    if level not in LEVELS or not groups:
        return None
    return ExecutionLog(service.deliveries, record, level, bool(wanted.get("includeExecutionData")), groups)


class Deliveries:
    """Delivers log records from a thread of its own, which starts with the first of them."""

    def __init__(self, service: StepFunctions) -> None:
        self._service = service
        self._directory = service.workspace.directory / "logs" / "cloudwatch"
        self._queue: SimpleQueue[_Records | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._client: Any = None
        self._streams: set[tuple[str, str]] = set()
        self._mark = uuid.uuid4().hex[:8]

    def put(self, records: _Records) -> None:
        """Takes records; returns at once, except at the end of the process: then once they are written."""
        if self._closing:
            self._write(records)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="asl-runner log deliveries", daemon=True)
            self._thread.start()
        self._queue.put(records)

    def close(self) -> None:
        """Returns when everything is written. The log groups end with the server: nothing more is sent there."""
        self._closing = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def has_group(self, name: str) -> bool:
        """Whether the endpoint's CloudWatch Logs has a log group of this name."""
        groups = self._logs().describe_log_groups(logGroupNamePrefix=name, limit=50)["logGroups"]
        return any(group["logGroupName"] == name for group in groups)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._write(item)
                if not self._closing:
                    self._send(item)
            except Exception as problem:  # noqa: BLE001 - a log that cannot be kept must not end the others
                _log.warning("Logs of %s could not be delivered to %s: %s", item.machine, item.group, problem)

    def _write(self, item: _Records) -> None:
        path = log_file(self._directory, item.group, item.machine)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(b"".join(msgspec.json.encode(record) + b"\n" for record in item.records))

    def _send(self, item: _Records) -> None:
        """Puts the records into the log group, if there is one."""
        from botocore.exceptions import ClientError

        client = self._logs()
        stream = f"states/{item.machine}/{time.strftime('%Y-%m-%d-%H-%M', time.gmtime())}/{self._mark}"
        try:
            if (item.group, stream) not in self._streams:
                client.create_log_stream(logGroupName=item.group, logStreamName=stream)
                self._streams.add((item.group, stream))
            client.put_log_events(
                logGroupName=item.group,
                logStreamName=stream,
                logEvents=[
                    {"timestamp": int(record["event_timestamp"]), "message": msgspec.json.encode(record).decode()}
                    for record in item.records
                ],
            )
        except ClientError as refusal:
            self._streams.discard((item.group, stream))
            if refusal.response["Error"]["Code"] != "ResourceNotFoundException":
                raise

    def _logs(self) -> Any:
        if self._client is None:
            import boto3
            from botocore.config import Config

            local = self._service.workspace.local.environment()
            self._client = boto3.client(
                "logs",
                endpoint_url=local["AWS_ENDPOINT_URL"],
                region_name=self._service.region,
                aws_access_key_id=local["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=local["AWS_SECRET_ACCESS_KEY"],
                aws_session_token=local.get("AWS_SESSION_TOKEN"),
                config=Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1}),
            )
        return self._client


def log_file(directory: Path, group: str, machine: str) -> Path:
    """Where the records of a state machine for a log group are; a group's name never leads out of the directory."""
    parts = [part for part in group.split("/") if part not in ("", ".", "..")]
    return directory.joinpath(*parts, f"{machine}.jsonl")
