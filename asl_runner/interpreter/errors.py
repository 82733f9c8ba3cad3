"""Failures inside an execution: data with AWS's names and texts (reference section 12)."""

from __future__ import annotations

ALL = "States.ALL"
BRANCH_FAILED = "States.BranchFailed"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
EXCEED_TOLERATED_FAILURE_THRESHOLD = "States.ExceedToleratedFailureThreshold"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
ITEM_READER_FAILED = "States.ItemReaderFailed"
QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"
REFERENCE_PATH_CONFLICT = "States.ReferencePathConflict"
RESULT_WRITER_FAILED = "States.ResultWriterFailed"
RUNTIME = "States.Runtime"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"


class Failure(Exception):
    """A state failed with `error` and `cause`, either of which may be absent.

    `message` is the cause without the words that name a place in a history; `catchable` is false for what Retry and
    Catch never see; `task` says a task reported it (`States.TaskFailed` matches); `heartbeat` that it is a missed
    heartbeat (`States.HeartbeatTimeout` matches); no retry comes before `retry_after` seconds have passed.
    """

    def __init__(
        self,
        error: str | None,
        cause: str | None,
        *,
        catchable: bool = True,
        task: bool = False,
        heartbeat: bool = False,
        message: str | None = None,
        retry_after: float = 0,
    ) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause
        self.message = cause if message is None else message
        self.catchable = catchable
        self.task = task
        self.heartbeat = heartbeat
        self.retry_after = retry_after

    def output(self) -> dict[str, str | None]:
        """The error output a catcher gets: null stands for what is absent, an empty cause for a timeout (recorded)."""
        cause = "" if self.cause is None and self.error == TIMEOUT else self.cause
        return {"Error": self.error, "Cause": cause}


def cut(text: str | None, characters: int) -> str | None:
    """An error or cause of at most so many characters, of which every one can be written as UTF-8."""
    return None if text is None else text[:characters].encode("utf-8", "replace").decode("utf-8")


def runtime_failure(state: str, event_id: int, message: str, error: str = RUNTIME) -> Failure:
    """A failure in processing a state's own fields, with the prefix AWS puts before `message` (recorded).

    Only evaluation errors of JSONata can be retried and caught. A path conflict comes without the prefix (reported).
    """
    prefix = f"An error occurred while executing the state '{state}' (entered at the event id #{event_id}). "
    cause = message if error == REFERENCE_PATH_CONFLICT else prefix + message
    return Failure(error, cause, catchable=error == QUERY_EVALUATION_ERROR, message=message)


def data_limit_failure(name: str, *, catchable: bool) -> Failure:
    """A payload over the limit; `name` is the state, or for a task its resource type or function ARN (recorded)."""
    cause = (
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    return Failure(DATA_LIMIT_EXCEEDED, cause, catchable=catchable, task=catchable)


def threshold_failure() -> Failure:
    """More iterations of a Map failed than are tolerated (recorded)."""
    return Failure(EXCEED_TOLERATED_FAILURE_THRESHOLD, "The specified tolerated failure threshold was exceeded")


def variables_failure(state: str) -> Failure:
    """The variables a state assigns are over a limit, which AWS documents without saying how it reports them."""
    cause = f"The state '{state}' assigned variables with a size exceeding the maximum number of bytes service limit."
    return Failure(DATA_LIMIT_EXCEEDED, cause, catchable=False)


class HistoryLimit(Exception):
    """The history is full: the execution fails at once, wherever it is (reference section 24)."""


class ExpressionDefect(RuntimeError):
    """A compiled expression gave something its compiler should have refused: a defect of ours, not the user's."""
