"""Follows the logs of a job, whichever process runs it: those of its trials for a tuning job."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator
from pathlib import Path

from asl_runner.sagemaker.kinds import TUNING
from asl_runner.sagemaker.records import Record, Records
from asl_runner.views.job_list import has_ended
from asl_runner.views.jobs import log_path, trial_records

LOOK = 0.2
"""Seconds between two looks at the logs."""

_BLOCK = 1 << 20


class _Log:
    """One log that is being written, read on line by line."""

    def __init__(self, path: Path, prefix: str) -> None:
        self._path = path
        self._prefix = prefix
        self._at = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def fresh(self) -> Iterator[str]:
        """The lines completed since the last look."""
        try:
            with self._path.open("rb") as log:
                log.seek(self._at)
                while block := log.read(_BLOCK):
                    self._at += len(block)
                    *lines, self._rest = (self._rest + self._decoder.decode(block)).split("\n")
                    yield from (self._prefix + line for line in lines)
        except FileNotFoundError:
            return  # Nothing has been printed yet.

    def last(self) -> Iterator[str]:
        """The line that was never ended, if there is one."""
        if rest := self._rest + self._decoder.decode(b"", final=True):
            yield self._prefix + rest


def log_lines(records: Records, job: Record, *, follow: bool) -> Iterator[str]:
    """The lines of a job's log so far; with `follow` also those to come, until it ends or its process is gone.

    Of a tuning job those of its trials, each behind the number of its trial.
    """
    logs: dict[str, _Log] = {}
    while True:
        # The job first: what it printed before it ended is read after.
        now = records.read(job.kind, job.name) or job
        for record in _printing(records, now):
            if record.name not in logs:
                prefix = "" if record is now else f"{record.name.removeprefix(f'{job.name}-')} | "
                logs[record.name] = _Log(log_path(records, record), prefix)
        for log in logs.values():
            yield from log.fresh()
        if not follow or has_ended(now) or records.is_orphan(now):
            break
        time.sleep(LOOK)
    for log in logs.values():
        yield from log.last()


def _printing(records: Records, job: Record) -> list[Record]:
    return trial_records(records, job.document) if job.kind == TUNING.directory else [job]
