"""Failure search: which errors are injected, and what is said of what they do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.definition.model import Task
from asl_runner.errors import UsageError
from asl_runner.testing.chaos.possible import SILENCE, errors_of, plausible
from asl_runner.testing.chaos.search import ANY, Search, search

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:{}"


def task(name: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": LAMBDA.format(name), **fields}


def the_task(resource: str, **fields: Any) -> Task:
    state = load(
        {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True, **fields}}}
    ).states
    found = state["T"]
    assert isinstance(found, Task)
    return found


async def searched(tmp_path: Path, states: dict[str, Any], input: Any = None, **more: Any) -> Search:
    machine = load({"StartAt": next(iter(states)), "States": states, **more.pop("machine", {})})
    configuration = Configuration(root=tmp_path, workspace=tmp_path / "w")
    return await search(
        machine, input if input is not None else {"id": 7}, more.pop("mocks", {}), configuration, **more
    )


def verdicts(found: Search, *states: str) -> dict[str, str]:
    """By the errors injected into these states: what became of them."""
    return {
        " & ".join(one.error for one in finding.injections): finding.verdict
        for finding in found.findings
        if tuple(one.state for one in finding.injections) == states
    }


@pytest.mark.parametrize(
    "resource, expected",
    [
        (LAMBDA.format("f"), {"Lambda.TooManyRequestsException", "Lambda.Unknown", "Exception"}),
        ("arn:aws:states:::dynamodb:getItem", {"DynamoDB.ResourceNotFoundException", "DynamoDB.SdkClientException"}),
        (
            "arn:aws:states:::aws-sdk:dynamodb:getItem",
            {"DynamoDb.ResourceNotFoundException", "DynamoDb.SdkClientException"},
        ),
        (
            "arn:aws:states:::states:startExecution.sync:2",
            {"StepFunctions.StateMachineDoesNotExistException", "States.TaskFailed"},
        ),
        ("arn:aws:states:::sagemaker:createModel", {"SageMaker.ResourceLimitExceededException"}),
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", {"SQS.QueueDoesNotExistException", "Exception"}),
        ("arn:aws:states:::http:invoke", {"States.Http.StatusCode.503", "States.Http.Socket"}),
        ("arn:aws:states:us-east-1:123456789012:activity:a", {"Exception"}),
    ],
)
def test_errors_are_those_the_integration_can_raise(resource: str, expected: set[str]) -> None:
    found = errors_of(the_task(resource))
    assert expected <= {*found}, found
    assert found[-1] == SILENCE
    assert len(found) == len({*found})


def test_errors_that_a_definition_names_come_first() -> None:
    named = the_task(LAMBDA.format("f"), Retry=[{"ErrorEquals": ["Mine", "States.Timeout"]}])
    assert errors_of(named, ["Theirs", "States.ALL"])[:2] == ["Mine", "Theirs"]


def test_answers_have_the_shape_of_the_api() -> None:
    model = plausible(the_task("arn:aws:states:::sagemaker:createModel"))
    assert list(model) == ["ModelArn"]
    bucket = plausible(the_task("arn:aws:states:::aws-sdk:s3:listObjectsV2"))
    assert isinstance(bucket["Contents"][0]["Key"], str)


async def test_what_nothing_catches_and_what_a_fail_state_ends(tmp_path: Path) -> None:
    catch = [{"ErrorEquals": ["Mine"], "Next": "Sorry"}]
    found = await searched(
        tmp_path,
        {"Work": task("work", TimeoutSeconds=5, Catch=catch, End=True), "Sorry": {"Type": "Fail", "Error": "Sorry"}},
    )
    told = verdicts(found, "Work")
    assert told["Mine"] == "handled"
    assert told["Exception"] == told[SILENCE] == "uncaught"
    assert {finding.verdict for finding in found.faults} == {"uncaught"}


async def test_what_waits_for_ever_or_turns_for_ever(tmp_path: Path) -> None:
    again = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Work"}]
    found = await searched(tmp_path, {"Work": task("work", Catch=again, End=True)}, pairs=False)
    assert set(verdicts(found, "Work").values()) == {"endless"}
    notes = {finding.note for finding in found.findings}
    assert notes == {
        "it waits for an answer, with no timeout but AWS's own of a year",
        "it turns until the history is full",
    }


async def test_what_loses_the_data_and_what_breaks_behind_the_catch(tmp_path: Path) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Tell"}]
    lossy = await searched(
        tmp_path, {"Work": task("work", Catch=catch, Next="Tell"), "Tell": {"Type": "Pass", "End": True}}
    )
    assert verdicts(lossy, "Work")["Exception"] == "lossy"
    assert "'Work' went on with the error alone, without id" in {finding.note for finding in lossy.findings}
    told = {"Type": "Pass", "Parameters": {"who.$": "$.id"}, "End": True}
    broken = await searched(tmp_path, {"Work": task("work", Catch=catch, Next="Tell"), "Tell": told})
    assert verdicts(broken, "Work")["Exception"] == "broken"
    kept = [{**catch[0], "ResultPath": "$.error"}]
    whole = await searched(tmp_path, {"Work": task("work", Catch=kept, Next="Tell"), "Tell": told})
    assert verdicts(whole, "Work")["Exception"] == "recovered"


async def test_handlers_may_fail_as_well(tmp_path: Path) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Undo"}]
    states = {
        "First": task("first", TimeoutSeconds=9, Next="Second"),
        "Second": task("second", TimeoutSeconds=9, Catch=catch, End=True),
        "Undo": task("undo", End=True),
    }
    found = await searched(tmp_path, states)
    assert verdicts(found, "Second", "Undo") == {f"{ANY} & {ANY}": "uncaught"}
    assert verdicts(found, "First", "Second") == {f"{ANY} & {ANY}": "uncaught"}
    alone = await searched(tmp_path, states, pairs=False)
    assert {len(finding.injections) for finding in alone.findings} == {1}


async def test_there_must_be_something_to_compare_with(tmp_path: Path) -> None:
    states = {"Work": task("work", Next="End"), "End": {"Type": "Fail", "Error": "Always"}}
    with pytest.raises(UsageError, match=r"undisturbed run ends FAILED \(Always"):
        await searched(tmp_path, states)


def test_the_command_groups_what_it_found(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "m.asl.json").write_text(
        json.dumps({"StartAt": "W", "States": {"W": {**task("w"), "Resource": "${WorkFunction}", "End": True}}})
    )
    (tmp_path / "mocks.yaml").write_text("W: {return: {n: 1}}\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "asl_runner", "chaos", "m.asl.json", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    ran = run("--mock", "mocks.yaml")
    assert ran.returncode == 1, ran.stderr
    assert ran.stdout.splitlines() == [
        "uncaught: ended the execution: nothing caught it",
        "  W  Lambda.ServiceException, Lambda.AWSLambdaException, Lambda.SdkClientException, "
        "Lambda.TooManyRequestsException, Lambda.Unknown, Exception",
        "endless: left the execution waiting or turning for ever",
        "  W  no answer  (it waits for an answer, with no timeout but AWS's own of a year)",
        "7 runs: 6 uncaught, 1 endless",
    ]
    document = json.loads(run("--json").stdout)
    assert (document["runs"], len(document["faults"])) == (7, 7)
    assert document["faults"][0]["injections"] == [{"state": "W", "error": "Lambda.ServiceException"}]
