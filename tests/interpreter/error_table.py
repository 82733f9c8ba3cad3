"""Every error an execution can end with for reasons of its own: one small machine each, and all that is said of it.

The tests run the table, and the page `docs/errors.md` is written from it. Errors of services are in
`tests/endpoint/service_errors.py`.
Source: reference sections 3 to 5, 7 to 13, 24 and 25; see `source` of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

INVOKE = "arn:aws:states:::lambda:invoke"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:echo"
WAIT_FOR_TOKEN = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:work"
GONE = "arn:aws:states:us-east-1:123456789012:activity:gone"
"""The one activity there is not."""

NEVER = "never answers"
"""In `answers`: the task is still at work when its time is up."""

BYTES = 1_000
"""The payload limit the table is run with, in place of 262,144 bytes; half of it for variables."""

EVENTS = 25
"""The limit of events the table is run with, in place of 25,000."""

STATE = "S"
"""The state that fails, which has the event 2."""

EVERY = "ALL name"
TASK = "ALL name TaskFailed"


class ErrorCase(Struct, frozen=True, kw_only=True):
    """One way to fail."""

    when: str
    """The reason, as the page has it."""
    state: dict[str, Any]
    """The state S, without `End`."""
    error: str | None
    cause: str | None
    """The cause; `…` stands for any text, and at its beginning for the words that name the state."""
    caught: str = ""
    """What catches it, on the state itself or around it: ALL, its own name, TaskFailed and so on, without `States.`"""
    events: str
    """The types of events after ExecutionStarted."""
    input: Any = None
    answers: Sequence[Any] = ()
    """What the tasks of S answer, one after the other; an exception of `TaskFailed` is raised."""
    machine: Mapping[str, Any] = {}
    """Fields of the machine besides."""
    status: Literal["FAILED", "TIMED_OUT"] = "FAILED"
    source: Literal["recorded", "documented", "reported", "here"] = "recorded"
    """Where the error and its text are from; `here`: the service's own text is not known."""


class Answered(Struct, frozen=True):
    """An answer of a task that is an error."""

    error: str | None
    cause: str | None


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": INVOKE, **fields}


def passing(**fields: Any) -> dict[str, Any]:
    return {"Type": "Pass", **fields}


def waiting(**fields: Any) -> dict[str, Any]:
    return {"Type": "Wait", **fields}


def mapping(*, processor: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": processor or scope(passing(End=True)), **fields}


def parallel(state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": [scope(state)], **fields}


def choice(**rule: Any) -> dict[str, Any]:
    return {"Type": "Choice", "Choices": [{**rule, "Next": "End"}]}


def scope(state: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": "Inner", "States": {"Inner": state}}


def jsonata(state: dict[str, Any]) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", **state}


FAILS = {"Type": "Fail", "Error": "Own", "Cause": "because"}
TWICE = {"a.$": "$.a", "b.$": "$.a"}
LARGE = {"a": "x" * 600}
OVER = "returned a result with a size exceeding the maximum number of bytes service limit."
STARTED = "TaskStateEntered TaskScheduled TaskStarted"
SUCCEEDED = f"{STARTED} TaskSucceeded"
JSONATA_FIELD = "…The JSONata expression '{}' specified for the field '{}' "


def runtime(when: str, state: dict[str, Any], cause: str, **more: Any) -> ErrorCase:
    """A field of the state that fails before anything is asked: nothing catches it."""
    events = f"{state['Type']}StateEntered ExecutionFailed"
    return ErrorCase(when=when, state=state, **{"error": "States.Runtime", "cause": cause, "events": events, **more})


def evaluation(when: str, state: dict[str, Any], cause: str, events: str = "", **more: Any) -> ErrorCase:
    """An expression of a JSONata state that fails."""
    kind = state["Type"]
    failed = " MapStateFailed" if kind == "Map" else ""
    told = events or f"{kind}StateEntered EvaluationFailed{failed} ExecutionFailed"
    return ErrorCase(
        when=when,
        state=jsonata(state),
        **{"error": "States.QueryEvaluationError", "cause": cause, "caught": EVERY, "events": told, **more},
    )


def too_large(when: str, state: dict[str, Any], cause: str, events: str, **more: Any) -> ErrorCase:
    return ErrorCase(
        when=when, state=state, **{"error": "States.DataLimitExceeded", "cause": cause, "events": events, **more}
    )


PATHS = [
    runtime(
        "`InputPath`, `OutputPath` find nothing",
        passing(InputPath="$.no"),
        "…Invalid path '$.no' : No results for path: $['no']",
    ),
    runtime(
        "… not even what leads there",
        passing(OutputPath="$.no.such"),
        "…Invalid path '$.no.such' : Missing property in path $['no']",
    ),
    runtime(
        "… in the context object",
        passing(InputPath="$$.Execution.Nope"),
        "…Invalid path '$$.Execution.Nope' : No results for path: $['Execution']['Nope']",
        source="here",
    ),
    runtime(
        "… because a variable was never assigned",
        passing(InputPath="$nope"),
        "…Invalid path '$nope' : The variable '$nope' has not been assigned a value",
        source="here",
    ),
    runtime(
        "a path of a payload template finds nothing",
        passing(Parameters={"v.$": "$.no"}),
        "…The JSONPath '$.no' specified for the field 'v.$' could not be found in the input '{}'",
    ),
    runtime(
        "… in the context object",
        passing(Parameters={"v.$": "$$.Nope"}),
        "…The JSONPath '$$.Nope' specified for the field 'v.$' could not be found in the input '{\"Execution\":…'",
    ),
    runtime(
        "a path of `ResultSelector` or `Assign` finds nothing",
        task(ResultSelector={"v.$": "$.no"}),
        "…The JSONPath '$.no' specified for the field 'v.$' could not be found in the input '{}'",
        events=f"{SUCCEEDED} ExecutionFailed",
    ),
    runtime(
        "an intrinsic function cannot take its arguments",
        passing(Parameters={"v.$": "States.MathAdd($.n, 1)"}),
        "…The function 'States.MathAdd($.n, 1)' had the following error: …",
        input={"n": "x"},
    ),
    runtime(
        "`ErrorPath`, `CausePath` find nothing",
        {"Type": "Fail", "ErrorPath": "$.no"},
        "…The JSONPath '$.no' specified for the field 'ErrorPath' could not be found in the input '{}'",
        events="FailStateEntered ExecutionFailed",
    ),
    runtime(
        "… find what is no text",
        {"Type": "Fail", "CausePath": "$.n"},
        "…The CausePath parameter does not reference a string value",
        input={"n": 1},
        events="FailStateEntered ExecutionFailed",
        source="here",
    ),
    ErrorCase(
        when="`ResultPath` cannot be applied to the state's input",
        state=passing(Result=1, ResultPath="$.a.b"),
        input={"a": 1},
        error="States.ReferencePathConflict",
        cause='Unable to apply ReferencePath $.a.b to input {"a":1}',
        events="PassStateEntered ExecutionFailed",
        source="reported",
    ),
]

CHOICES = [
    runtime(
        "`Variable` finds nothing, and the rule is not `IsPresent`",
        choice(Variable="$.no", NumericEquals=1),
        "…Invalid path '$.no': The choice state's condition path references an invalid value.",
        source="here",
    ),
    runtime(
        "the path of an operand finds nothing",
        choice(Variable="$.n", NumericEqualsPath="$.no"),
        "…Invalid path '$.no': The choice state's condition path references an invalid value.",
        input={"n": 1},
        source="here",
    ),
    runtime(
        "no rule is true, and there is no `Default`",
        choice(Variable="$.n", NumericEquals=2),
        "…Failed to transition out of the state. The state does not point to a next state.",
        input={"n": 1},
        source="documented",
    ),
    evaluation(
        "`Condition` gives no boolean",
        choice(Condition="{% 1 %}"),
        JSONATA_FIELD.format("1", "Choices[0]/Condition")
        + "returned an unexpected result type. Expected 'boolean', but was 'number' for value: 1",
        source="here",
    ),
]

WAITS = [
    runtime(
        "`SecondsPath` finds nothing",
        waiting(SecondsPath="$.no"),
        "…The SecondsPath parameter does not reference an input value: $.no",
    ),
    runtime(
        "… finds no whole number",
        waiting(SecondsPath="$.n"),
        "…The SecondsPath parameter cannot be parsed as a long value: $.n == 1.5",
        input={"n": 1.5},
    ),
    runtime(
        "… finds a negative number",
        waiting(SecondsPath="$.n"),
        "…The SecondsPath parameter references a negative value: $.n == -1",
        input={"n": -1},
    ),
    runtime(
        "`TimestampPath` finds no timestamp",
        waiting(TimestampPath="$.t"),
        "…The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
        "$.t == tomorrow",
        input={"t": "tomorrow"},
    ),
    runtime(
        "a wait of more than 2,147,483,647 seconds",
        waiting(Timestamp="2999-01-01T00:00:00Z"),
        "…Wait state delay is too long.",
    ),
    evaluation(
        "a computed `Timestamp` is none",
        waiting(Timestamp="{% '2016-12-05T21:29:29' %}"),
        "…The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "
        "2016-12-05T21:29:29",
    ),
]

TASKS = [
    ErrorCase(
        when="the task fails: with the error and the cause of whatever was called",
        state=task(),
        answers=[Answered("Own", "because")],
        error="Own",
        cause="because",
        caught=TASK,
        events=f"{STARTED} TaskFailed ExecutionFailed",
    ),
    ErrorCase(
        when="… without any, as `SendTaskFailure` may",
        state=task(),
        answers=[Answered(None, None)],
        error=None,
        cause=None,
        caught="ALL TaskFailed",
        events=f"{STARTED} TaskFailed ExecutionFailed",
    ),
    ErrorCase(
        when="a function whose ARN is the resource fails",
        state=task(Resource=FUNCTION),
        answers=[Answered("ValueError", '{"errorMessage":"no"}')],
        error="ValueError",
        cause='{"errorMessage":"no"}',
        caught=TASK,
        events="TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionFailed ExecutionFailed",
    ),
    ErrorCase(
        when="a job of `.sync`, or a nested execution, ends without success; the cause is its description",
        state=task(Resource="arn:aws:states:::glue:startJobRun.sync"),
        answers=[Answered("States.TaskFailed", '{"JobRunState":"FAILED"}')],
        error="States.TaskFailed",
        cause='{"JobRunState":"FAILED"}',
        caught="ALL name",
        events=f"{STARTED} TaskFailed ExecutionFailed",
    ),
    ErrorCase(
        when="a request has a wrong form: what Step Functions does not send",
        state=task(),
        answers=[Answered("States.Runtime", "The Parameters '{}' could not be used to start the Task: [The field …]")],
        error="States.Runtime",
        cause="The Parameters '{}' could not be used to start the Task: [The field …]",
        events=f"{STARTED} TaskFailed ExecutionFailed",
    ),
    ErrorCase(
        when="`TimeoutSeconds` have passed",
        state=task(TimeoutSeconds=5),
        answers=[NEVER],
        error="States.Timeout",
        cause=None,
        caught=EVERY,
        events=f"{STARTED} TaskTimedOut ExecutionFailed",
    ),
    ErrorCase(
        when="… of a function whose ARN is the resource",
        state=task(Resource=FUNCTION, TimeoutSeconds=5),
        answers=[NEVER],
        error="States.Timeout",
        cause=None,
        caught=EVERY,
        events="TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionTimedOut ExecutionFailed",
    ),
    ErrorCase(
        when="no heartbeat for `HeartbeatSeconds`",
        state=task(Resource=WAIT_FOR_TOKEN, HeartbeatSeconds=5),
        answers=[NEVER],
        error="States.Timeout",
        cause=None,
        caught="ALL name HeartbeatTimeout",
        events=f"{STARTED} TaskTimedOut ExecutionFailed",
    ),
    ErrorCase(
        when="the worker of an activity says that it failed",
        state=task(Resource=ACTIVITY),
        answers=[Answered("Own", "because")],
        error="Own",
        cause="because",
        caught=TASK,
        events="TaskStateEntered ActivityScheduled ActivityStarted ActivityFailed ExecutionFailed",
    ),
    ErrorCase(
        when="… or takes longer than `TimeoutSeconds`, or sends no heartbeat",
        state=task(Resource=ACTIVITY, HeartbeatSeconds=5),
        answers=[NEVER],
        error="States.Timeout",
        cause=None,
        caught="ALL name HeartbeatTimeout",
        events="TaskStateEntered ActivityScheduled ActivityStarted ActivityTimedOut ExecutionFailed",
    ),
    runtime(
        "`TimeoutSecondsPath`, `HeartbeatSecondsPath` find nothing",
        task(TimeoutSecondsPath="$.no"),
        "…Invalid path '$.no' : No results for path: $['no']",
    ),
    runtime(
        "… find no positive whole number",
        task(HeartbeatSecondsPath="$.n"),
        "…The HeartbeatSecondsPath parameter does not reference a positive integer value: $.n == 0",
        input={"n": 0},
        source="here",
    ),
    runtime(
        "the role of `Credentials` is no text",
        task(Credentials={"RoleArn.$": "$.n"}),
        "…The RoleArn parameter does not reference a string value: 3",
        input={"n": 3},
        source="here",
    ),
    runtime(
        "the activity does not exist",
        task(Resource=GONE),
        f"…The activity {GONE} does not exist.",
    ),
]

EXPRESSIONS = [
    evaluation(
        "an expression gives nothing",
        task(Output={"result": "{% $states.result.no %}"}),
        JSONATA_FIELD.format("$states.result.no", "Output/result") + "returned nothing (undefined).",
        f"{SUCCEEDED} EvaluationFailed ExecutionFailed",
    ),
    evaluation(
        "… as it reads a variable that was never assigned",
        task(Arguments={"a": "{% $doesNotExist %}"}),
        JSONATA_FIELD.format("$doesNotExist", "Arguments/a") + "returned nothing (undefined).",
    ),
    evaluation(
        "an expression cannot be evaluated",
        task(Assign={"v": "{% 'a' + 1 %}"}),
        JSONATA_FIELD.format("'a' + 1", "Assign/v")
        + 'threw an error during evaluation. T2001: The left side of the "+" operator must evaluate to a number',
        f"{SUCCEEDED} EvaluationFailed ExecutionFailed",
    ),
    evaluation(
        "… as there is no such function",
        passing(Output="{% $nothing() %}"),
        JSONATA_FIELD.format("$nothing()", "Output")
        + "threw an error during evaluation. T1006: Attempted to invoke a non-function",
    ),
    evaluation(
        "the value has a type that the field does not take",
        mapping(Items="{% 1 %}"),
        JSONATA_FIELD.format("1", "Items")
        + "returned an unexpected result type. Expected 'array', but was 'number' for value: 1",
    ),
    evaluation(
        "… as the role of `Credentials` must be text",
        task(Credentials={"RoleArn": "{% 3 %}"}),
        JSONATA_FIELD.format("3", "Credentials/RoleArn")
        + "returned an unexpected result type. Expected 'string', but was 'number' for value: 3",
    ),
    evaluation(
        "the value is a function",
        mapping(Items="{% $sum %}"),
        JSONATA_FIELD.format("$sum", "Items") + "returned an unsupported result type.",
    ),
]

MAPS = [
    runtime(
        "the items are no array",
        mapping(ItemsPath="$.n"),
        '…Reference path "$.n" must point to array.',
        input={"n": 1},
    ),
    ErrorCase(
        when="`ItemsPath` leads nowhere",
        state=mapping(ItemsPath="$.no"),
        input={"n": 1},
        error="States.ReferencePathConflict",
        cause='Unable to apply step "no" to input {"n":1}',
        events="MapStateEntered ExecutionFailed",
        source="reported",
    ),
    evaluation(
        "a JSONata Map without `Items` gets no array",
        mapping(),
        '…Map state input must be an array but was: {"foo":"bar"}',
        input={"foo": "bar"},
    ),
    runtime(
        "`MaxConcurrencyPath` finds no whole number",
        mapping(MaxConcurrencyPath="$.n", ItemsPath="$.l"),
        '…The MaxConcurrencyPath field refers to value "NoNumber" which is not a valid integer: $.n',
        input={"n": "NoNumber", "l": []},
    ),
    runtime(
        "… finds a negative number",
        mapping(MaxConcurrencyPath="$.n", ItemsPath="$.l"),
        "…MaxConcurrency cannot be negative.",
        input={"n": -1, "l": []},
        source="here",
    ),
    runtime(
        "`ToleratedFailureCountPath` finds no whole number",
        mapping(ToleratedFailureCountPath="$.n", ItemsPath="$.l"),
        '…The ToleratedFailureCountPath field refers to value "{}" which is not a valid integer: $.n',
        input={"n": {}, "l": []},
        events="MapStateEntered MapStateStarted ExecutionFailed",
    ),
    runtime(
        "… finds a negative number",
        mapping(ToleratedFailureCountPath="$.n", ItemsPath="$.l"),
        "…ToleratedFailureCount cannot be negative.",
        input={"n": -1, "l": []},
        events="MapStateEntered MapStateStarted ExecutionFailed",
    ),
    runtime(
        "`ToleratedFailurePercentagePath` finds no number",
        mapping(ToleratedFailurePercentagePath="$.n", ItemsPath="$.l"),
        '…The ToleratedFailurePercentagePath field refers to value "x" which is not a valid float: $.n',
        input={"n": "x", "l": []},
        events="MapStateEntered MapStateStarted ExecutionFailed",
    ),
    runtime(
        "… finds one that is not from 0 to 100",
        mapping(ToleratedFailurePercentagePath="$.n", ItemsPath="$.l"),
        "…ToleratedFailurePercentage must be between 0 and 100.",
        input={"n": 101, "l": []},
        events="MapStateEntered MapStateStarted ExecutionFailed",
    ),
    ErrorCase(
        when="an iteration fails: with its error; the others are cut off",
        state=mapping(processor=scope(FAILS)),
        input=[1],
        error="Own",
        cause="because",
        caught=EVERY,
        events="MapStateEntered MapStateStarted MapIterationStarted FailStateEntered MapIterationFailed MapStateFailed "
        "ExecutionFailed",
    ),
    ErrorCase(
        when="a branch of a Parallel fails: with its error; the others are cut off",
        state=parallel(FAILS),
        error="Own",
        cause="because",
        caught="ALL name BranchFailed",
        events="ParallelStateEntered ParallelStateStarted FailStateEntered ParallelStateFailed ExecutionFailed",
    ),
]

SIZES = [
    too_large(
        "the result of a task",
        task(),
        f"The state/task 'lambda' {OVER}",
        f"{STARTED} TaskFailed ExecutionFailed",
        answers=["x" * 2 * BYTES],
        caught=TASK,
    ),
    too_large(
        "the answer of a function whose ARN is the resource",
        task(Resource=FUNCTION),
        f"The state/task '{FUNCTION}' {OVER}",
        "TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionFailed ExecutionFailed",
        answers=["x" * 2 * BYTES],
        caught=TASK,
    ),
    too_large(
        "the request of a task, after `Parameters` or `Arguments`",
        task(Parameters=TWICE),
        f"The state/task 'S' {OVER}",
        "TaskStateEntered ExecutionFailed",
        input=LARGE,
        source="documented",
    ),
    too_large(
        "the output of a state",
        passing(Parameters=TWICE),
        f"The state/task 'S' {OVER}",
        "PassStateEntered ExecutionFailed",
        input=LARGE,
    ),
    too_large(
        "… after a task's result was put into it",
        task(ResultPath="$.r"),
        f"The state/task 'S' {OVER}",
        f"{SUCCEEDED} ExecutionFailed",
        input=LARGE,
        answers=["x" * 600],
    ),
    too_large(
        "… of a state whose catcher took an error",
        task(Catch=[{"ErrorEquals": ["Own"], "ResultPath": "$.e", "Next": "End"}]),
        f"The state/task 'S' {OVER}",
        f"{STARTED} TaskFailed ExecutionFailed",
        input=LARGE,
        answers=[Answered("Own", "x" * 600)],
        source="documented",
    ),
    too_large(
        "the input of a branch",
        parallel(passing(End=True), Parameters=TWICE),
        f"The state/task 'Inner' {OVER}",
        "ParallelStateEntered ParallelStateStarted ExecutionFailed",
        input=LARGE,
        source="documented",
    ),
    too_large(
        "the input of an iteration",
        mapping(ItemsPath="$.l", ItemSelector=TWICE),
        f"The state/task 'Inner' {OVER}",
        "MapStateEntered MapStateStarted MapIterationStarted MapIterationFailed ExecutionFailed",
        input={**LARGE, "l": [1]},
        source="documented",
    ),
    too_large(
        "the variables that a state assigns",
        passing(Assign={"v.$": "$.a"}),
        "The state 'S' assigned variables with a size exceeding the maximum number of bytes service limit.",
        "PassStateEntered ExecutionFailed",
        input=LARGE,
        source="here",
    ),
]

ENDS = [
    ErrorCase(
        when="a Fail state: with its own error and cause",
        state=FAILS,
        error="Own",
        cause="because",
        caught=EVERY,
        events="FailStateEntered ExecutionFailed",
    ),
    ErrorCase(
        when="… which may have neither",
        state={"Type": "Fail"},
        error=None,
        cause=None,
        caught="ALL",
        events="FailStateEntered ExecutionFailed",
    ),
    ErrorCase(
        when="the machine's `TimeoutSeconds` have passed, or a year (Express: five minutes)",
        state=waiting(Seconds=10),
        machine={"TimeoutSeconds": 5},
        status="TIMED_OUT",
        error=None,
        cause=None,
        events="WaitStateEntered ExecutionTimedOut",
    ),
    ErrorCase(
        when="the history is full: 25,000 events",
        state=mapping(),
        input=list(range(EVENTS)),
        error="States.Runtime",
        cause=f"The execution reached the maximum number of history events ({EVENTS}).",
        events="… ExecutionFailed",
        source="here",
    ),
]

SECTIONS: dict[str, list[ErrorCase]] = {
    "Paths, templates and intrinsic functions": PATHS,
    "JSONata": EXPRESSIONS,
    "Choice": CHOICES,
    "Wait": WAITS,
    "Task": TASKS,
    "Map and Parallel": MAPS,
    "Data over a limit": SIZES,
    "Ends of executions": ENDS,
}
"""The table, by what is at fault."""

CASES = [case for cases in SECTIONS.values() for case in cases]
