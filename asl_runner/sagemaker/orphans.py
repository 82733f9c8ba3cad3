"""The documents of jobs whose process is gone: ended as `Failed`, as the job itself would have ended them."""

from __future__ import annotations

from collections.abc import Sequence

from asl_runner.sagemaker import kinds, trials
from asl_runner.sagemaker.jobs import training
from asl_runner.sagemaker.kinds import Kind
from asl_runner.sagemaker.records import Document

REASON = "InternalServerError: the local process that ran this job ended before the job did. Start it again."


def ended(kind: Kind, document: Document, trials_: Sequence[Document], now: float) -> Document:
    """The Describe document of an orphan, ended at `now` (seconds since the epoch).

    `trials_` are the documents of a tuning job's trials, themselves ended; other kinds have none.
    """
    changes: Document = {str(kind.status): "Failed", "FailureReason": REASON, str(kind.end_time): now}
    if kind is kinds.TRAINING:
        return training.advance(document, "Failed", now, **changes)
    if kind is kinds.TUNING:
        changes |= {**trials.standing(trials_, document), "LastModifiedTime": now}
    return {**document, **changes}
