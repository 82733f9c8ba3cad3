"""The data of a step after every stage, computed from what its history says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asl_runner.configuration import Configuration, load_configuration
from asl_runner.definition import load
from asl_runner.views.follower import Followers
from asl_runner.views.step import step
from asl_runner.views.visits import everything
from asl_runner.workspace import Workspace


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    (tmp_path / "asl-runner.toml").write_text("")
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas/double.py").write_text("def handler(event, context):\n    return {'n': event['n'] * 2}\n")
    return load_configuration(tmp_path / "asl-runner.toml")


async def steps(configuration: Configuration, machine: dict[str, Any], input: Any) -> dict[str, dict[str, Any]]:
    """The last step of every state."""
    async with Workspace(configuration) as workspace:
        running = await workspace.start(load(machine), input)
        await running.result()
        record = workspace.store.execution(running.arn)
        tracker = Followers(workspace.store).tracker(record)
        return {
            visit.state: step(workspace.store, workspace.directory, record, visit) for visit in everything(tracker.root)
        }


def data(step: dict[str, Any]) -> dict[str, Any]:
    return {one["stage"]: one.get("data", one.get("error")) for one in step["stages"]}


DOUBLE = "arn:aws:lambda:us-east-1:123456789012:function:double"


async def test_jsonpath_goes_through_every_field(configuration: Configuration) -> None:
    task = {
        "Type": "Task",
        "Resource": DOUBLE,
        "InputPath": "$.order",
        "Parameters": {"n.$": "$.count"},
        "ResultSelector": {"twice.$": "$.n"},
        "ResultPath": "$.result",
        "OutputPath": "$.result",
        "End": True,
    }
    found = await steps(configuration, {"StartAt": "T", "States": {"T": task}}, {"order": {"count": 3}, "id": 1})
    assert data(found["T"]) == {
        "Input": {"order": {"count": 3}, "id": 1},
        "InputPath": {"count": 3},
        "Parameters": {"n": 3},
        "Result": {"n": 6},
        "ResultSelector": {"twice": 6},
        "ResultPath": {"order": {"count": 3}, "id": 1, "result": {"twice": 6}},
        "Output": {"twice": 6},
    }
    marked = {one["stage"]: one["changes"] for one in found["T"]["stages"] if "changes" in one}
    assert marked["ResultPath"] == [[["result"], "added"]]
    assert set(marked) == {"InputPath", "ResultPath", "Output"}


async def test_jsonata_sees_the_variables_of_then(configuration: Configuration) -> None:
    machine = {
        "QueryLanguage": "JSONata",
        "StartAt": "Set",
        "States": {
            "Set": {"Type": "Pass", "Assign": {"by": "{% $states.input.by %}"}, "Next": "T"},
            "T": {
                "Type": "Task",
                "Resource": DOUBLE,
                "Arguments": {"n": "{% $by + 1 %}"},
                "Output": "{% $states.result.n %}",
                "Assign": {"by": 0},
                "End": True,
            },
        },
    }
    found = await steps(configuration, machine, {"by": 4})
    assert data(found["T"]) == {
        "Input": {"by": 4},
        "Arguments": {"n": 5},
        "Result": {"n": 10},
        "Assign": {"by": 0},
        "Output": 10,
    }
    assert found["T"]["variables"] == {"by": 4}
    assert found["Set"]["variables"] == {}


async def test_a_parallels_result_is_that_of_its_branches(configuration: Configuration) -> None:
    branches = [{"StartAt": name, "States": {name: {"Type": "Pass", "Result": name, "End": True}}} for name in "AB"]
    parallel = {"Type": "Parallel", "Branches": branches, "ResultPath": "$.both", "End": True}
    found = await steps(configuration, {"StartAt": "P", "States": {"P": parallel}}, {"n": 1})
    assert data(found["P"])["Result"] == ["A", "B"]
    assert data(found["P"])["Output"] == {"n": 1, "both": ["A", "B"]}


async def test_what_cannot_be_evaluated_says_so(configuration: Configuration) -> None:
    machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "InputPath": "$.gone", "End": True}}}
    found = await steps(configuration, machine, {})
    assert "$.gone" in data(found["A"])["Evaluation"]
