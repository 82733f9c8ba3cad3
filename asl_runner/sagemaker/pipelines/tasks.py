"""The states of one step: what it reads, the Task that does its work, and what makes its properties complete.

Properties are those the service gives: the Describe document of the job, with outputs and inputs of a Processing job by
name. Source: reference sections 8.2 and 8.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.pipelines import jsonata
from asl_runner.sagemaker.pipelines.document import Step
from asl_runner.sagemaker.pipelines.graph import Compiled
from asl_runner.sagemaker.pipelines.kinds import KINDS
from asl_runner.sagemaker.pipelines.names import StateNames

State: TypeAlias = dict[str, Json]
Chain: TypeAlias = "list[tuple[str, State]]"
"""States that follow each other, by name; `Next` and `End` are still to be filled in."""

SERVICE = "arn:aws:states:::"
FAIL_ERROR = "SageMaker.PipelineFailStep"
CALLBACK_TOKEN_LENGTH = 10

_BY_NAME = (
    "$merge([$states.result, "
    "$exists($states.result.ProcessingOutputConfig.Outputs) ? {'ProcessingOutputConfig': "
    "$merge([$states.result.ProcessingOutputConfig, "
    "{'Outputs': $merge($states.result.ProcessingOutputConfig.Outputs.{OutputName: $})}])}, "
    "$exists($states.result.ProcessingInputs) ? "
    "{'ProcessingInputs': $merge($states.result.ProcessingInputs.{InputName: $})}])"
)


def chain(one: Compiled, names: StateNames, read: set[str]) -> Chain:
    """The states of a step but a Condition, in order. `read` are the first members of its properties others read."""
    return [*reads(one, names), *_WORK[one.step.type](one, names, read)]


def reads(one: Compiled, names: StateNames) -> Iterator[tuple[str, State]]:
    """The states that read the property files a step needs."""
    for key, uri in one.uses.files.items():
        yield (
            names.beside(one.step.name, f"read {key.rpartition('.')[2]}"),
            {
                "Type": "Task",
                "Resource": f"{SERVICE}aws-sdk:s3:getObject",
                "Arguments": {
                    "Bucket": jsonata.expression(f"$split({uri}, '/')[2]"),
                    "Key": jsonata.expression(f"$substringAfter($substringAfter({uri}, '://'), '/')"),
                },
                "Output": jsonata.merged("Files", key, "$parse($states.result.Body)"),
            },
        )


def _task(one: Compiled, resource: str, arguments: dict[str, Json], properties: str) -> State:
    described: Any = one.step.fields.get("Description") or one.step.fields.get("DisplayName")
    return {
        "Type": "Task",
        **({"Comment": described} if described else {}),
        "Resource": f"{SERVICE}{resource}",
        "Arguments": arguments,
        "Output": jsonata.recorded(one.step.name, properties),
    }


def _job(one: Compiled, names: StateNames, read: set[str]) -> Chain:
    job = KINDS[one.step.type].job
    arguments = {f"{job}Name": jsonata.expression(one.name), **_without(one.arguments, f"{job}Name")}
    properties = _BY_NAME if one.step.type == "Processing" else "$states.result"
    made = [(one.step.name, _task(one, f"sagemaker:create{job}.sync", arguments, properties))]
    if one.step.type == "Tuning" and "TrainingJobSummaries" in read:
        made.append(_summaries(one, names))
    return made


def _summaries(one: Compiled, names: StateNames) -> tuple[str, State]:
    """The trials, best first, which the properties of a Tuning step have beside the Describe document."""
    own = jsonata.path("$states.input.Steps", (one.step.name,))
    arguments: dict[str, Json] = {
        "HyperParameterTuningJobName": jsonata.expression(f"{own}.HyperParameterTuningJobName"),
        "SortBy": "FinalObjectiveMetricValue",
        "SortOrder": "Ascending" if _objective(one) == "Minimize" else "Descending",
        "MaxResults": 50,
    }
    complete = f"$merge([{own}, {{'TrainingJobSummaries': $states.result.TrainingJobSummaries}}])"
    action = "aws-sdk:sagemaker:listTrainingJobsForHyperParameterTuningJob"
    return names.beside(one.step.name, "trials"), {
        **_task(one, action, arguments, complete),
        "Comment": "The trials, best first.",
    }


def _objective(one: Compiled) -> str:
    config: Any = one.step.arguments.get("HyperParameterTuningJobConfig")
    objective = config.get("HyperParameterTuningJobObjective") if isinstance(config, dict) else None
    definitions: Any = one.step.arguments.get("TrainingJobDefinitions") or [{}]
    objective = objective or definitions[0].get("TuningObjective") or {}
    return str(objective.get("Type"))


def _model(one: Compiled, names: StateNames, read: set[str]) -> Chain:
    arguments = {"ModelName": jsonata.expression(one.name), **_without(one.arguments, "ModelName")}
    properties = f"{{'ModelName': {one.name}, 'ModelArn': $states.result.ModelArn}}"
    made = [(one.step.name, _task(one, "sagemaker:createModel", arguments, properties))]
    if read - {"ModelName", "ModelArn"}:
        made.append(_described(one, names, "describeModel", "ModelName", "ModelName"))
    return made


def _register_model(one: Compiled, names: StateNames, read: set[str]) -> Chain:
    made: Chain = []
    properties = "{'ModelPackageArn': $states.result.ModelPackageArn}"
    register = _task(one, "aws-sdk:sagemaker:createModelPackage", one.arguments, properties)
    if "ModelPackageGroupName" in one.arguments:
        # The service makes the group of a registered model where it is missing.
        state: State = {
            "Type": "Task",
            "Resource": f"{SERVICE}aws-sdk:sagemaker:createModelPackageGroup",
            "Arguments": {"ModelPackageGroupName": one.arguments["ModelPackageGroupName"]},
            "Catch": [
                {
                    "ErrorEquals": ["SageMaker.SageMakerException"],
                    "Output": jsonata.expression("$states.input"),
                    "Next": one.step.name,
                }
            ],
            "Output": jsonata.expression("$states.input"),
        }
        made.append((names.beside(one.step.name, "group"), state))
    made.append((one.step.name, register))
    if read - {"ModelPackageArn"}:
        made.append(_described(one, names, "describeModelPackage", "ModelPackageName", "ModelPackageArn"))
    return made


def _described(one: Compiled, names: StateNames, action: str, field: str, known: str) -> tuple[str, State]:
    own = jsonata.path("$states.input.Steps", (one.step.name, known))
    arguments: dict[str, Json] = {field: jsonata.expression(own)}
    return names.beside(one.step.name, "describe"), _task(
        one, f"aws-sdk:sagemaker:{action}", arguments, "$states.result"
    )


def _lambda(one: Compiled, names: StateNames, read: set[str]) -> Chain:
    arguments: dict[str, Json] = {"FunctionName": one.fields["FunctionArn"], "Payload": one.arguments}
    shown = _inner(one.fields["FunctionArn"])
    outputs = ", ".join(f"{jsonata.text(name)}: {_returned(name)}" for name in output_types(one.step))
    properties = f"{{'Arn': {shown}, 'OutputParameters': {{{outputs}}}}}"
    return [(one.step.name, _task(one, "lambda:invoke", arguments, properties))]


def _returned(name: str) -> str:
    """A member of the function's answer."""
    answer = jsonata.path("$states.result.Payload", (name,))
    return jsonata.required(answer, f"The function's answer has no {name}, which the step has as an output parameter")


def _callback(one: Compiled, names: StateNames, read: set[str]) -> Chain:
    """The message of the service, and Step Functions' own token for consumers that answer there."""
    token = f"$substring($hash($states.context.Task.Token, 'SHA-256'), 0, {CALLBACK_TOKEN_LENGTH})"
    body: dict[str, Json] = {
        "token": jsonata.expression(token),
        "taskToken": jsonata.expression("$states.context.Task.Token"),
        "pipelineExecutionArn": jsonata.expression("$states.input.Execution.PipelineExecutionArn"),
        "arguments": one.arguments,
        "status": "Executing",
    }
    arguments: dict[str, Json] = {"QueueUrl": one.fields["SqsQueueUrl"], "MessageBody": body}
    properties = "{'OutputParameters': $states.result}"
    return [(one.step.name, _task(one, "sqs:sendMessage.waitForTaskToken", arguments, properties))]


def output_types(step: Step) -> dict[str, str]:
    """The output parameters of a Lambda or Callback step: name and type."""
    found: Any = step.fields.get("OutputParameters") or []
    return {given["OutputName"]: given.get("OutputType", "String") for given in found}


def _emr(one: Compiled, names: StateNames, read: set[str]) -> Chain:
    config: Any = one.arguments["StepConfig"]
    step = {"Name": one.step.name, "ActionOnFailure": "CONTINUE", **(config if isinstance(config, dict) else {})}
    arguments: dict[str, Json] = {"ClusterId": one.arguments["ClusterId"], "Step": step}
    properties = f"$merge([{{'ClusterId': {_inner(one.arguments['ClusterId'])}}}, $states.result.Step])"
    return [(one.step.name, _task(one, "elasticmapreduce:addStep.sync", arguments, properties))]


def _fail(one: Compiled, names: StateNames, read: set[str]) -> Chain:
    return [
        (one.step.name, {"Type": "Fail", "Error": FAIL_ERROR, "Cause": one.arguments["ErrorMessage"]}),
    ]


def _inner(value: Json) -> str:
    """A compiled field as a part of another expression."""
    return str(value)[3:-3] if str(value).startswith("{%") else jsonata.text(str(value))


def _without(arguments: dict[str, Json], name: str) -> dict[str, Json]:
    return {key: value for key, value in arguments.items() if key != name}


_WORK: dict[str, Callable[[Compiled, StateNames, set[str]], Chain]] = {
    "Processing": _job,
    "Training": _job,
    "Tuning": _job,
    "Transform": _job,
    "Model": _model,
    "RegisterModel": _register_model,
    "Lambda": _lambda,
    "Callback": _callback,
    "EMR": _emr,
    "Fail": _fail,
}
