"""Task, Retry, Catch, timeouts and heartbeats."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from interpreting import INVOKE, LAMBDA, Answers, failing, one, prefixed, run

from asl_runner.interpreter.limits import Limits
from asl_runner.interpreter.ports import TaskCall, TaskFailed


def task(**fields: Any) -> dict[str, Any]:
    return one({"Type": "Task", "Resource": INVOKE, **fields})


def test_a_service_task_records_request_and_result() -> None:
    ran = run(
        task(Parameters={"Payload.$": "$.x"}, ResultSelector={"got.$": "$.r"}, ResultPath="$.y"),
        {"x": 1},
        Answers({"S": [{"r": 2}]}),
    )
    assert ran.output == {"x": 1, "y": {"got": 2}}
    assert ran.sequence() == [
        ("ExecutionStarted", 0),
        ("TaskStateEntered", 0),
        ("TaskScheduled", 2),
        ("TaskStarted", 3),
        ("TaskSucceeded", 4),
        ("TaskStateExited", 5),
        ("ExecutionSucceeded", 6),
    ]
    assert ran.details("TaskScheduled") == [
        {"resourceType": "lambda", "resource": "invoke", "region": "us-east-1", "parameters": b'{"Payload":1}'}
    ]
    assert ran.details("TaskSucceeded") == [{"resourceType": "lambda", "resource": "invoke", "output": b'{"r":2}'}]


TRAIN = "arn:aws:states:::sagemaker:createTrainingJob"
EXECUTION_TAG = "AWS_STEP_FUNCTIONS_EXECUTION_ARN"


@pytest.mark.parametrize("users", [None, [], [{"Key": "team", "Value": "a"}]])
def test_an_awaited_sagemaker_job_is_tagged_and_the_history_shows_it(users: Any) -> None:
    given = {"TrainingJobName": "a", "Tags": users}
    ran = run(task(Resource=f"{TRAIN}.sync", Parameters=given), {})
    sent = json.loads(ran.details("TaskScheduled")[0]["parameters"])
    (call,) = ran.tasks.calls
    assert sent == call.input
    assert sent["Tags"] == [
        *(users or []),
        {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"},
        {"Key": EXECUTION_TAG, "Value": call.execution.arn},
    ]


@pytest.mark.parametrize("resource, given", [(TRAIN, {"Tags": []}), (f"{TRAIN}.sync", {"Tags": "none"})])
def test_no_other_request_is_tagged(resource: str, given: dict[str, Any]) -> None:
    ran = run(task(Resource=resource, Parameters=given), {})
    assert json.loads(ran.details("TaskScheduled")[0]["parameters"]) == given


def test_a_lambda_arn_task_has_its_own_events() -> None:
    ran = run(task(Resource=LAMBDA, TimeoutSeconds=7), {"x": 1})
    assert ran.types()[2:5] == ["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"]
    assert ran.details("LambdaFunctionScheduled") == [{"resource": LAMBDA, "input": b'{"x":1}', "timeoutInSeconds": 7}]


def test_retry_waits_longer_each_time_then_catch() -> None:
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 3, "MaxDelaySeconds": 10}]
    machine = task(
        Retry=retry,
        Catch=[{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "Caught"}],
    )
    machine["States"]["Caught"] = {"Type": "Pass", "End": True}
    ran = run(machine, {"x": 1}, Answers({"S": [failing("Busy")]}))
    assert ran.output == {"x": 1, "error": {"Error": "Busy", "Cause": "because"}}
    assert ran.seconds == 2 + 6 + 10
    assert [call.attempt for call in ran.tasks.calls] == [0, 1, 2, 3]
    assert ran.types().count("TaskStateEntered") == 1
    assert ran.sequence()[4:6] == [("TaskFailed", 4), ("TaskScheduled", 5)]
    assert ran.types()[-4:] == ["TaskStateExited", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]


@pytest.mark.parametrize(
    "retrier, seconds",
    [
        ({"IntervalSeconds": 10}, 100),
        ({"IntervalSeconds": 10, "MaxDelaySeconds": 20}, 100),
        ({"IntervalSeconds": 200}, 200),
        ({"IntervalSeconds": 10, "JitterStrategy": "FULL"}, 100),
    ],
)
def test_a_retry_waits_as_long_as_the_failure_asks(retrier: dict[str, Any], seconds: float) -> None:
    retry = [{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1, **retrier}]
    answers = Answers({"S": [TaskFailed("States.Http.StatusCode.429", "slow down", retry_after=100), 1]})
    ran = run(one({"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Retry": retry}), tasks=answers)
    assert (ran.output, ran.seconds) == (1, seconds)


def test_a_spent_retrier_does_not_hand_over_to_the_next() -> None:
    ran = run(
        task(Retry=[{"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["States.ALL"], "MaxAttempts": 5}]),
        tasks=Answers({"S": [failing("A")]}),
    )
    assert ran.failure == ("A", "because")
    assert len(ran.tasks.calls) == 2


def test_retriers_keep_their_own_counts() -> None:
    answers = [failing("A"), failing("B"), failing("A"), failing("B"), {"ok": True}]
    retry = [
        {"ErrorEquals": ["A"], "MaxAttempts": 2, "IntervalSeconds": 1},
        {"ErrorEquals": ["B"], "MaxAttempts": 2, "IntervalSeconds": 1},
    ]
    ran = run(task(Retry=retry, Parameters={"n.$": "$$.State.RetryCount"}), tasks=Answers({"S": answers}))
    assert ran.output == {"ok": True}
    assert [call.input["n"] for call in ran.tasks.calls] == [0, 1, 2, 3, 4]
    assert ran.seconds == 1 + 1 + 2 + 2


def test_full_jitter_is_within_the_delay_and_the_same_for_a_seed() -> None:
    machine = task(
        Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 100, "MaxAttempts": 1, "JitterStrategy": "FULL"}]
    )
    delays = {run(machine, tasks=Answers({"S": [failing("A"), 1]}), seed=seed).seconds for seed in ("a", "a", "b", "c")}
    assert len(delays) == 3
    assert all(0 <= delay <= 100 for delay in delays)


@pytest.mark.parametrize(
    "names, caught", [(["States.ALL"], False), (["States.Runtime"], False), (["States.TaskFailed"], False)]
)
def test_runtime_failures_are_never_caught(names: list[str], caught: bool) -> None:
    machine = task(Parameters={"v.$": "$.none"}, Catch=[{"ErrorEquals": names, "Next": "C"}])
    machine["States"]["C"] = {"Type": "Succeed"}
    error, cause = run(machine).failure
    assert error == "States.Runtime"
    assert cause == prefixed("The JSONPath '$.none' specified for the field 'v.$' could not be found in the input '{}'")


async def _slow(call: TaskCall) -> Any:
    await CLOCKS[-1].sleep_until(CLOCKS[-1].now() + 100)
    return "late"


CLOCKS: list[Any] = []


def slow_run(machine: dict[str, Any], answer: Any, input: Any = None) -> Any:
    from interpreting import START

    from asl_runner.interpreter.clocks import VirtualClock

    clock = VirtualClock(START)
    CLOCKS.append(clock)
    try:
        return run(machine, input, Answers({"S": [answer]}), clock=clock)
    finally:
        CLOCKS.pop()


def test_timeout_has_no_cause_and_can_be_caught() -> None:
    ran = slow_run(task(TimeoutSecondsPath="$.t"), _slow, {"t": 5})
    assert ran.failure == ("States.Timeout", None)
    assert ran.seconds == 5
    assert ran.details("TaskTimedOut") == [{"resourceType": "lambda", "resource": "invoke", "error": "States.Timeout"}]
    machine = task(
        TimeoutSeconds=5,
        Catch=[
            {"ErrorEquals": ["States.TaskFailed"], "Next": "No"},
            {"ErrorEquals": ["States.Timeout"], "Next": "Yes"},
        ],
    )
    machine["States"] |= {"No": {"Type": "Fail"}, "Yes": {"Type": "Succeed"}}
    assert slow_run(machine, _slow).output == {"Error": "States.Timeout", "Cause": ""}


def test_heartbeats_keep_a_task_alive_and_their_absence_ends_it() -> None:
    async def beating(call: TaskCall) -> str:
        for _ in range(3):
            await CLOCKS[-1].sleep_until(CLOCKS[-1].now() + 4)
            call.beat()
        return "done"

    assert slow_run(task(HeartbeatSeconds=5), beating).output == "done"
    machine = task(HeartbeatSeconds=5, Catch=[{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "C"}])
    machine["States"]["C"] = {"Type": "Succeed"}
    ran = slow_run(machine, _slow)
    assert ran.output == {"Error": "States.Timeout", "Cause": ""}
    assert ran.seconds == 5


@pytest.mark.parametrize("value", [0, -1, "x", None, 1.5, True, 100_000_000, float("inf")])
def test_a_timeout_that_is_no_positive_integer_ends_the_execution(value: Any) -> None:
    error, cause = run(task(TimeoutSecondsPath="$.t"), {"t": value}).failure
    assert error == "States.Runtime"
    assert cause is not None
    assert "TimeoutSecondsPath" in cause


def test_a_result_over_the_limit_can_be_caught() -> None:
    machine = task(Catch=[{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "C"}])
    machine["States"]["C"] = {"Type": "Pass", "OutputPath": "$.Cause", "End": True}
    ran = run(machine, tasks=Answers({"S": ["x" * 2000]}), limits=Limits(payload_bytes=1000))
    assert ran.output == (
        "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    assert ran.types()[4] == "TaskFailed"


def test_error_and_cause_are_cut_and_may_be_absent() -> None:
    ran = run(task(), tasks=Answers({"S": [failing("E" * 300, "C" * 40_000)]}))
    error, cause = ran.failure
    assert error is not None
    assert cause is not None
    assert (len(error), len(cause)) == (256, 32_768)
    assert run(task(), tasks=Answers({"S": [failing("E", None)]})).failure == ("E", None)


def test_a_defect_is_not_dressed_as_a_failure() -> None:
    with pytest.raises(ZeroDivisionError):
        run(task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "S"}]), tasks=Answers({"S": [ZeroDivisionError()]}))


def test_a_cancelled_execution_leaves_no_task_behind() -> None:
    from interpreting import execution

    ended = asyncio.Event()

    async def hanging(call: TaskCall) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def cancelled() -> None:
        running, _ = execution(task(), tasks=Answers({"S": [hanging]}))
        main = asyncio.create_task(running.run())
        await asyncio.sleep(0.01)
        main.cancel()
        with pytest.raises(asyncio.CancelledError):
            await main
        assert ended.is_set()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(cancelled())
