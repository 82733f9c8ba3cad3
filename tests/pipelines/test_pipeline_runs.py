"""Executions of pipelines in a workspace: statuses, cache, selective execution, retries, stops, callbacks."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pipeline_runs import condition, equals, function, get, pipeline

from asl_runner.configuration import Configuration
from asl_runner.errors import NotFound, UsageError
from asl_runner.interpreter.ports import TaskCall
from asl_runner.resources.mocks.answers import raises, sequence
from asl_runner.resources.mocks.tasks import Mocks
from asl_runner.sagemaker.pipelines import read
from asl_runner.workspace import Workspace
from asl_runner.workspace.pipelines.callbacks import outputs
from asl_runner.workspace.pipelines.planning import new_id, pipeline_name, plan
from asl_runner.workspace.pipelines.records import PipelineExecution
from asl_runner.workspace.pipelines.service import PipelineConflict

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
PAYLOAD = {"Payload": {"out": "x"}}


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    async with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as opened:
        yield opened


async def start(
    workspace: Workspace,
    definition: dict[str, Any],
    answers: dict[str, Any],
    *,
    parameters: dict[str, Any] | None = None,
    only: tuple[str, ...] = (),
    **execution: Any,
) -> tuple[PipelineExecution, Any]:
    planned = plan(read(json.dumps(definition), only=only), parameters or {}, only)
    workspace.pipelines.keep("pipe", planned.pipeline.text)
    mocks = Mocks(answers, validate="NONE")
    return await workspace.pipelines.start("pipe", planned, execution=execution, mocks=mocks, clock="virtual")


async def run(workspace: Workspace, definition: dict[str, Any], answers: dict[str, Any], **options: Any) -> str:
    """Runs an execution to its end; its ARN."""
    execution, running = await start(workspace, definition, answers, **options)
    await running.result()
    return workspace.pipelines.arn("pipe", execution.id)


def statuses(workspace: Workspace, arn: str) -> dict[str, str]:
    """Of the execution as "", and of its steps."""
    execution = workspace.pipelines.find(arn)
    steps = {step["StepName"]: step["StepStatus"] for step in workspace.pipelines.steps(execution)}
    return {"": workspace.pipelines.status(execution), **steps}


def training(name: str, *, cache: str | None = None, **arguments: Any) -> dict[str, Any]:
    step: dict[str, Any] = {"Name": name, "Type": "Training", "Arguments": arguments}
    return step if cache is None else {**step, "CacheConfig": {"Enabled": True, "ExpireAfter": cache}}


def trained(name: str) -> dict[str, Any]:
    return {"TrainingJobArn": f"arn:{name}", "TrainingJobName": name}


async def test_steps_are_shown_as_the_api_shows_them(workspace: Workspace) -> None:
    fail = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "enough"}}
    definition = pipeline(
        {**training("T"), "DisplayName": "Train", "Description": "trains"},
        {**function("F", model=get("Steps.T.TrainingJobName")), "DisplayName": "call"},
        condition("C", [equals(1, 2)], [], [fail], "F"),
    )
    arn = await run(workspace, definition, {"T": trained("t1"), "F": PAYLOAD})
    execution = workspace.pipelines.find(arn)
    steps = workspace.pipelines.steps(execution)
    assert [step["StepName"] for step in steps] == ["Stop", "C", "F", "T"]
    assert all(step["EndTime"] >= step["StartTime"] for step in steps)
    shown = {step["StepName"]: {**step, "StartTime": 0, "EndTime": 0} for step in steps}
    times = {"StartTime": 0, "EndTime": 0}
    assert shown["T"] == {
        "StepName": "T",
        "StepDisplayName": "Train",
        "StepDescription": "trains",
        "StepStatus": "Succeeded",
        "AttemptCount": 1,
        "Metadata": {"TrainingJob": {"Arn": "arn:t1"}},
        **times,
    }
    outcome = {
        "Arn": "arn:aws:lambda:us-east-1:123456789012:function:F",
        "OutputParameters": [{"Name": "out", "Value": "x"}],
    }
    assert shown["F"]["Metadata"] == {"Lambda": outcome}
    assert shown["C"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    assert shown["Stop"] == {
        "StepName": "Stop",
        "StepStatus": "Failed",
        "FailureReason": "enough",
        "Metadata": {"Fail": {"ErrorMessage": "enough"}},
        **times,
    }
    assert workspace.pipelines.status(execution) == "Failed"
    assert workspace.pipelines.failure_reason(execution) == "Step failure: One or multiple steps failed."


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (
            raises("States.TaskFailed", json.dumps({"FailureReason": "AlgorithmError: no", "TrainingJobArn": "arn:t"})),
            "AlgorithmError: no",
        ),
        (
            raises("SageMaker.AmazonSageMakerException", "Bad role (Service: AmazonSageMaker; Status Code: 400)"),
            "ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: Bad role",
        ),
    ],
)
async def test_a_failed_step_says_why(workspace: Workspace, failure: Any, reason: str) -> None:
    arn = await run(workspace, pipeline(training("T"), function("F", "T")), {"T": failure, "F": PAYLOAD})
    assert statuses(workspace, arn) == {"": "Failed", "T": "Failed"}
    assert workspace.pipelines.steps(workspace.pipelines.find(arn))[0]["FailureReason"] == reason


async def test_attempts_are_counted(workspace: Workspace) -> None:
    policy = {"ExceptionType": ["Step.THROTTLING", "SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 3600}
    step = {**training("T"), "RetryPolicies": [policy]}
    broken = raises("States.TaskFailed", json.dumps({"FailureReason": "InternalServerError: sorry"}))
    busy = raises("SageMaker.AmazonSageMakerException", "Rate exceeded")
    arn = await run(workspace, pipeline(step), {"T": sequence(busy, broken, trained("t"))})
    (step_view,) = workspace.pipelines.steps(workspace.pipelines.find(arn))
    assert (step_view["StepStatus"], step_view["AttemptCount"]) == ("Succeeded", 3)


async def test_a_cached_result_is_used_until_it_expires(workspace: Workspace) -> None:
    made: Counter[str] = Counter()

    def train(request: Any, call: TaskCall) -> dict[str, Any]:
        made[call.state] += 1
        return trained(request["TrainingJobName"])

    def definition(cache: str, **arguments: Any) -> dict[str, Any]:
        return pipeline(training("T", cache=cache, **arguments), function("F", name_=get("Steps.T.TrainingJobName")))

    answers = {"T": train, "F": PAYLOAD}
    first = await run(workspace, definition("P1D", HyperParameters={"a": "1"}), answers)
    second = await run(workspace, definition("P1D", HyperParameters={"a": "1"}, RoleArn="other"), answers)
    assert made["T"] == 1
    steps = {step["StepName"]: step for step in workspace.pipelines.steps(workspace.pipelines.find(second))}
    assert steps["T"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    assert first.rpartition("/")[2] in steps["T"]["Metadata"]["TrainingJob"]["Arn"]

    await run(workspace, definition("P1D", HyperParameters={"a": "2"}), answers)
    assert made["T"] == 2, "another hyperparameter, another result"
    await run(workspace, definition("PT0S", HyperParameters={"a": "1"}), answers)
    assert made["T"] == 3, "the result has expired"


async def test_failures_are_not_cached(workspace: Workspace) -> None:
    definition = pipeline(training("T", cache="P1D"))
    await run(workspace, definition, {"T": raises("States.TaskFailed", "{}")})
    arn = await run(workspace, definition, {"T": trained("t")})
    assert statuses(workspace, arn)["T"] == "Succeeded"
    assert workspace.pipelines.find(arn).cache_hits == {}


async def test_selected_steps_take_the_rest_from_the_last_execution(workspace: Workspace) -> None:
    seen: list[Any] = []

    def note(request: Any) -> dict[str, Any]:
        seen.append(request["Payload"])
        return PAYLOAD

    definition = pipeline(training("T"), function("F", model=get("Steps.T.TrainingJobName")), function("G", "F"))
    with pytest.raises(UsageError, match="need T, which did not succeed in any execution"):
        await start(workspace, definition, {}, only=("F",))
    first = await run(workspace, definition, {"T": trained("t1"), "F": note, "G": PAYLOAD})
    second = await run(workspace, definition, {"F": note}, only=("F",))
    assert seen == [{"model": "t1"}, {"model": "t1"}]
    assert statuses(workspace, second) == {"": "Succeeded", "F": "Succeeded"}
    execution = workspace.pipelines.find(second)
    assert (execution.selected, execution.source, execution.reused) == (("F",), first, ("T",))
    with pytest.raises(UsageError, match="need T, which did not succeed"):
        await start(workspace, definition, {}, only=("F",))


async def test_a_failed_execution_goes_on_where_it_failed(workspace: Workspace) -> None:
    definition = pipeline(training("T"), function("F", "T"))
    calls: Counter[str] = Counter()

    def train(request: Any) -> dict[str, Any]:
        calls["T"] += 1
        return trained("t")

    arn = await run(workspace, definition, {"T": train, "F": raises("Busy")})
    execution = workspace.pipelines.find(arn)
    assert statuses(workspace, arn) == {"": "Failed", "T": "Succeeded", "F": "Failed"}
    (workspace.configuration.root / "lambdas").mkdir()
    (workspace.configuration.root / "lambdas" / "F.py").write_text(
        "def handler(event, context):\n    return {'out': 'y'}\n"
    )

    running = await workspace.pipelines.retry(execution)
    await running.result()

    assert statuses(workspace, arn) == {"": "Succeeded", "T": "Succeeded", "F": "Succeeded"}
    assert calls["T"] == 1
    with pytest.raises(PipelineConflict, match="this is Succeeded"):
        await workspace.pipelines.retry(execution)


async def test_a_retried_job_has_a_name_of_its_own(workspace: Workspace) -> None:
    """The first job keeps its name, as on AWS: another cannot be created under it."""
    buckets = workspace.local.buckets
    buckets.create_bucket("rows")
    buckets.put("rows", "train/a.csv", b"1,2\n")
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://rows/train"}
    step = training(
        "T",
        AlgorithmSpecification={"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        HyperParameters={"num_round": "2", "eta": "7"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://rows/models"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
        RoleArn="arn:aws:iam::123456789012:role/test",
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    planned = plan(read(json.dumps(pipeline(step))), {})
    execution, running = await workspace.pipelines.start("pipe", planned)
    await running.result()
    for _ in range(2):
        running = await workspace.pipelines.retry(execution)
        await running.result()
        (view,) = workspace.pipelines.steps(execution)
        assert "Hyperparameter eta" in view["FailureReason"]
    jobs = await asyncio.to_thread(workspace.local.sagemaker.list_training_jobs)
    assert len(jobs["TrainingJobSummaries"]) == 3


async def test_a_stopped_execution(workspace: Workspace) -> None:
    began = asyncio.Event()

    async def hang(request: Any) -> None:
        began.set()
        await asyncio.get_running_loop().create_future()

    execution, running = await start(workspace, pipeline(training("T")), {"T": hang})
    await began.wait()
    arn = workspace.pipelines.arn("pipe", execution.id)
    assert statuses(workspace, arn)[""] == "Executing"
    with pytest.raises(PipelineConflict, match="has an execution that runs"):
        workspace.pipelines.delete("pipe")
    workspace.pipelines.stop(workspace.pipelines.find(arn))
    await running.result()
    assert statuses(workspace, arn) == {"": "Stopped", "T": "Stopped"}
    with pytest.raises(PipelineConflict, match="has ended"):
        workspace.pipelines.stop(workspace.pipelines.find(arn))
    workspace.pipelines.delete("pipe")
    with pytest.raises(NotFound):
        workspace.pipelines.find(arn)


async def test_no_more_steps_at_once_than_wanted(workspace: Workspace) -> None:
    now, most = 0, 0

    async def work(request: Any) -> dict[str, Any]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(5):
            await asyncio.sleep(0)
        now -= 1
        return PAYLOAD

    names = [f"F{index}" for index in range(6)]
    definition = pipeline(*(function(name) for name in names))
    await run(workspace, definition, dict.fromkeys(names, work), parallelism=2)
    assert most == 2


async def test_parameters_and_execution_variables_reach_the_steps(workspace: Workspace) -> None:
    seen: list[Any] = []
    values = {
        "p": get("Parameters.P"),
        "arn": get("Execution.PipelineExecutionArn"),
        "of": get("Execution.PipelineName"),
    }
    definition = pipeline(function("F", **values), parameters=[{"Name": "P", "Type": "Float", "DefaultValue": 1.0}])

    def note(request: Any) -> dict[str, Any]:
        seen.append(request["Payload"])
        return PAYLOAD

    arn = await run(workspace, definition, {"F": note}, parameters={"P": "2.5"})
    assert seen == [{"p": 2.5, "arn": arn, "of": "pipe"}]


def test_outputs_of_a_callback_have_their_types() -> None:
    step = {
        "Name": "W",
        "Type": "Callback",
        "SqsQueueUrl": "q",
        "Arguments": {},
        "OutputParameters": [
            {"OutputName": "ok", "OutputType": "Boolean"},
            {"OutputName": "n", "OutputType": "Integer"},
        ],
    }
    found = read(json.dumps(pipeline(step))).steps[0]
    assert json.loads(outputs(found, {"ok": "true", "n": "3"})) == {"ok": True, "n": 3}
    with pytest.raises(UsageError) as caught:
        outputs(found, {"ok": "perhaps", "m": "3"})
    assert "Unknown output parameter 'm'" in str(caught.value)
    assert "'n' is missing" in str(caught.value)
    assert "'perhaps' is not true or false" in str(caught.value)


def test_names_and_ids() -> None:
    assert pipeline_name("my_pipe.v1") == "my-pipe-v1"
    assert len({new_id() for _ in range(100)}) == 100
