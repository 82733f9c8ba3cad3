"""SageMaker Pipelines through boto3: definitions, executions, steps, callbacks, stops and retries."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ClientFactory, ServerProcess

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function"


def function(name: str, of: str, *depends_on: str, **arguments: Any) -> dict[str, Any]:
    """A Lambda step `name` of the function `of`."""
    return {
        "Name": name,
        "Type": "Lambda",
        "FunctionArn": f"{FUNCTION}:{of}",
        "Arguments": arguments,
        "OutputParameters": [{"OutputName": "said", "OutputType": "String"}],
        "DependsOn": list(depends_on),
    }


def pipeline(*steps: dict[str, Any]) -> str:
    parameters = [
        {"Name": "Word", "Type": "String", "DefaultValue": "hello", "EnumValues": ["hello", "bye"]},
        {"Name": "Count", "Type": "Integer", "DefaultValue": 2},
    ]
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": parameters, "Steps": steps})


@pytest.fixture(scope="session")
def echo(server_process: ServerProcess) -> str:
    """A function that says what it is asked to, or fails as long as the file it is told of is there."""
    code = (
        "import pathlib\n"
        "def handler(event, context):\n"
        "    if 'unless' in event and pathlib.Path(event['unless']).exists():\n"
        "        raise ValueError('not yet')\n"
        "    return {'said': event.get('word', '')}\n"
    )
    folder = server_process.directory / "lambdas"
    folder.mkdir(exist_ok=True)
    (folder / "pipeline_echo.py").write_text(code)
    return "pipeline_echo"


Make = Callable[..., Any]


@pytest.fixture
def sagemaker(client: ClientFactory) -> Any:
    return client("sagemaker")


def create(sagemaker: Any, name: str, *steps: dict[str, Any], **members: Any) -> str:
    made = sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=pipeline(*steps), RoleArn=ROLE, **members)
    return str(made["PipelineArn"])


def wait(sagemaker: Any, arn: str) -> dict[str, Any]:
    """The description of an execution that has ended."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        described: dict[str, Any] = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        if described["PipelineExecutionStatus"] not in ("Executing", "Stopping"):
            return described
        time.sleep(0.05)
    raise AssertionError(described)


def steps(sagemaker: Any, arn: str, **request: Any) -> list[dict[str, Any]]:
    answer = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, **request)
    found: list[dict[str, Any]] = answer["PipelineExecutionSteps"]
    return found


def code_of(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_pipeline_is_kept_changed_found_and_deleted(sagemaker: Any, echo: str) -> None:
    arn = create(sagemaker, "kept", function("A", echo), Tags=[{"Key": "a", "Value": "1"}], PipelineDescription="d")
    assert arn == "arn:aws:sagemaker:us-east-1:123456789012:pipeline/kept"
    described = sagemaker.describe_pipeline(PipelineName=arn)
    assert (described["PipelineStatus"], described["PipelineDescription"]) == ("Active", "d")
    assert json.loads(described["PipelineDefinition"])["Steps"][0]["Name"] == "A"

    assert sagemaker.update_pipeline(PipelineName="kept", PipelineDisplayName="shown")["PipelineArn"] == arn
    again = sagemaker.describe_pipeline(PipelineName="kept")
    assert (again["PipelineDisplayName"], again["PipelineDescription"]) == ("shown", "d")
    assert again["LastModifiedTime"] > described["LastModifiedTime"]

    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]

    found = sagemaker.get_paginator("list_pipelines").paginate(PipelineNamePrefix="kept").search("PipelineSummaries")
    assert [one["PipelineArn"] for one in found] == [arn]
    assert sagemaker.delete_pipeline(PipelineName="kept")["PipelineArn"] == arn
    assert code_of(lambda: sagemaker.describe_pipeline(PipelineName="kept"))[0] == "ResourceNotFound"


def test_a_definition_may_lie_on_s3(sagemaker: Any, client: ClientFactory, echo: str) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="definitions")
    s3.put_object(Bucket="definitions", Key="p.json", Body=pipeline(function("A", echo)).encode())
    place = {"Bucket": "definitions", "ObjectKey": "p.json"}
    sagemaker.create_pipeline(PipelineName="stored", PipelineDefinitionS3Location=place, RoleArn=ROLE)
    assert '"A"' in sagemaker.describe_pipeline(PipelineName="stored")["PipelineDefinition"]
    missing = {**place, "ObjectKey": "q.json"}
    refused = code_of(
        lambda: sagemaker.create_pipeline(PipelineName="lost", PipelineDefinitionS3Location=missing, RoleArn=ROLE)
    )
    assert refused[0] == "ValidationException"


def test_refusals(sagemaker: Any, echo: str) -> None:
    token = uuid.uuid4().hex
    create(sagemaker, "refused", function("A", echo), ClientRequestToken=token)
    create(sagemaker, "refused", function("A", echo), ClientRequestToken=token)
    code, message = code_of(lambda: create(sagemaker, "refused", function("A", echo)))
    assert (code, "already exists" in message) == ("ValidationException", True)
    code, message = code_of(lambda: create(sagemaker, "circle", function("A", echo, "A")))
    assert (code, "Unable to parse pipeline definition" in message) == ("ValidationException", True)
    assert "wait for each other" in message

    def start(**request: Any) -> tuple[str, str]:
        return code_of(lambda: sagemaker.start_pipeline_execution(**{"PipelineName": "refused", **request}))

    assert start(PipelineName="nobody")[0] == "ResourceNotFound"
    code, message = start(PipelineParameters=[{"Name": "Word", "Value": "hi"}])
    assert (code, message) == ("ValidationException", "Parameter 'Word': 'hi' is not one of 'hello', 'bye'.")
    assert start(PipelineParameters=[{"Name": "Wort", "Value": "hi"}])[0] == "ValidationException"
    selection = {"SelectedSteps": [{"StepName": "B"}]}
    assert start(SelectiveExecutionConfig=selection)[0] == "ValidationException"
    arn = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/refused/execution/abcdefghijkl"
    for operation in ("describe_pipeline_execution", "stop_pipeline_execution", "list_pipeline_execution_steps"):
        assert code_of(lambda: getattr(sagemaker, operation)(PipelineExecutionArn=arn))[0] == "ResourceNotFound"  # noqa: B023
    nobody = code_of(lambda: sagemaker.send_pipeline_execution_step_success(CallbackToken="a" * 10))
    assert nobody[0] == "ResourceNotFound"


def test_an_execution_from_start_to_end(sagemaker: Any, echo: str) -> None:
    said = {"Get": "Steps.A.OutputParameters['said']"}
    equal = {"Type": "Equals", "LeftValue": said, "RightValue": "bye"}
    chosen = {
        "Name": "C",
        "Type": "Condition",
        "Arguments": {"Conditions": [equal], "IfSteps": [function("B", echo, word=said)], "ElseSteps": []},
    }
    create(sagemaker, "whole", function("A", echo, word={"Get": "Parameters.Word"}), chosen)
    request = {
        "PipelineName": "whole",
        "PipelineParameters": [{"Name": "Word", "Value": "bye"}],
        "PipelineExecutionDisplayName": "mine",
        "ClientRequestToken": uuid.uuid4().hex,
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": 3},
    }
    arn = sagemaker.start_pipeline_execution(**request)["PipelineExecutionArn"]
    assert sagemaker.start_pipeline_execution(**request)["PipelineExecutionArn"] == arn
    described = wait(sagemaker, arn)
    assert described["PipelineExecutionStatus"] == "Succeeded"
    assert described["PipelineExecutionDisplayName"] == "mine"
    assert described["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}
    found = steps(sagemaker, arn)
    assert [(one["StepName"], one["StepStatus"]) for one in found] == [(name, "Succeeded") for name in "BCA"]
    assert found[1]["Metadata"] == {"Condition": {"Outcome": "True"}}
    assert found[0]["Metadata"]["Lambda"]["OutputParameters"] == [{"Name": "said", "Value": "bye"}]
    assert [one["StepName"] for one in steps(sagemaker, arn, SortOrder="Ascending", MaxResults=1)] == ["A"]
    listed = sagemaker.list_pipeline_executions(PipelineName="whole")["PipelineExecutionSummaries"]
    assert [(one["PipelineExecutionArn"], one["PipelineExecutionStatus"]) for one in listed] == [(arn, "Succeeded")]
    parameters = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert parameters == [{"Name": "Word", "Value": "bye"}, {"Name": "Count", "Value": "2"}]

    sagemaker.update_pipeline(PipelineName="whole", PipelineDefinition=pipeline(function("Z", echo)))
    then = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    assert '"Z"' not in then["PipelineDefinition"]
    sagemaker.update_pipeline_execution(PipelineExecutionArn=arn, PipelineExecutionDescription="seen")
    assert wait(sagemaker, arn)["PipelineExecutionDescription"] == "seen"


def test_a_failed_execution_is_retried(sagemaker: Any, echo: str, tmp_path: Path) -> None:
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    create(sagemaker, "again", function("A", echo), function("B", echo, "A", unless=str(obstacle)))
    arn = sagemaker.start_pipeline_execution(PipelineName="again")["PipelineExecutionArn"]
    described = wait(sagemaker, arn)
    assert described["PipelineExecutionStatus"] == "Failed"
    assert described["FailureReason"] == "Step failure: One or multiple steps failed."
    failed = steps(sagemaker, arn)[0]
    assert (failed["StepStatus"], "not yet" in failed["FailureReason"]) == ("Failed", True)
    obstacle.unlink()
    assert sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionArn"] == arn
    assert wait(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
    refused = code_of(lambda: sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn))
    assert refused[0] == "ConflictException"


def test_selected_steps_run_on_the_rest_of_another_execution(sagemaker: Any, echo: str) -> None:
    said = {"Get": "Steps.A.OutputParameters['said']"}
    create(sagemaker, "chosen", function("A", echo, word="first"), function("B", echo, word=said))
    first = sagemaker.start_pipeline_execution(PipelineName="chosen")["PipelineExecutionArn"]
    assert wait(sagemaker, first)["PipelineExecutionStatus"] == "Succeeded"
    selection = {"SelectedSteps": [{"StepName": "B"}], "SourcePipelineExecutionArn": first}
    arn = sagemaker.start_pipeline_execution(PipelineName="chosen", SelectiveExecutionConfig=selection)[
        "PipelineExecutionArn"
    ]
    assert wait(sagemaker, arn)["SelectiveExecutionConfig"] == selection
    (only,) = steps(sagemaker, arn)
    assert only["Metadata"]["Lambda"]["OutputParameters"] == [{"Name": "said", "Value": "first"}]


def callback(name: str) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "Callback",
        "SqsQueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/approvals",
        "Arguments": {"word": {"Get": "Parameters.Word"}},
        "OutputParameters": [{"OutputName": "count", "OutputType": "Integer"}],
    }


def message(client: ClientFactory, arn: str, status: str = "Executing") -> dict[str, Any]:
    """The message of the Callback step of an execution."""
    sqs = client("sqs")
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            url = sqs.get_queue_url(QueueName="approvals")["QueueUrl"]
            received = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, MaxNumberOfMessages=10).get(
                "Messages", []
            )
        except ClientError:
            received = []
        for one in received:
            body: dict[str, Any] = json.loads(one["Body"])
            if (body["pipelineExecutionArn"], body["status"]) == (arn, status):
                return body
        time.sleep(0.05)
    raise AssertionError("no message came")


def test_a_callback_step_waits_for_its_answer(sagemaker: Any, client: ClientFactory, echo: str) -> None:
    count = {"Std:Join": {"On": " ", "Values": [{"Get": "Steps.Ask.OutputParameters['count']"}, "times"]}}
    create(sagemaker, "asked", callback("Ask"), function("B", echo, word=count))
    arn = sagemaker.start_pipeline_execution(PipelineName="asked")["PipelineExecutionArn"]
    body = message(client, arn)
    assert (body["status"], body["arguments"]) == ("Executing", {"word": "hello"})
    (step,) = steps(sagemaker, arn)
    assert (step["StepStatus"], step["Metadata"]["Callback"]["CallbackToken"]) == ("Executing", body["token"])

    wrong = [{"Name": "count", "Value": "many"}]
    refused = code_of(
        lambda: sagemaker.send_pipeline_execution_step_success(CallbackToken=body["token"], OutputParameters=wrong)
    )
    assert refused[0] == "ValidationException"
    right = [{"Name": "count", "Value": "3"}]
    sent = sagemaker.send_pipeline_execution_step_success(CallbackToken=body["token"], OutputParameters=right)
    assert sent["PipelineExecutionArn"] == arn
    assert wait(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
    found = {one["StepName"]: one["Metadata"] for one in steps(sagemaker, arn)}
    assert found["Ask"]["Callback"]["OutputParameters"] == right
    assert found["B"]["Lambda"]["OutputParameters"][0]["Value"] == "3 times"


def test_a_callback_step_that_is_refused_fails(sagemaker: Any, client: ClientFactory) -> None:
    create(sagemaker, "declined", callback("Ask"))
    arn = sagemaker.start_pipeline_execution(PipelineName="declined")["PipelineExecutionArn"]
    token = message(client, arn)["token"]
    sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason="no")
    assert wait(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    assert steps(sagemaker, arn)[0]["FailureReason"] == "no"


def test_a_stopped_execution(sagemaker: Any, client: ClientFactory) -> None:
    create(sagemaker, "stopped", callback("Ask"))
    arn = sagemaker.start_pipeline_execution(PipelineName="stopped")["PipelineExecutionArn"]
    message(client, arn)
    assert code_of(lambda: sagemaker.delete_pipeline(PipelineName="stopped"))[0] == "ConflictException"
    assert sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionArn"] == arn
    assert wait(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"
    assert steps(sagemaker, arn)[0]["StepStatus"] == "Stopped"
    assert message(client, arn, "Stopping")["arguments"] == {"word": "hello"}
    assert code_of(lambda: sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn))[0] == "ConflictException"
