"""Follows the logs of a job, whichever process runs it: those of its trials for a tuning job."""

from __future__ import annotations

import time
from collections.abc import Iterator

from asl_runner.sagemaker.kinds import TUNING
from asl_runner.sagemaker.records import Record, Records
from asl_runner.views.growing_log import GrowingLog
from asl_runner.views.job_list import has_ended
from asl_runner.views.jobs import log_path, trial_records

LOOK = 0.2
"""Seconds between two looks at the logs."""


def log_lines(records: Records, job: Record, *, follow: bool) -> Iterator[str]:
    """The lines of a job's log so far; with `follow` also those to come, until it ends or its process is gone.

    Of a tuning job those of its trials, each behind the number of its trial.
    """
    logs: dict[str, tuple[str, GrowingLog]] = {}
    while True:
        # The job first: what it printed before it ended is read after.
        now = records.read(job.kind, job.name) or job
        for record in _printing(records, now):
            if record.name not in logs:
                prefix = "" if record is now else f"{record.name.removeprefix(f'{job.name}-')} | "
                logs[record.name] = prefix, GrowingLog(log_path(records, record))
        for prefix, log in logs.values():
            yield from (prefix + line for line in log.fresh())
        if not follow or has_ended(now) or records.is_orphan(now):
            break
        time.sleep(LOOK)
    for prefix, log in logs.values():
        yield from (prefix + line for line in log.last())


def _printing(records: Records, job: Record) -> list[Record]:
    return trial_records(records, job.document) if job.kind == TUNING.directory else [job]
