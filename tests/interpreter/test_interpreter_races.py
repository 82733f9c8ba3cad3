"""Deadlines, answers and cancellations that meet, and what they leave behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from interpreting import INVOKE, START, Answers, Ran, chain, execution, failing, one, run

from asl_runner.interpreter.clocks import RealClock, VirtualClock
from asl_runner.interpreter.ports import TaskCall

ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:a"


def timed(machine: dict[str, Any], answers: dict[str, Any], input: Any = None) -> tuple[Ran, VirtualClock]:
    """Runs with answers that get the clock, too."""
    clock = VirtualClock(START)

    def with_clock(answer: Any) -> Any:
        async def call(call: TaskCall) -> Any:
            return await answer(call, clock)

        return call

    tasks = Answers({state: [with_clock(answer)] for state, answer in answers.items()})
    return run(machine, input, tasks, clock=clock), clock


async def after_five(call: TaskCall, clock: VirtualClock) -> str:
    await clock.sleep_until(clock.now() + 5)
    return "done"


def test_the_deadline_wins_over_an_answer_in_the_same_moment() -> None:
    machine = one({"Type": "Task", "Resource": INVOKE, "TimeoutSeconds": 5})
    assert timed(machine, {"S": after_five})[0].failure == ("States.Timeout", None)


async def stubborn(call: TaskCall, clock: VirtualClock) -> str:
    """Answers although it was cancelled."""
    try:
        await clock.sleep_until(clock.now() + 100)
    except asyncio.CancelledError:
        return "too late"
    return "done"


async def failing_late(call: TaskCall, clock: VirtualClock) -> str:
    try:
        await clock.sleep_until(clock.now() + 100)
    except asyncio.CancelledError:
        raise failing("Other") from None
    return "done"


@pytest.mark.parametrize("answer", [stubborn, failing_late])
def test_a_task_that_does_not_mind_being_cancelled_has_timed_out_all_the_same(answer: Any) -> None:
    retry = [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 2, "IntervalSeconds": 1, "BackoffRate": 1}]
    machine = one({"Type": "Task", "Resource": INVOKE, "TimeoutSeconds": 5, "Retry": retry})
    ran, _ = timed(machine, {"S": answer})
    assert ran.failure == ("States.Timeout", None)
    assert ran.types().count("TaskTimedOut") == 3
    assert ran.seconds == 17


def test_an_error_that_is_called_timeout_is_still_a_failure_of_the_task() -> None:
    ran = run(one({"Type": "Task", "Resource": INVOKE}), tasks=Answers({"S": [failing("States.Timeout")]}))
    assert "TaskTimedOut" not in ran.types()
    assert "TaskFailed" in ran.types()


def test_the_time_of_an_activity_runs_from_when_a_worker_takes_it() -> None:
    async def taken_late(call: TaskCall, clock: VirtualClock) -> str:
        await clock.sleep_until(clock.now() + 100)
        call.started("worker")
        await clock.sleep_until(clock.now() + call.input)
        return "done"

    machine = one({"Type": "Task", "Resource": ACTIVITY, "TimeoutSeconds": 10, "HeartbeatSeconds": 6})
    ran, _ = timed(machine, {"S": taken_late}, 5)
    assert (ran.output, ran.seconds) == ("done", 105)
    assert ran.details("ActivityStarted") == [{"workerName": "worker"}]
    ran, _ = timed(machine, {"S": taken_late}, 50)
    assert (ran.failure[0], ran.seconds) == ("States.Timeout", 106)
    assert "ActivityTimedOut" in ran.types()


def test_numbers_of_a_task_are_read_from_the_input_before_parameters() -> None:
    state = {
        "Type": "Task",
        "Resource": INVOKE,
        "InputPath": "$.in",
        "Parameters": {"x": 1},
        "TimeoutSecondsPath": "$.t",
        "HeartbeatSecondsPath": "$.h",
        "Credentials": {"RoleArn.$": "$.role"},
    }
    ran = run(one(state), {"in": {"t": 9, "h": 8, "role": "arn:aws:iam::123456789012:role/x"}})
    assert ran.output == {"x": 1}
    (scheduled,) = ran.details("TaskScheduled")
    assert (scheduled["timeoutInSeconds"], scheduled["heartbeatInSeconds"]) == (9, 8)
    assert scheduled["taskCredentials"] == {"roleArn": "arn:aws:iam::123456789012:role/x"}


def test_credentials_of_a_jsonata_task() -> None:
    state = {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": INVOKE,
        "Arguments": {"x": 1},
        "Credentials": {"RoleArn": "{% $states.input.role %}"},
    }
    ran = run(one(state), {"role": "arn:aws:iam::123456789012:role/x"})
    assert ran.details("TaskScheduled")[0]["taskCredentials"] == {"roleArn": "arn:aws:iam::123456789012:role/x"}


def parallel(*names: str, **fields: Any) -> dict[str, Any]:
    branches = [
        {"StartAt": name, "States": {name: {"Type": "Task", "Resource": INVOKE, "End": True}}} for name in names
    ]
    return {"Type": "Parallel", "Branches": branches, **fields}


def test_stopping_again_while_branches_clean_up_leaves_nothing_behind() -> None:
    cleaned: list[str] = []

    async def cleaning(call: TaskCall) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(call.state)

    async def stopped() -> None:
        inner = {"StartAt": "I", "States": {"I": {**parallel("A", "B"), "End": True}}}
        machine = one({"Type": "Parallel", "Branches": [inner]})
        running, _ = execution(machine, tasks=Answers({"A": [cleaning], "B": [cleaning]}))
        main = asyncio.create_task(running.run())
        await asyncio.sleep(0.005)
        for _ in range(3):
            running._task.cancel()  # type: ignore[union-attr]
            await asyncio.sleep(0.001)
        with pytest.raises(asyncio.CancelledError):
            await main
        assert sorted(cleaned) == ["A", "B"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(stopped())


def test_time_stands_still_for_work_beside_a_parallel_that_is_cancelled_as_a_branch_ends() -> None:
    """A branch that ends in the very moment its Parallel is cut off must not make the virtual clock jump."""
    clock = VirtualClock(START)
    answered = asyncio.Event

    async def main() -> None:
        event = answered()

        async def at_the_event(call: TaskCall) -> str:
            await event.wait()
            return "done"

        async def fails_and_wakes(call: TaskCall) -> str:
            await asyncio.sleep(0.002)
            event.set()
            raise failing("E")

        inner = {"StartAt": "I", "States": {"I": {**parallel("A", "B"), "End": True}}}
        failing_branch = {"StartAt": "F", "States": {"F": {"Type": "Task", "Resource": INVOKE, "End": True}}}
        machine = one({"Type": "Parallel", "Branches": [inner, failing_branch]})
        tasks = Answers({"A": [at_the_event], "B": [at_the_event], "F": [fails_and_wakes]})
        clock.hold()
        running, _ = execution(machine, tasks=tasks, clock=clock)
        outcome = await running.run()
        assert outcome.error == "E"
        assert clock._holds == 1
        clock.release()

    asyncio.run(main())


def test_a_defect_of_a_branch_being_cut_off_comes_to_light() -> None:
    async def defective(call: TaskCall) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ZeroDivisionError

    async def fails(call: TaskCall) -> None:
        await asyncio.sleep(0.002)
        raise failing("E")

    with pytest.raises(ZeroDivisionError):
        run(one(parallel("A", "B")), tasks=Answers({"A": [defective], "B": [fails]}))


def test_children_of_an_attempt_that_failed_before_are_not_aborted_again() -> None:
    """An ItemSelector that fails ends its Map; what the Map had begun is over when its surroundings are cut off."""
    item = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 100, "End": True}}}
    state = {
        "Type": "Map",
        "QueryLanguage": "JSONata",
        "ItemProcessor": item,
        "ItemSelector": "{% $states.context.Map.Item.Value.x %}",
        "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "After"}],
        "End": True,
    }
    branch = {"StartAt": "M", "States": {"M": state, "After": {"Type": "Wait", "Seconds": 50, "End": True}}}
    fail = {
        "StartAt": "W2",
        "States": {"W2": {"Type": "Wait", "Seconds": 9, "Next": "F"}, "F": {"Type": "Fail", "Error": "E"}},
    }
    ran = run(one({"Type": "Parallel", "Branches": [branch, fail]}), [{"x": 1}, {"y": 1}])
    assert ran.failure == ("E", None)
    after = ran.types()[ran.types().index("FailStateEntered") :]
    assert after == ["FailStateEntered", "WaitStateAborted", "ParallelStateFailed", "ExecutionFailed"]


def test_cancelled_timers_of_the_virtual_clock_are_forgotten() -> None:
    async def beating() -> int:
        clock = VirtualClock(START)
        for _ in range(10_000):
            clock.call_at(START + 1000, lambda: None).cancel()
        return len(clock._timers)

    assert asyncio.run(beating()) < 200


def test_branches_that_fail_in_the_same_moment_are_all_accounted_for() -> None:
    """The surroundings are cut off by one failure while another branch is still ending its siblings."""
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}

    async def fails(call: TaskCall) -> None:
        await asyncio.sleep(0)
        raise failing("E")

    branches = []
    for name, inner in (("One", parallel("T1")), ("Two", parallel("T2"))):
        if name == "One":
            inner["Branches"].append(wait)
        branches.append({"StartAt": name, "States": {name: {**inner, "End": True}}})
    ran = run(one({"Type": "Parallel", "Branches": branches}), tasks=Answers({"T1": [fails], "T2": [fails]}))
    assert ran.failure == ("E", "because")
    types = ran.types()
    assert types.count("TaskStateAborted") == types.count("TaskStateEntered") == 2
    assert types.count("WaitStateAborted") == 1


def test_iterations_that_began_together_all_run_out_of_time() -> None:
    """Recorded: a Map's first failure ends the others, but their timeouts, a moment later, are told before."""

    async def slow_to_end(call: TaskCall) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)
            raise
        return "done"

    each = chain(T={"Type": "Task", "Resource": INVOKE, "TimeoutSeconds": 1})
    machine = one({"Type": "Map", "ItemProcessor": each})
    ran = run(machine, [1, 2, 3], Answers({"T": [slow_to_end]}), clock=RealClock())
    assert ran.failure == ("States.Timeout", None)
    assert ran.types()[-11:] == [
        *["TaskTimedOut"] * 3,
        "MapIterationFailed",
        "TaskStateAborted",
        *["MapIterationAborted", "TaskStateAborted"] * 2,
        "MapStateFailed",
        "ExecutionFailed",
    ]
