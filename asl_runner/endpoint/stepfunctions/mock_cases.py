"""Test cases of a mock file, asked for as AWS Step Functions Local has it: by `#case` after a state machine's ARN.

The file is `mocks` of the configuration, else what the environment variable SFN_MOCK_CONFIG names.
Source: developer guide, "Using mocked service integrations"; reference section 26.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from asl_runner.endpoint.stepfunctions.errors import invalid
from asl_runner.errors import UsageError

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.endpoint.stepfunctions.service import StepFunctions
    from asl_runner.resources.mocks.tasks import Mocks

VARIABLE = "SFN_MOCK_CONFIG"


def split_case(service: StepFunctions, text: str) -> tuple[str, str | None]:
    """The ARN, and the test case asked for, if any. Without a mock file a `#` is part of an ARN that is none."""
    if _file(service) is None:
        return text, None
    arn, mark, case = text.partition("#")
    return arn, case if mark else None


def mocks_of_case(service: StepFunctions, name: str, machine: StateMachine, case: str | None) -> Mocks | None:
    """The mocks of a test case for the state machine `name`; None without a case.

    Raises `ServiceError` ValidationException for a case, or mocks in it, that do not fit the state machine.
    """
    file = _file(service)
    if case is None or file is None:
        return None
    from asl_runner.resources.mocks.files import read_mocks

    try:
        mocks = read_mocks(file, name, case)
        mocks.bind(machine)
    except UsageError as problem:
        raise invalid(str(problem)) from problem
    return mocks


def _file(service: StepFunctions) -> Path | None:
    if service.workspace.configuration.mocks is not None:
        return service.workspace.configuration.mocks
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None
