"""A pipeline's machine does what the pipeline says: expressions, conditions, order, retries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_runs import Ran, condition, equals, function, get, pipeline, run

from asl_runner.definition import check
from asl_runner.errors import UsageError
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.sagemaker.pipelines import read, translate

RESULT = {"ExecutedVersion": "$LATEST", "Payload": {"out": "x"}, "StatusCode": 200}


async def succeed(call: TaskCall) -> Any:
    return RESULT


def training(name: str, **fields: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Training", "Arguments": {"RoleArn": "r"}, **fields}


# expressions


def sent(value: Any, parameters: list[dict[str, Any]] | None = None, input: Any = None) -> Any:
    """What an expression becomes, as a function step gets it."""
    ran = run(pipeline(function("F", value=value), parameters=parameters), input=input, default=succeed)
    assert ran.status == "SUCCEEDED", ran.cause
    return ran.input("F")["Payload"]["value"]


def parameter(type_: str, default: Any) -> list[dict[str, Any]]:
    return [{"Name": "P", "Type": type_, "DefaultValue": default}]


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        ("Float", 7.0, "7.0"),
        ("Float", 0.1, "0.1"),
        ("Integer", 3, "3"),
        ("Boolean", True, "True"),
        ("String", "s", "s"),
    ],
)
def test_parameters_keep_their_type_and_join_as_python_writes_them(type_: str, value: Any, text: str) -> None:
    assert sent(get("Parameters.P"), parameter(type_, value)) == value
    joined = {"Std:Join": {"On": "-", "Values": ["a", get("Parameters.P"), 1]}}
    assert sent(joined, parameter(type_, value)) == f"a-{text}-1"
    assert sent({"Std:Join": {"On": "", "Values": [get("Parameters.P")]}}, parameter(type_, value)) == text


def test_input_overrides_defaults() -> None:
    assert sent(get("Parameters.P"), parameter("Float", 1.5), {"Parameters": {"P": 2.5}}) == 2.5


@pytest.mark.parametrize("text", ["it's", 'a "quoted" one', "{% 1 %}", "back\\slash", "`tick`", "ünïcode", "a\nb"])
def test_texts_arrive_as_they_are(text: str) -> None:
    assert sent(text) == text
    assert sent({"Std:Join": {"On": "", "Values": [text, "."]}}) == f"{text}."


def test_execution_variables() -> None:
    assert sent(get("Execution.PipelineExecutionId")) == "abcdef123456"
    assert sent(get("Execution.PipelineName")) == "pipe"
    assert sent(get("Execution.StartDateTime")) == "2023-11-14T22:13:20.000Z"
    assert sent(get("Execution.CurrentDateTime")).startswith("2023-11-14T22:13:20")
    given_ = {"Execution": {"PipelineName": "mine", "PipelineExecutionArn": "arn:x"}}
    assert sent(get("Execution.PipelineExecutionArn"), input=given_) == "arn:x"


def test_properties_of_steps_with_names_of_every_kind() -> None:
    definition = pipeline(
        training("A-b_1"),
        function(
            "F",
            model=get("Steps.A-b_1.ModelArtifacts.S3ModelArtifacts"),
            second=get("Steps.A-b_1.FinalMetricDataList[1].Value"),
            odd=get("Steps.A-b_1.HyperParameters['a-b `c`']"),
        ),
    )
    document = {
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
        "FinalMetricDataList": [{"Value": 1}, {"Value": 2}],
        "HyperParameters": {"a-b `c`": "3"},
    }
    ran = run(definition, {"A-b_1": document}, default=succeed)
    assert ran.input("F")["Payload"] == {"model": "s3://b/m", "second": 2, "odd": "3"}


def test_a_property_that_is_not_there_fails_the_step() -> None:
    ran = run(pipeline(training("T"), function("F", x=get("Steps.T.Nothing"))), {"T": {}}, default=succeed)
    assert (ran.status, ran.error) == ("FAILED", "States.QueryEvaluationError")
    assert "Steps.T.Nothing" in (ran.cause or "")


def test_outputs_and_inputs_of_processing_are_found_by_name() -> None:
    step = {"Name": "P", "Type": "Processing", "Arguments": {}}
    reader = function(
        "F",
        out=get("Steps.P.ProcessingOutputConfig.Outputs['t-1'].S3Output.S3Uri"),
        key=get("Steps.P.ProcessingOutputConfig.KmsKeyId"),
        input=get("Steps.P.ProcessingInputs['code'].S3Input.S3Uri"),
    )
    document = {
        "ProcessingOutputConfig": {
            "KmsKeyId": "k",
            "Outputs": [{"OutputName": "t-1", "S3Output": {"S3Uri": "s3://b/t"}}],
        },
        "ProcessingInputs": [{"InputName": "code", "S3Input": {"S3Uri": "s3://b/c"}}],
    }
    ran = run(pipeline(step, reader), {"P": document}, default=succeed)
    assert ran.input("F")["Payload"] == {"out": "s3://b/t", "key": "k", "input": "s3://b/c"}


def test_property_files_and_objects_are_read_for_who_needs_them() -> None:
    step = {
        "Name": "P",
        "Type": "Processing",
        "Arguments": {},
        "PropertyFiles": [{"PropertyFileName": "R", "OutputName": "o", "FilePath": "sub/r.json"}],
    }
    from_file = {"Std:JsonGet": {"PropertyFile": get("Steps.P.PropertyFiles.R"), "Path": "rows[1].n"}}
    from_uri = {"Std:JsonGet": {"S3Uri": "s3://other/a/b.json", "Path": "deep['x y']"}}
    document = {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": "s3://b/out"}}]}}
    reader = function("F", row=from_file, deep=from_uri)
    first, second = {"Body": '{"rows": [{"n": 1}, {"n": 2}]}'}, {"Body": '{"deep": {"x y": "z"}}'}
    answers = {"P": document, "F: read R": first, "F: read F 2": second}
    ran = run(pipeline(step, reader), answers, default=succeed)
    assert ran.status == "SUCCEEDED", ran.cause
    assert ran.input("F: read R") == {"Bucket": "b", "Key": "out/sub/r.json"}
    assert ran.input("F: read F 2") == {"Bucket": "other", "Key": "a/b.json"}
    assert ran.input("F")["Payload"] == {"row": 2, "deep": "z"}


# conditions


def outcome(*conditions: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> bool:
    definition = pipeline(condition("C", list(conditions), [function("Yes")], [function("No")]), parameters=parameters)
    ran = run(definition, default=succeed)
    assert ran.status == "SUCCEEDED", ran.cause
    taken = ran.states == ["Yes"]
    assert ran.output["Steps"]["C"] == {"Outcome": str(taken)}
    return taken


def compare(type_: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": type_, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("type_", "smaller", "same", "larger"),
    [
        ("Equals", False, True, False),
        ("LessThan", True, False, False),
        ("LessThanOrEqualTo", True, True, False),
        ("GreaterThan", False, False, True),
        ("GreaterThanOrEqualTo", False, True, True),
    ],
)
def test_comparisons(type_: str, smaller: bool, same: bool, larger: bool) -> None:
    given_ = parameter("Float", 2.0)
    found = [outcome(compare(type_, left, get("Parameters.P")), parameters=given_) for left in (1, 2, 3.5)]
    assert found == [smaller, same, larger]


def test_not_or_in_and_all() -> None:
    yes, no = equals(1, 1), equals(1, 2)
    assert outcome(yes, yes)
    assert not outcome(yes, no)
    assert outcome({"Type": "Or", "Conditions": [no, yes]})
    assert not outcome({"Type": "Or", "Conditions": [no, no]})
    assert outcome({"Type": "Not", "Condition": no})
    within = {"Type": "In", "QueryValue": get("Parameters.P"), "Values": ["dev", "it's"]}
    assert outcome(within, parameters=parameter("String", "it's"))
    assert not outcome(within, parameters=parameter("String", "prod"))
    nested = {"Type": "Not", "Condition": {"Type": "Or", "Conditions": [within, no]}}
    assert outcome(nested, parameters=parameter("String", "prod"))


def test_order_of_a_text_and_a_number_is_an_error() -> None:
    ran = run(pipeline(condition("C", [compare("LessThan", "a", 1)], [function("Y")], [])), default=succeed)
    assert (ran.status, ran.error) == ("FAILED", "States.QueryEvaluationError")


def test_a_missing_operand_fails_the_condition_whatever_stands_beside_it() -> None:
    conditions = [compare("LessThan", get("Steps.T.Nothing"), 1), equals(1, 1)]
    ran = run(pipeline(training("T"), condition("C", conditions, [function("Y")], [])), {"T": {}}, default=succeed)
    assert ran.status == "FAILED"
    assert "There is no Steps.T.Nothing" in (ran.cause or "")


def test_fail_step_ends_with_its_message() -> None:
    message = {"Std:Join": {"On": " ", "Values": ["too large:", get("Parameters.P")]}}
    fail = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}}
    definition = pipeline(condition("C", [equals(1, 2)], [], [fail]), parameters=parameter("Float", 7.0))
    ran = run(definition)
    assert (ran.status, ran.error, ran.cause) == ("FAILED", "SageMaker.PipelineFailStep", "too large: 7.0")


# the order of steps


def test_what_waits_for_a_step_of_a_branch_not_taken_never_runs() -> None:
    definition = pipeline(
        condition("C", [equals(1, 2)], [function("Inside")], []), function("After", "Inside"), function("Other", "C")
    )
    ran = run(definition, default=succeed)
    assert (ran.status, ran.states) == ("SUCCEEDED", ["Other"])


def test_steps_of_branches_that_exclude_each_other_can_never_run_together() -> None:
    both = condition("C", [equals(1, 1)], [function("A")], [function("B")])
    ran = run(pipeline(both, function("Both", "A", "B")), default=succeed)
    assert ran.states == ["A"]


def test_a_step_between_a_condition_and_its_branch() -> None:
    definition = pipeline(condition("C", [equals(1, 1)], [function("Inside", "Between")], []), function("Between", "C"))
    ran = run(definition, default=succeed)
    assert ran.states == ["Between", "Inside"]


def side_by_side(machine: dict[str, Any]) -> list[set[str]]:
    """The names of the states of each branch of the first Parallel state."""
    parallel = next(state for state in machine["States"].values() if state["Type"] == "Parallel")
    return [set(branch["States"]) for branch in parallel["Branches"]]


def test_independent_chains_do_not_wait_for_each_other() -> None:
    chains = pipeline(
        function("A1"), function("B1"), function("A2", "A1"), function("B2", "B1"), function("Z", "A2", "B2")
    )
    machine: Any = translate(read(json.dumps(chains)))
    assert side_by_side(machine) == [{"A1", "A2"}, {"B1", "B2"}]
    assert machine["States"]["Side by side"]["Next"] == "Z"


CONDITIONS = ("C0", "C1", "C2")


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """A pipeline of functions and conditions, at most two deep, with dependencies between any of them."""
    names = [f"S{index}" for index in range(draw(st.integers(1, 7)))]
    conditions = list(CONDITIONS[: draw(st.integers(0, 3))])
    order = draw(st.permutations(names + conditions))
    homes: dict[str, tuple[str, bool] | None] = {}
    for place, name in enumerate(order):
        earlier = [other for other in order[:place] if other in conditions]
        homes[name] = draw(st.sampled_from([None, *((other, side) for other in earlier for side in (True, False))]))
    depends = {
        name: draw(st.lists(st.sampled_from(order[:place]), unique=True, max_size=3)) if place else []
        for place, name in enumerate(order)
    }
    outcomes = {name: draw(st.booleans()) for name in conditions}

    def inside(home: tuple[str, bool] | None) -> list[dict[str, Any]]:
        found = []
        for name in order:
            if homes[name] != home:
                continue
            if name in conditions:
                branches = inside((name, True)), inside((name, False))
                found.append(condition(name, [equals(1, 1 if outcomes[name] else 2)], *branches, *depends[name]))
            else:
                found.append(function(name, *depends[name]))
        return found

    return {
        "definition": pipeline(*inside(None)),
        "depends": depends,
        "homes": homes,
        "outcomes": outcomes,
        "order": order,
    }


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_any_graph_runs_as_the_service_would(graph: dict[str, Any]) -> None:
    ran: dict[str, None] = {}
    for name in graph["order"]:
        home = graph["homes"][name]
        wanted = home is None or (home[0] in ran and graph["outcomes"][home[0]] == home[1])
        if wanted and all(other in ran for other in graph["depends"][name]):
            ran[name] = None
    functions = {name for name in ran if name not in CONDITIONS}
    text = json.dumps(graph["definition"])
    if not ran:
        with pytest.raises(UsageError):
            translate(read(text))
        return
    assert translate(read(text)) == translate(read(text))

    did: Ran = run(graph["definition"], default=succeed)

    assert did.status == "SUCCEEDED", did.cause
    assert sorted(did.states) == sorted(functions)
    assert set(did.output["Steps"]) == set(ran)
    for name in functions:
        for other in graph["depends"][name]:
            if other in functions:
                assert did.states.index(other) < did.states.index(name)


# steps


def test_models_lambdas_and_registrations() -> None:
    definition = pipeline(
        {"Name": "M", "Type": "Model", "Arguments": {"ExecutionRoleArn": "r"}},
        {"Name": "R", "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": "g"}},
        function(
            "F", called=get("Steps.M.ModelName"), arn=get("Steps.R.ModelPackageArn"), when=get("Steps.M.CreationTime")
        ),
        function("G", out=get("Steps.F.OutputParameters['out']")),
    )
    answers = {
        "M": {"ModelArn": "arn:model"},
        "M: describe": {"ModelName": "m", "CreationTime": "now"},
        "R: group": TaskFailed("SageMaker.SageMakerException", "exists"),
        "R": {"ModelPackageArn": "arn:package"},
    }
    ran = run(definition, answers, default=succeed)
    assert ran.status == "SUCCEEDED", ran.cause
    assert ran.input("F")["Payload"] == {"called": "m", "arn": "arn:package", "when": "now"}
    assert ran.input("G")["Payload"] == {"out": "x"}
    assert ran.input("M: describe") == {"ModelName": ran.input("M")["ModelName"]}


def test_a_function_has_to_answer_with_the_output_parameters() -> None:
    ran = run(pipeline(function("F")), {"F": {"Payload": {"other": 1}}})
    assert (ran.status, ran.error) == ("FAILED", "States.QueryEvaluationError")
    assert "has no out, which the step has as an output parameter" in (ran.cause or "")


def test_an_emr_step_runs_on_its_cluster() -> None:
    config = {"HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit"]}}
    arguments = {"ClusterId": get("Parameters.P"), "StepConfig": config}
    step = {"Name": "S", "Type": "EMR", "Arguments": arguments}
    reader = function("F", id=get("Steps.S.Id"), cluster=get("Steps.S.ClusterId"))
    answers = {"S": {"Step": {"Id": "s-1", "Name": "S"}}}
    ran = run(pipeline(step, reader, parameters=parameter("String", "j-1")), answers, default=succeed)
    assert ran.input("S") == {"ClusterId": "j-1", "Step": {"Name": "S", "ActionOnFailure": "CONTINUE", **config}}
    assert ran.input("F")["Payload"] == {"id": "s-1", "cluster": "j-1"}


def test_trials_are_listed_best_first_when_somebody_reads_them() -> None:
    objective = {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "m"}}
    tune = {"Name": "T", "Type": "Tuning", "Arguments": {"HyperParameterTuningJobConfig": objective}}
    reader = function("F", best=get("Steps.T.TrainingJobSummaries[0].TrainingJobName"))
    document = {"HyperParameterTuningJobName": "t"}
    listed = {"TrainingJobSummaries": [{"TrainingJobName": "one"}, {"TrainingJobName": "two"}]}
    ran = run(pipeline(tune, reader), {"T": document, "T: trials": listed}, default=succeed)
    assert ran.input("T: trials")["SortOrder"] == "Ascending"
    assert ran.input("F")["Payload"] == {"best": "one"}
    assert run(pipeline(tune), {"T": document}).states == ["T"]


def test_job_names_are_the_services_and_fit() -> None:
    long = "A" * 64
    definition = pipeline(
        training("Short"),
        training(long, DependsOn=["Short"]),
        {"Name": "Tune-it-all", "Type": "Tuning", "Arguments": {}, "DependsOn": [long]},
    )
    ran = run(definition, {"Short": {}, long: {}, "Tune-it-all": {}})
    names = [next(iter(call.input.values())) for call in ran.calls]
    assert names[0].startswith("pipelines-abcdef123456-Short-")
    assert len(names[1]) == 63
    assert names[2].startswith("abcdef123456-Tune-it-")
    assert len(names[2]) == 32


def test_a_given_job_name_is_a_prefix_and_known_inside_the_request() -> None:
    arguments = {"TrainingJobName": "mine", "Environment": {"NAME": get("Execution.TrainingJobName")}}
    ran = run(pipeline({"Name": "T", "Type": "Training", "Arguments": arguments}), {"T": {}})
    request = ran.input("T")
    assert request["TrainingJobName"].startswith("mine-abcdef123456-")
    assert request["Environment"]["NAME"] == request["TrainingJobName"]


# retries


def test_refused_requests_are_retried_under_new_names() -> None:
    policy = {"ExceptionType": ["Step.THROTTLING", "Step.SERVICE_FAULT"], "IntervalSeconds": 5, "MaxAttempts": 2}
    refusal = TaskFailed("SageMaker.AmazonSageMakerException", "Rate exceeded")
    ran = run(pipeline(training("T", RetryPolicies=[policy])), {"T": [refusal, refusal, {}]})
    assert ran.status == "SUCCEEDED"
    assert len({call.input["TrainingJobName"] for call in ran.calls}) == 3
    assert run(pipeline(training("T", RetryPolicies=[policy])), {"T": refusal}).states == ["T"] * 3


def test_expire_after_is_a_number_of_attempts() -> None:
    policy = {
        "ExceptionType": ["SageMaker.RESOURCE_LIMIT"],
        "IntervalSeconds": 60,
        "BackoffRate": 1.0,
        "ExpireAfterMin": 3,
    }
    refusal = TaskFailed("SageMaker.ResourceLimitExceededException", "limit")
    assert len(run(pipeline(training("T", RetryPolicies=[policy])), {"T": refusal}).calls) == 4


@pytest.mark.parametrize(
    ("reason", "calls"),
    [("InternalServerError: We are sorry", 3), ("CapacityError: none left", 1), ("AlgorithmError: mine", 1)],
)
def test_failed_jobs_are_retried_for_the_reasons_named(reason: str, calls: int) -> None:
    policy = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 10, "MaxAttempts": 2}
    failure = TaskFailed("States.TaskFailed", json.dumps({"FailureReason": reason}))
    ran = run(pipeline(training("T", RetryPolicies=[policy]), function("F", "T")), {"T": failure}, default=succeed)
    assert (ran.status, ran.error, len(ran.calls)) == ("FAILED", "States.TaskFailed", calls)
    assert json.loads(ran.cause or "") == {"FailureReason": reason}
    again = run(pipeline(training("T", RetryPolicies=[policy])), {"T": [failure, {"ok": 1}]})
    assert (again.status == "SUCCEEDED") == (calls > 1)


# selective execution


def test_selected_steps_run_alone_on_earlier_properties() -> None:
    definition = pipeline(training("T"), function("F", model=get("Steps.T.Model")), function("G", "F"))
    earlier = {"Steps": {"T": {"Model": "m"}}}
    ran = run(definition, only=["F"], input=earlier, default=succeed)
    assert ran.states == ["F"]
    assert ran.input("F")["Payload"] == {"model": "m"}
    with pytest.raises(UsageError, match="no step 'H' to select"):
        translate(read(json.dumps(definition)), only=["H"])


# documents of the SageMaker SDK

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the SDK's documents are not at hand")
@pytest.mark.parametrize("name", ["abalone-pipeline.json", "all-steps-pipeline.json"])
def test_documents_of_the_sdk_become_valid_machines(name: str) -> None:
    pipeline_ = read(REFERENCE / name)
    machine, diagnostics = check(json.dumps(translate(pipeline_)))
    assert (diagnostics, machine is not None) == ([], True)
    written = json.dumps(translate(pipeline_))
    assert all(f'"{step.name}"' in written for step in pipeline_.steps)
