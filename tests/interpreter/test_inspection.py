"""What an observed state tells, and that observing changes nothing; one visit of one state."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreting import INFO, INVOKE, LAMBDA, START, Answers, execution, failing, one
from msgspec.structs import replace
from random_machines import SeededAnswers, machines

from asl_runner.definition import load
from asl_runner.definition.model import Map, Parallel, Scope, State
from asl_runner.history.events import Event
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.errors import ITEM_READER_FAILED, Failure
from asl_runner.interpreter.execution import Outcome
from asl_runner.interpreter.inspection import Note, observed
from asl_runner.interpreter.item_data import all_items
from asl_runner.interpreter.mocked import Mock, MockedTasks, TooManyFailedIterations, performers
from asl_runner.interpreter.ports import Ports, Tasks
from asl_runner.interpreter.visit import Given, Unrecorded, Visit, visit

EXPRESS = replace(INFO, arn="arn:aws:states:us-east-1:123456789012:express:m:e:1", redrive_count=None)


def look(
    state: dict[str, Any],
    input: Any = None,
    *,
    tasks: Tasks | None = None,
    mock: Mock | None = None,
    given: Given = Given(),  # noqa: B008 - immutable
) -> tuple[Visit, dict[str, Any]]:
    """One visit of a state named S, and its stages."""
    stages: dict[str, Any] = {}
    machine = load(json.dumps({**one(state), "States": {**one(state)["States"], **_others(state)}}))
    world = tasks or (Answers() if mock is None else MockedTasks(mock))
    ports = Ports(clock=VirtualClock(START), journal=Unrecorded(), tasks=world, seed="seed")
    options: dict[str, Any] = {} if mock is None else {"performers": performers(mock, stages.__setitem__)}
    seen = asyncio.run(
        visit(
            machine,
            "S",
            {} if input is None else input,
            EXPRESS,
            ports,
            given=given,
            note=stages.__setitem__,
            **options,
        )
    )
    return seen, stages


def _others(state: dict[str, Any]) -> dict[str, Any]:
    places = [state, *state.get("Catch", []), *state.get("Choices", [])]
    return {place["Next"]: {"Type": "Succeed"} for place in places if "Next" in place}


def test_a_task_shows_every_stage() -> None:
    seen, stages = look(
        {
            "Type": "Task",
            "Resource": LAMBDA,
            "InputPath": "$.a",
            "Parameters": {"n.$": "$.n"},
            "ResultSelector": {"got.$": "$.n"},
            "ResultPath": "$.out",
            "OutputPath": "$.out",
            "Assign": {"kept.$": "$.n"},
            "Next": "After",
        },
        {"a": {"n": 1}},
    )
    assert stages == {
        "afterInputPath": {"n": 1},
        "afterParameters": {"n": 1},
        "result": {"n": 1},
        "afterResultSelector": {"got": 1},
        "afterResultPath": {"a": {"n": 1}, "out": {"got": 1}},
    }
    assert (seen.output, seen.next, seen.variables, seen.failure) == ({"got": 1}, "After", {"kept": 1}, None)


def test_what_is_not_written_is_a_stage_that_changes_nothing() -> None:
    _, stages = look({"Type": "Task", "Resource": LAMBDA}, {"n": 1}, tasks=Answers({"S": ["done"]}))
    assert stages == {
        "afterInputPath": {"n": 1},
        "afterParameters": {"n": 1},
        "result": "done",
        "afterResultSelector": "done",
        "afterResultPath": "done",
    }


def test_a_jsonata_task_shows_arguments_and_result_also_when_its_output_fails() -> None:
    state = {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": LAMBDA,
        "Arguments": {"n": "{% $states.input.n + 1 %}"},
        "Output": "{% $states.result.missing %}",
    }
    seen, stages = look(state, {"n": 1})
    assert stages == {"afterArguments": {"n": 2}, "result": {"n": 2}}
    assert seen.failure is not None
    assert seen.failure.error == "States.QueryEvaluationError"
    assert seen.failure.cause is not None
    assert "entered at the event" not in seen.failure.cause


def test_a_failure_before_the_work_shows_the_stages_up_to_it() -> None:
    seen, stages = look({"Type": "Task", "Resource": LAMBDA, "Parameters": {"n.$": "$.missing"}}, {"n": 1})
    assert stages == {"afterInputPath": {"n": 1}}
    assert seen.failure is not None
    assert seen.failure.error == "States.Runtime"


RETRY = [{"ErrorEquals": ["Other"]}, {"ErrorEquals": ["Oops"], "IntervalSeconds": 2, "MaxAttempts": 3}]


@pytest.mark.parametrize("made, delay", [(0, 2), (1, 4), (2, 8), (3, None)])
def test_a_failure_is_offered_to_the_retrier_once(made: int, delay: float | None) -> None:
    tasks = Answers({"S": [failing("Oops")]})
    seen, _ = look({"Type": "Task", "Resource": LAMBDA, "Retry": RETRY}, tasks=tasks, given=Given(retries=made))
    assert (seen.retrier, seen.retry_delay, seen.catcher, len(tasks.calls)) == (1, delay, None, 1)


def test_a_catcher_takes_what_no_retrier_tries_again() -> None:
    state = {
        "Type": "Task",
        "Resource": LAMBDA,
        "Retry": RETRY,
        "Catch": [
            {"ErrorEquals": ["Other"], "Next": "No"},
            {"ErrorEquals": ["States.TaskFailed"], "Next": "Yes", "ResultPath": "$.e", "Assign": {"v.$": "$.Error"}},
        ],
    }
    seen, _ = look(state, {"n": 1}, tasks=Answers({"S": [failing("Oops")]}), given=Given(retries=3))
    assert (seen.retrier, seen.catcher, seen.next) == (1, 1, "Yes")
    assert seen.output == {"n": 1, "e": {"Error": "Oops", "Cause": "because"}}
    assert seen.variables == {"v": "Oops"}


def test_a_given_context_takes_the_place_of_the_whole_object() -> None:
    state = {"Type": "Pass", "Parameters": {"all.$": "$$"}}
    assert look(state, given=Given(context={"Execution": {}}))[0].output == {"all": {"Execution": {}}}
    output = look(state)[0].output
    assert isinstance(output, dict)
    made = output["all"]
    assert made["State"]["Name"] == "S"
    assert "RedriveCount" not in made["Execution"]


MAP = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"},
    "ItemBatcher": {"MaxItemsPerBatch": 2},
    "ToleratedFailureCount": 1,
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "End": True}},
    },
}


def test_a_mocked_map_shows_what_its_iterations_get() -> None:
    seen, stages = look(MAP, {"items": ["a", "b", "c"]}, mock=Mock(result=[1, 2]))
    selected = [{"i": 0, "v": "a"}, {"i": 1, "v": "b"}, {"i": 2, "v": "c"}]
    assert stages["afterItemsPath"] == ["a", "b", "c"]
    assert stages["afterItemSelector"] == selected
    assert stages["afterItemBatcher"] == [{"Items": selected[:2]}, {"Items": selected[2:]}]
    assert (stages["maxConcurrency"], stages["toleratedFailureCount"]) == (0, 1)
    assert seen.output == [1, 2]


def test_failed_iterations_of_a_mocked_map_count_against_its_tolerance() -> None:
    input = {"items": [1, 2, 3]}
    plain = {name: value for name, value in MAP.items() if name not in ("ItemBatcher", "ToleratedFailureCount")}
    assert look({**plain, "ToleratedFailureCount": 2}, input, mock=Mock(result=[1, 2, 3], failed_iterations=2))[
        0
    ].output
    for tolerance in ({"ToleratedFailureCount": 1}, {"ToleratedFailurePercentage": 50}):
        seen, _ = look({**plain, **tolerance}, input, mock=Mock(result=[1, 2, 3], failed_iterations=2))
        assert seen.failure is not None
        assert seen.failure.error == "States.ExceedToleratedFailureThreshold"
    with pytest.raises(TooManyFailedIterations):
        look(plain, input, mock=Mock(error="Oops", failed_iterations=4))


@pytest.mark.parametrize(
    "reader, text, items",
    [
        ({"InputType": "JSON"}, '["x", "y", "z"]', ["x", "y", "z"]),
        ({"InputType": "JSON", "ItemsPointer": "/a~1b/0"}, '{"a/b": [["x", "y"], 1]}', ["x", "y"]),
        ({"InputType": "JSONL", "MaxItems": 1}, '"x"\n\n"y"\n', ["x"]),
        (
            {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            'a,b\n1,"2\n""3"""\n4\n',
            [{"a": "1", "b": '2\n"3"'}, {"a": "4", "b": ""}],
        ),
        (
            {"InputType": "CSV", "CSVDelimiter": "PIPE", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"]},
            "1|2\n",
            [{"a": "1"}],
        ),
    ],
)
def test_a_dataset_gives_the_items(reader: dict[str, Any], text: str, items: list[Any]) -> None:
    state = {
        **{name: value for name, value in MAP.items() if name not in ("ItemBatcher", "ItemsPath")},
        "ItemSelector": {"v.$": "$$.Map.Item.Value"},
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": reader,
            "Parameters": {"Bucket": "b", "Key": "k"},
        },
    }
    _, stages = look(state, mock=Mock(result=[], dataset=text))
    assert stages["afterItemSelector"] == [{"v": item} for item in items]
    assert stages.get("afterItemsPointer") == (items if "ItemsPointer" in reader else None)


@pytest.mark.parametrize(
    "text, config, cause",
    [
        ("1", {"InputType": "JSON"}, "Attempting to map over non-iterable node."),
        ("{", {"InputType": "JSON"}, "not valid JSON"),
        ("", {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "a"]}, "cannot contain duplicates"),
    ],
)
def test_a_text_without_items_fails_the_reader(text: str, config: dict[str, Any], cause: str) -> None:
    with pytest.raises(Failure, match=cause) as raised:
        all_items(text, config)
    assert raised.value.error == ITEM_READER_FAILED


@pytest.mark.parametrize("pointer", ["/b", "/a/2", "/a/-1", "/a/x", "/a/0/0"])
def test_a_pointer_to_nothing_fails_the_reader(pointer: str) -> None:
    with pytest.raises(Failure, match="does not point to anything"):
        all_items('{"a": [1, 2]}', {"InputType": "JSON", "ItemsPointer": pointer})


def test_a_mocked_error_of_a_branch_is_caught() -> None:
    branch = {"StartAt": "B", "States": {"B": {"Type": "Task", "Resource": INVOKE, "End": True}}}
    state = {
        "Type": "Parallel",
        "Branches": [branch],
        "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}],
    }
    assert look(state, mock=Mock(error="Oops", cause="c"))[0].next == "Caught"
    assert look(state, mock=Mock(error="Oops", cause="c", by_task=False))[0].next is None


@settings(max_examples=100, deadline=None)
@given(machines(), st.sampled_from("abcd"))
def test_observing_every_state_changes_nothing(machine: dict[str, Any], seed: str) -> None:
    told: list[str] = []
    plain, looked = _play(machine, seed, None), _play(machine, seed, lambda stage, data: told.append(stage))
    assert msgspec.msgpack.encode(plain, enc_hook=bytes) == msgspec.msgpack.encode(looked, enc_hook=bytes)


def _play(machine: dict[str, Any], seed: str, note: Note | None) -> tuple[Outcome, list[Event]]:
    async def main() -> tuple[Outcome, list[Event]]:
        clock = VirtualClock(START)
        running, journal = execution(machine, {"n": 3, "items": ["a", "b"]}, SeededAnswers(seed, clock), clock=clock)
        if note is not None:
            running._frame.states = _observed(running._machine, note).states
            running._frame.todo = running._frame.states[running._machine.start_at]
        return await running.run(), list(journal.events)

    return asyncio.run(main())


def _observed(scope: Scope, note: Note) -> Scope:
    return replace(scope, states={name: _inside(observed(state, note), note) for name, state in scope.states.items()})


def _inside(state: State, note: Note) -> State:
    if isinstance(state, Map):
        return replace(state, item_processor=_observed(state.item_processor, note))
    if isinstance(state, Parallel):
        return replace(state, branches=tuple(_observed(branch, note) for branch in state.branches))
    return state
