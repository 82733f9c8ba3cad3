"""Tasks answered by mocks: per state, invocation and item, for every kind of task, from Python and from files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.errors import UsageError
from asl_runner.history.events import Event
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.resources.mocks.answers import after, by_item, never, raises, real, returns, sequence
from asl_runner.resources.mocks.files import read_mocks
from asl_runner.resources.mocks.shapes import Mismatch
from asl_runner.resources.mocks.tasks import Mocks
from asl_runner.workspace import Workspace

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:nowhere"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:nobody"
START = 1_700_000_000.0


class Ran:
    """An execution that has ended."""

    def __init__(self, record: Any, events: list[Event]) -> None:
        self.status = record.status
        self.output = None if record.output is None else json.loads(record.output)
        self.failure = (record.error, record.cause)
        self.types = [event.type for event in events]
        self.seconds = events[-1].time - events[0].time


async def run(root: Path, definition: dict[str, Any], mocks: Mocks, input: Any = None) -> Ran:
    batches: list[Sequence[Event]] = []
    async with Workspace(Configuration(root=root, workspace=root / ".asl-runner")) as workspace:
        running = await workspace.start(
            load(definition), input, clock=VirtualClock(START), observers=[batches.append], mocks=mocks
        )
        await running.result()
    return Ran(running.record, [event for batch in batches for event in batch])


def task(resource: str = LAMBDA, **fields: Any) -> dict[str, Any]:
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True, **fields}}}


RETRIED: dict[str, Any] = {"Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3600, "MaxAttempts": 2}]}


async def test_results_errors_and_invocations_in_order(tmp_path: Path) -> None:
    mocks = Mocks({"T": sequence(raises("Busy"), raises("Busy", "still"), {"ok": True})})
    ran = await run(tmp_path, task(**RETRIED), mocks)
    assert (ran.output, ran.seconds) == ({"ok": True}, 3600 + 7200)
    failed = await run(tmp_path, task(**RETRIED), Mocks({"T": raises("Busy", "always")}))
    assert (failed.status, failed.failure) == ("FAILED", ("Busy", "always"))
    assert failed.types.count("LambdaFunctionFailed") == 3


async def test_one_invocation_more_than_there_are_answers_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mock of 'T' has no answer for invocation 1"):
        await run(tmp_path, task(**RETRIED), Mocks({"T": sequence(raises("Busy"))}))
    with Workspace(Configuration(root=tmp_path, workspace=tmp_path / ".asl-runner")) as workspace:
        (record,) = workspace.executions()
        assert (record.status, record.error) == ("ABORTED", "AslRunner.Usage")


async def test_functions_get_the_input_and_the_call(tmp_path: Path) -> None:
    seen: list[Any] = []

    def twice(input: Any) -> Any:
        return input * 2

    async def told(input: Any, call: TaskCall) -> Any:
        seen.append((call.state, call.attempt, call.resource.arn))
        return input

    def fails(input: Any) -> Any:
        raise KeyError("sku")

    def refuses(input: Any) -> Any:
        raise TaskFailed("Refused", "no cover")

    assert (await run(tmp_path, task(), Mocks({"T": twice}), 21)).output == 42
    assert (await run(tmp_path, task(), Mocks({"T": told}), 1)).output == 1
    assert seen == [("T", 0, LAMBDA)]
    assert (await run(tmp_path, task(), Mocks({"T": fails}))).failure == ("KeyError", "'sku'")
    assert (await run(tmp_path, task(), Mocks({"T": refuses}))).failure == ("Refused", "no cover")


async def test_an_assertion_in_a_function_is_the_tests_own(tmp_path: Path) -> None:
    def checks(input: Any) -> Any:
        assert input == "expected"

    with pytest.raises(AssertionError):
        await run(tmp_path, task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "T"}]), Mocks({"T": checks}), "other")


async def test_late_answers_and_none_meet_deadlines(tmp_path: Path) -> None:
    late = await run(tmp_path, task(TimeoutSeconds=90), Mocks({"T": after(60, returns("late"))}))
    assert (late.output, late.seconds) == ("late", 60)
    for answer in (after(100, "too late"), never()):
        ran = await run(tmp_path, task(TimeoutSeconds=90), Mocks({"T": answer}))
        assert (ran.failure, ran.seconds) == (("States.Timeout", None), 90)
        assert "LambdaFunctionTimedOut" in ran.types
    token = task(
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        Parameters={"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"},
        HeartbeatSeconds=10,
    )
    missed = await run(tmp_path, token, Mocks({"T": after(30, "answer")}))
    assert (missed.failure, missed.seconds) == (("States.Timeout", None), 10)
    beaten = await run(tmp_path, token, Mocks({"T": after(30, "answer", beat=9)}))
    assert (beaten.output, beaten.seconds) == ("answer", 30)
    assert "TaskSubmitted" in beaten.types


async def test_items_of_a_map_have_answers_of_their_own(tmp_path: Path) -> None:
    each = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "End": True, **RETRIED}}}
    machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": each, "End": True}}}
    mocks = Mocks({"T": by_item({1: sequence(raises("Busy"), "second"), 2: lambda item: item + 1}, otherwise=0)})
    assert (await run(tmp_path, machine, mocks, [10, 20, 30, 40])).output == [0, "second", 31, 0]


async def test_activities_and_nested_executions_need_not_exist(tmp_path: Path) -> None:
    activity = await run(tmp_path, task(ACTIVITY, TimeoutSeconds=5), Mocks({"T": "done"}))
    assert activity.output == "done"
    assert activity.types[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    nested = task("arn:aws:states:::states:startExecution.sync:2", Parameters={"StateMachineArn": "arn:x"})
    answer = {
        "ExecutionArn": "arn:e",
        "StateMachineArn": "arn:x",
        "StartDate": "2024-01-01T00:00:00Z",
        "Status": "SUCCEEDED",
        "Output": {"n": 1},
    }
    assert (await run(tmp_path, nested, Mocks({"T": answer}))).output == answer


async def test_results_are_compared_with_the_api(tmp_path: Path) -> None:
    put = task("arn:aws:states:::aws-sdk:sqs:createQueue", Parameters={"QueueName": "q"})
    start = task("arn:aws:states:::states:startExecution", Parameters={"StateMachineArn": "arn:x"})
    with pytest.raises(Mismatch, match=r"The mock of 'T', .*Field 'QueueUrl' must be a string"):
        await run(tmp_path, put, Mocks({"T": {"QueueUrl": 1}}))
    with pytest.raises(Mismatch, match="Required field 'ExecutionArn' is missing"):
        await run(tmp_path, start, Mocks({"T": sequence({})}))
    with pytest.raises(Mismatch, match="Required field 'ExecutionArn' is missing"):
        await run(tmp_path, start, Mocks({"T": lambda input: {}}))
    assert (await run(tmp_path, start, Mocks({"T": {}}, validate="PRESENT"))).output == {}
    assert (await run(tmp_path, put, Mocks({"T": {"QueueUrl": 1}}, validate="NONE"))).output == {"QueueUrl": 1}


async def test_some_states_are_done_for_real(tmp_path: Path) -> None:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "here.py").write_text("def handler(event, context):\n    return 'real'\n")
    function = "arn:aws:lambda:us-east-1:123456789012:function:here"
    machine = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Task", "Resource": LAMBDA, "ResultPath": "$.a", "Next": "B"},
            "B": {
                "Type": "Task",
                "Resource": function,
                "ResultPath": "$.b",
                "End": True,
                "Retry": [{"ErrorEquals": ["Busy"]}],
            },
        },
    }
    ran = await run(tmp_path, machine, Mocks({"A": 1, "B": sequence(raises("Busy"), real())}), {})
    assert ran.output == {"a": 1, "b": "real"}


async def test_results_are_values_of_json(tmp_path: Path) -> None:
    assert (await run(tmp_path, task(), Mocks({"T": {"pair": (1, 2)}}))).output == {"pair": [1, 2]}
    for answer in ({True: 1}, lambda input: object()):
        with pytest.raises(UsageError, match="mock of 'T' gives a value that JSON cannot hold"):
            await run(tmp_path, task(), Mocks({"T": answer}))


async def test_a_mock_for_no_task_gets_the_near_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mock of 'Tt' is for no Task of the state machine: did you mean 'T'\?"):
        await run(tmp_path, task(), Mocks({"Tt": 1}))


LOCAL = {
    "StateMachines": {"order": {"TestCases": {"refused": {"T": "busy twice"}}}},
    "MockedResponses": {
        "busy twice": {"0-1": {"Throw": {"Error": "Busy", "Cause": "slow"}}, "2": {"Return": {"ok": True}}}
    },
}


async def test_files_of_step_functions_local_are_read_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "mocks.json"
    file.write_text(json.dumps(LOCAL))
    assert (await run(tmp_path, task(**RETRIED), read_mocks(file, "order", "refused"))).output == {"ok": True}


@pytest.mark.parametrize(
    "machine, case, change, message",
    [
        ("orders", "refused", {}, r"mocks.json:1:\d+: StateMachines: no 'orders': did you mean 'order'\?"),
        ("order", "refusd", {}, r"TestCases: no 'refusd': did you mean 'refused'\?"),
        ("order", None, {}, r"TestCases: which one\? Say --case with one of 'refused'"),
        ("order", "refused", {"MockedResponses": {}}, r"MockedResponses: no 'busy twice'"),
        ("order", "refused", {"MockedResponses": {"busy twice": {"x": {"Return": 1}}}}, r"busy twice.x: expected the"),
        ("order", "refused", {"MockedResponses": {"busy twice": {"0": {}}}}, r"busy twice.0: expected exactly one of"),
        (
            "order",
            "refused",
            {"MockedResponses": {"busy twice": {"0": {"Throw": {"Error": "E"}}}}},
            r"0.Throw: expected Error and Cause",
        ),
    ],
)
def test_what_is_wrong_in_a_file_of_step_functions_local(
    tmp_path: Path, machine: str, case: str | None, change: dict[str, Any], message: str
) -> None:
    file = tmp_path / "mocks.json"
    file.write_text(json.dumps({**LOCAL, **change}))
    with pytest.raises(UsageError, match=message):
        read_mocks(file, machine, case)


async def test_files_of_our_own_form(tmp_path: Path) -> None:
    file = tmp_path / "mocks.yaml"
    file.write_text(
        "T:\n- raise: Busy\n- raise: {error: Busy, cause: slow}\n- {return: {ok: true}, after: 10, beat: 3}\n"
    )
    ran = await run(tmp_path, task(**RETRIED), read_mocks(file, "any", None))
    assert (ran.output, ran.seconds) == ({"ok": True}, 3600 + 7200 + 10)
    each = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": LAMBDA, "End": True}}}
    machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": each, "End": True}}}
    file.write_text("T: {items: {1: {return: one}}, otherwise: {return: other}}\n")
    assert (await run(tmp_path, machine, read_mocks(file, "any", None), [1, 2])).output == ["other", "one"]
    file.write_text("T: never\n")
    ran = await run(tmp_path, task(TimeoutSeconds=7), read_mocks(file, "any", None))
    assert (ran.failure, ran.seconds) == (("States.Timeout", None), 7)


@pytest.mark.parametrize(
    "text, message",
    [
        ("T: 5", r"mocks.yaml:1:4: T: expected `return:`.*found 5"),
        ("T: {retrun: 5}", r"mocks.yaml:1:5: T.retrun: did you mean 'return'\?"),
        ("T: {return: 5, raise: E}", r"T: expected .*, and one only"),
        ("T: {raise: {name: E}}", r"T.raise: expected the name of an error"),
        ("T: [{return: 1}, {after: 3}]", r"T\[1\]: expected"),
        ("T: {return: 1, after: -1}", r"T.after: expected seconds"),
        ("T: {items: {x: {return: 1}}}", r"T.items: expected the indices"),
        ("- 1", "expected an object"),
        ("T: [", r"mocks.yaml:1:5: Not valid YAML"),
    ],
)
def test_what_is_wrong_in_a_file_of_our_own(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mocks.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_mocks(file, "order", None)
