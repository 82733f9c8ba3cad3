"""Test cases of a mock file, asked for by `#case` after the ARN as at AWS Step Functions Local."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ServerProcess

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:nowhere"
MOCKS = {
    "StateMachines": {
        "order": {"TestCases": {"retried": {"T": "busy once"}, "other": {"U": "busy once"}}},
        "quick": {"TestCases": {"retried": {"T": "busy once"}}},
    },
    "MockedResponses": {"busy once": {"0": {"Throw": {"Error": "Busy", "Cause": "slow"}}, "1": {"Return": {"ok": 1}}}},
}


def create(states: Any, name: str, type: str) -> str:
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}]
    definition = {
        "StartAt": "T",
        "States": {"T": {"Type": "Task", "Resource": LAMBDA, "Retry": retry, "End": True}},
    }
    machine = states.create_state_machine(name=name, roleArn=ROLE, definition=json.dumps(definition), type=type)
    return str(machine["stateMachineArn"])


def test_cases_are_chosen_by_the_arn(tmp_path: Path, serve: Callable[..., ServerProcess]) -> None:
    (tmp_path / "mocks.json").write_text(json.dumps(MOCKS))
    (tmp_path / "asl-runner.toml").write_text('mocks = "mocks.json"\n')
    states = serve().client("stepfunctions")
    arn = create(states, "order", "STANDARD")
    started = states.start_execution(stateMachineArn=f"{arn}#retried")
    while (found := states.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
        pass
    assert (found["status"], found["output"], found["stateMachineArn"]) == ("SUCCEEDED", '{"ok":1}', arn)
    quick = states.start_sync_execution(stateMachineArn=f"{create(states, 'quick', 'EXPRESS')}#retried")
    assert (quick["status"], quick["output"]) == ("SUCCEEDED", '{"ok":1}')
    with pytest.raises(ClientError, match="no 'retired': did you mean 'retried'"):
        states.start_execution(stateMachineArn=f"{arn}#retired")
    with pytest.raises(ClientError, match="mock of 'U' is for no Task"):
        states.start_execution(stateMachineArn=f"{arn}#other")


def test_without_a_mock_file_a_case_is_part_of_the_arn(serve: Callable[..., ServerProcess]) -> None:
    states = serve().client("stepfunctions")
    arn = create(states, "order", "STANDARD")
    with pytest.raises(ClientError) as refused:
        states.start_execution(stateMachineArn=f"{arn}#retried")
    assert refused.value.response["Error"]["Code"] in ("InvalidArn", "StateMachineDoesNotExist")
