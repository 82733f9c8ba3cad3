"""Tasks that wait: for their token, for a worker, for a nested execution."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from asl_runner.definition.resource import parse_resource
from asl_runner.interpreter.ports import ExecutionInfo, GoingOn, TaskCall, TaskFailed
from asl_runner.resources.activity import Activities, ActivityTask
from asl_runner.resources.callback import Callback, TaskTokens
from asl_runner.resources.states import StatesTasks
from asl_runner.service_model.errors import ServiceError

ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:a"
CHILD = "arn:aws:states:us-east-1:123456789012:execution:child:one"
INFO = ExecutionInfo(
    arn="arn:aws:states:us-east-1:123456789012:execution:m:e",
    name="e",
    state_machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:m",
    state_machine_name="m",
    role_arn="",
    region="us-east-1",
    start_time=0.0,
)


def token(number: int) -> str:
    return base64.b64encode(bytes([number]) * 120).decode()


def call(resource: str, input: Any = None, number: int = 1) -> TaskCall:
    return TaskCall(
        resource=parse_resource(resource),
        input=input,
        state="S",
        execution=INFO,
        scope="",
        attempt=0,
        event_id=3,
        token=token(number),
    )


def refusal(tokens: TaskTokens, text: str, output: str = "1") -> str:
    with pytest.raises(ServiceError) as refused:
        tokens.succeed(text, output)
    return refused.value.code


async def test_an_answer_may_come_before_the_request_has_returned() -> None:
    tokens = TaskTokens()
    submitted: list[Any] = []

    async def submit(asked: TaskCall) -> Any:
        tokens.succeed(token(1), '{"n": 1}')
        assert refusal(tokens, token(1)) == "TaskTimedOut"
        return "asked"

    asked = call("arn:aws:states:::lambda:invoke.waitForTaskToken")
    asked.submitted = submitted.append
    assert await Callback(tokens, submit)(asked) == {"n": 1}
    assert submitted == ["asked"]
    assert len(tokens) == 0
    assert refusal(tokens, token(1)) == "TaskTimedOut"


async def test_who_answers_late_is_told_so_and_who_never_was_asked_too() -> None:
    tokens = TaskTokens()

    async def submit(asked: TaskCall) -> Any:
        return None

    waiting = asyncio.create_task(Callback(tokens, submit)(call("arn:aws:states:::lambda:invoke.waitForTaskToken")))
    while not len(tokens):
        await asyncio.sleep(0)
    assert refusal(tokens, token(1), output="{") == "InvalidOutput"
    assert refusal(tokens, token(2), output="{") == "TaskDoesNotExist"
    assert refusal(tokens, "AAAA") == refusal(tokens, "not base64!") == "InvalidToken"
    waiting.cancel()
    await asyncio.wait([waiting])
    assert refusal(tokens, token(1)) == "TaskTimedOut"


async def test_heartbeats_reach_the_task_and_failures_are_its_own() -> None:
    tokens = TaskTokens()
    beats: list[int] = []

    async def submit(asked: TaskCall) -> Any:
        tokens.heartbeat(token(1))
        tokens.fail(token(1), None, "only a cause")

    asked = call("arn:aws:states:::lambda:invoke.waitForTaskToken")
    asked.beat = lambda: beats.append(1)
    with pytest.raises(TaskFailed) as failed:
        await Callback(tokens, submit)(asked)
    assert (failed.value.error, failed.value.cause, beats) == (None, "only a cause", [1])


async def queued(activities: Activities, number: int, input: Any = None) -> asyncio.Task[Any]:
    task = asyncio.create_task(activities(call(ACTIVITY, input, number)))
    await asyncio.sleep(0)
    return task


async def test_tasks_go_to_workers_in_the_order_both_came() -> None:
    tokens = TaskTokens()
    activities = Activities(tokens)
    workers = [asyncio.create_task(activities.next_task(ACTIVITY, None, exists=lambda: True)) for _ in range(3)]
    while activities.polls(ACTIVITY) < 3:
        await asyncio.sleep(0)
    tasks = [await queued(activities, number, number) for number in (1, 2, 3)]
    assert [await worker for worker in workers] == [ActivityTask(token(number), str(number)) for number in (1, 2, 3)]
    for number in (1, 2, 3):
        tokens.succeed(token(number), str(number * 10))
    assert [await task for task in tasks] == [10, 20, 30]


async def test_a_worker_that_goes_away_as_its_task_comes_leaves_it_to_the_next() -> None:
    activities = Activities(TaskTokens())
    leaving, staying = (
        asyncio.create_task(activities.next_task(ACTIVITY, None, exists=lambda: True)) for _ in range(2)
    )
    while activities.polls(ACTIVITY) < 2:
        await asyncio.sleep(0)
    task = asyncio.create_task(activities(call(ACTIVITY)))
    task.add_done_callback(lambda _: None)
    asyncio.get_running_loop().call_soon(leaving.cancel)
    assert await staying == ActivityTask(token(1), "null")
    task.cancel()
    await asyncio.wait([task, leaving])


async def test_there_is_no_task_for_long_and_none_of_an_activity_that_was_deleted() -> None:
    activities = Activities(TaskTokens())
    assert await activities.next_task(ACTIVITY, None, exists=lambda: True, wait=0.01) is None
    there = [True]
    worker = asyncio.create_task(activities.next_task(ACTIVITY, None, exists=lambda: there[0]))
    while not activities.polls(ACTIVITY):
        await asyncio.sleep(0)
    there[0] = False
    activities.deleted(ACTIVITY)
    assert await worker is None


async def test_a_task_that_ended_while_it_waited_is_nobodys() -> None:
    activities = Activities(TaskTokens())
    timed_out = await queued(activities, 1)
    timed_out.cancel()
    await asyncio.wait([timed_out])
    assert await activities.next_task(ACTIVITY, None, exists=lambda: True, wait=0) is None


class Boto3:
    """Plain methods as boto3's client has them: blocking, with `datetime`s; the execution ends at the third look."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.looks = 0
        self.never_ends = False

    def start_execution(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        return {"executionArn": CHILD, "startDate": datetime(2024, 1, 1, tzinfo=UTC)}

    def describe_execution(self, **request: Any) -> dict[str, Any]:
        self.looks += 1
        ended = self.looks > 2 and not self.never_ends
        document = {
            "executionArn": CHILD,
            "status": "SUCCEEDED" if ended else "RUNNING",
            "startDate": datetime(2024, 1, 1, tzinfo=UTC),
            "input": "{}",
            "inputDetails": {"included": True},
            "ResponseMetadata": {"HTTPStatusCode": 200},
        }
        return {**document, "output": "[1]", "stopDate": datetime(2024, 1, 2, tzinfo=UTC)} if ended else document

    def stop_execution(self, **request: Any) -> dict[str, Any]:
        self.stopped.append(request["executionArn"])
        return {}


async def test_a_client_of_boto3s_kind_is_polled_until_the_execution_ends() -> None:
    client = Boto3()
    states = StatesTasks(client, poll_seconds=(0.001, 0.001))
    result = await states(call("arn:aws:states:::states:startExecution.sync:2", {"StateMachineArn": "m", "Input": [1]}))
    assert client.requests == [{"stateMachineArn": "m", "input": "[1]"}]
    assert result == {
        "ExecutionArn": CHILD,
        "Input": {},
        "InputDetails": {"Included": True},
        "Output": [1],
        "StartDate": 1704067200000,
        "Status": "SUCCEEDED",
        "StopDate": 1704153600000,
    }


async def test_a_cut_off_task_stops_the_execution_it_waits_for() -> None:
    client = Boto3()
    client.never_ends = True
    states = StatesTasks(client, poll_seconds=(0.001, 0.001))
    waiting = asyncio.create_task(states(call("arn:aws:states:::states:startExecution.sync", {"StateMachineArn": "m"})))
    while not client.looks:
        await asyncio.sleep(0.001)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert client.stopped == [CHILD]


class Finished(Boto3):
    """Has run the execution that a process started which died since; it does not start it again."""

    def __init__(self) -> None:
        super().__init__()
        self.described: list[str] = []

    def start_execution(self, **request: Any) -> dict[str, Any]:
        raise ServiceError("ExecutionAlreadyExists", "Execution Already Exists", "StartExecution")

    def describe_execution(self, **request: Any) -> dict[str, Any]:
        self.described.append(request["executionArn"])
        return super().describe_execution(**request)


@pytest.mark.parametrize("qualifier", ["", ":live", ":3"])
async def test_an_execution_started_before_is_found_whatever_machine_it_was_started_through(qualifier: str) -> None:
    client = Finished()
    machine = f"arn:aws:states:us-east-1:123456789012:stateMachine:child{qualifier}"
    asked = call("arn:aws:states:::states:startExecution", {"StateMachineArn": machine})
    asked.key, asked.going_on = "unique", GoingOn(scheduled=0.0)
    await StatesTasks(client).submit(asked)
    (found,) = client.described
    assert found.rpartition(":")[0] == "arn:aws:states:us-east-1:123456789012:execution:child"


async def test_every_wrong_parameter_is_named_at_once() -> None:
    wrong = {"Input": {}, "Name": 1, "Colour": "red"}
    with pytest.raises(TaskFailed) as failed:
        await StatesTasks(Boto3())(call("arn:aws:states:::states:startExecution", wrong))
    assert failed.value.error == "States.Runtime"
    said = str(failed.value.cause)
    assert said.startswith(f"The Parameters '{json.dumps(wrong, separators=(',', ':'))}' could not be used")
    for problem in (
        'The field "Colour" is not supported by Step Functions',
        "The field 'StateMachineArn' is required but was missing",
        "The value of the field 'Name' has an invalid format",
    ):
        assert problem in said
