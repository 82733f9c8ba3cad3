"""What the API says of an execution that went on with another definition, with options of the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.endpoint.stepfunctions.executions import describe_state_machine_for_execution
from asl_runner.endpoint.stepfunctions.service import StepFunctions
from asl_runner.resources.mocks.answers import raises
from asl_runner.resources.mocks.tasks import Mocks
from asl_runner.workspace import Workspace
from asl_runner.workspace.redriving import plan


def machine(**fields: Any) -> dict[str, Any]:
    task = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": True}
    return {"StartAt": "T", "States": {"T": {**task, **fields}}}


async def test_the_definition_it_runs_and_nothing_of_how_it_is_run(tmp_path: Path) -> None:
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        how = {"mock_file": "mocks.json"}
        first = await workspace.start(load(machine()), {}, mocks=Mocks({"T": raises("Broken")}), run_with=how)
        await first.result()
        now = load(machine(Comment="new"))
        asked = plan(workspace.store, first.record, now)
        mocks = Mocks({"T": {"fine": True}})
        again = await workspace.redrive(now, {}, first.record, mocks=mocks, prepared=asked, run_with=how)
        assert again is not None
        await again.result()
        request = {"executionArn": first.arn}
        answer = await describe_state_machine_for_execution(StepFunctions(workspace), request)
    assert json.loads(answer["definition"]) == machine(Comment="new")
    assert set(answer) == {"stateMachineArn", "name", "definition", "roleArn", "updateDate"}
