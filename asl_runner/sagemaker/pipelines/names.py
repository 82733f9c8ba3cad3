"""Names a translation makes: of states beside the steps, and of the jobs the steps create.

Source: names seen on the service: `pipelines-4r83jejmhorv-TrainAbaloneModel-xw869y8C4a`.
"""

from __future__ import annotations

import re

from asl_runner.sagemaker.pipelines.jsonata import text

_STATE_LIMIT = 80
_JOB_LIMIT = 63
_TUNING_LIMIT = 32
_ID_LENGTH = 12
_TOKEN_LENGTH = 10

WANTED = "wanted?"
"""What the state does that lets a step run or not."""

EXECUTION_ID = "$states.input.Execution.PipelineExecutionId"
_TOKEN = (
    "$substring($hash($states.context.State.Name & $states.context.State.EnteredTime & "
    "$states.context.State.RetryCount & '/' & $states.context.Execution.RedriveCount, 'SHA-256'), "
    f"0, {_TOKEN_LENGTH})"
)


class StateNames:
    """Names of states, each given once. A step's state has the step's name; all others have a blank, no step has."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def beside(self, step: str, what: str) -> str:
        """The name of a state that does something for a step."""
        return self.free(f"{step}: {what}")

    def free(self, wanted: str) -> str:
        """`wanted`, or the same with a number where it is taken."""
        name, count = wanted[:_STATE_LIMIT], 1
        while name in self._given:
            count += 1
            suffix = f" {count}"
            name = wanted[: _STATE_LIMIT - len(suffix)] + suffix
        self._given.add(name)
        return name


def job_name(step: str, *, tuning: bool = False, prefix: str | None = None) -> str:
    """The JSONata expression of a job's name: the same in all fields of one attempt, another in the next.

    `prefix` is the expression of a name the definition gives, which the service takes as the beginning.
    """
    if prefix is not None:
        length = (_TUNING_LIMIT if tuning else _JOB_LIMIT) - _ID_LENGTH - _TOKEN_LENGTH - 2
        return f"$substring({prefix}, 0, {length}) & '-' & {EXECUTION_ID} & '-' & {_TOKEN}"
    if tuning:
        shown = step[: _TUNING_LIMIT - _ID_LENGTH - _TOKEN_LENGTH - 2]
        return f"{EXECUTION_ID} & {text(f'-{shown}-')} & {_TOKEN}"
    shown = step[: _JOB_LIMIT - len("pipelines---") - _ID_LENGTH - _TOKEN_LENGTH]
    return f"'pipelines-' & {EXECUTION_ID} & {text(f'-{shown}-')} & {_TOKEN}"


def is_execution_id(name: str) -> bool:
    """Whether a name has the form of a pipeline execution's id."""
    return re.fullmatch(r"[a-z0-9]{12}", name) is not None
