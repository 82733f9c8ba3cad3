"""SageMaker jobs on AWS as progress shows them: how they stand, and the newest lines of their logs in CloudWatch.

Source: SageMaker developer guide, "CloudWatch Logs for Amazon SageMaker AI": log groups by kind of job, streams whose
names begin with the name of the job.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from asl_runner.sagemaker.containers.images import repository
from asl_runner.sagemaker.kinds import JOBS
from asl_runner.sagemaker.metrics import MetricReader, builtin_definitions
from asl_runner.sagemaker.progress import CURVE_POINTS, JobProgress

LOG_GROUPS = {
    "training": "/aws/sagemaker/TrainingJobs",
    "transform": "/aws/sagemaker/TransformJobs",
    "processing": "/aws/sagemaker/ProcessingJobs",
}

SHOWN_LINES = 50
_PAGES = 20
"""Pages of a log read at one look; the rest is read at the next."""


class RemoteJobs:
    """What is known of the jobs that are awaited. Safe for threads."""

    def __init__(self, logs: Callable[[], Any]) -> None:
        """`logs` gives boto3's client of CloudWatch Logs."""
        self._logs = logs
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], JobProgress] = {}
        self._read: dict[tuple[str, str], _Log] = {}

    def progress(self, kind: str, name: str) -> JobProgress | None:
        """How a job stood at the last look; None for one that was not looked at."""
        with self._lock:
            return self._known.get((kind, name))

    def seen(self, name_member: str, document: dict[str, Any]) -> None:
        """Takes a Describe document, and reads on in the job's log; blocks."""
        if name_member not in JOBS:
            return
        kind = JOBS[name_member].directory
        job = (kind, str(document[name_member]))
        log = self._read.get(job)
        if log is None and kind in LOG_GROUPS:
            log = self._read[job] = _Log(LOG_GROUPS[kind], job[1], _metrics(document))
        if log is not None:
            log.read_on(self._logs())
        with self._lock:
            self._known[job] = _progress(kind, name_member, document, log)


class _Log:
    """One job's log, read as far as it goes."""

    def __init__(self, group: str, job: str, metrics: MetricReader) -> None:
        self._group = group
        self._job = job
        self._tokens: dict[str, str | None] = {}
        """By stream, where to read on."""
        self.newest: deque[str] = deque(maxlen=SHOWN_LINES)
        self.count = 0
        self.metrics = metrics
        self._spoiled = 0
        """Attempts in a row that failed."""
        self._skip = 0
        """Looks until the next attempt."""

    def read_on(self, client: Any) -> None:
        """Reads what is new.

        A log that cannot be read is no reason to give the job up. It is tried again at one of the next looks, the more
        seldom the longer that lasts.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        if self._skip:
            self._skip -= 1
            return
        try:
            streams = client.describe_log_streams(logGroupName=self._group, logStreamNamePrefix=f"{self._job}/")
            for stream in streams["logStreams"]:
                self._read_stream(client, stream["logStreamName"])
        except (ClientError, BotoCoreError) as problem:
            if _is_missing(problem):
                return
            self._skip, self._spoiled = 2**self._spoiled, min(self._spoiled + 1, 6)
            if self._spoiled == 1:
                self._take(f"The log in CloudWatch cannot be read: {problem}")
        else:
            self._spoiled = 0

    def _read_stream(self, client: Any, stream: str) -> None:
        for _ in range(_PAGES):
            request = {"logGroupName": self._group, "logStreamName": stream, "startFromHead": True}
            token = self._tokens.get(stream)
            page = client.get_log_events(**request, **({"nextToken": token} if token else {}))
            for event in page["events"]:
                self._take(str(event["message"]).rstrip())
            self._tokens[stream] = page["nextForwardToken"]
            # The end of a stream is a token that comes back.
            if page["nextForwardToken"] == token or not page["events"]:
                return

    def _take(self, line: str) -> None:
        self.newest.append(line)
        self.metrics.feed(line, 0.0)
        self.count += 1


def _is_missing(problem: Exception) -> bool:
    """Whether there is no log yet: a job's is made when its program starts."""
    response = getattr(problem, "response", {})
    return str(response.get("Error", {}).get("Code")) == "ResourceNotFoundException"


def _progress(kind: str, name_member: str, document: dict[str, Any], log: _Log | None) -> JobProgress:
    status = name_member.removesuffix("Name") + "Status"
    ended = next((document[one] for one in _ENDS if document.get(one) is not None), None)
    config = document.get("HyperParameterTuningJobConfig", {})
    metrics = {} if log is None else log.metrics.latest()
    metrics |= {one["MetricName"]: float(one["Value"]) for one in document.get("FinalMetricDataList") or ()}
    counts = document.get("TrainingJobStatusCounters", {})
    return JobProgress(
        kind=kind,
        name=document[name_member],
        status=document[status],
        secondary_status=document.get("SecondaryStatus") or _counted(counts) or document[status],
        created=document["CreationTime"].timestamp(),
        ended=None if ended is None else ended.timestamp(),
        failure_reason=document.get("FailureReason"),
        metrics=metrics,
        curves={} if log is None else log.metrics.curves(CURVE_POINTS),
        objective=config.get("HyperParameterTuningJobObjective", {}).get("MetricName"),
        log=() if log is None else tuple(log.newest),
        log_lines=0 if log is None else log.count,
    )


def _metrics(document: dict[str, Any]) -> MetricReader:
    """Reads the metrics of a training job from its log: those it defines, or those of its built-in image."""
    algorithm = document.get("AlgorithmSpecification", {})
    builtin = builtin_definitions(repository(algorithm.get("TrainingImage") or ""))
    try:
        return MetricReader(algorithm.get("MetricDefinitions") or builtin)
    except ValueError:
        return MetricReader(())  # A regular expression that AWS takes and Python does not.


_ENDS = ("TrainingEndTime", "HyperParameterTuningEndTime", "TransformEndTime", "ProcessingEndTime")


def _counted(counts: dict[str, int]) -> str:
    """The trials of a tuning job by status: `2 Completed, 1 InProgress`."""
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)
