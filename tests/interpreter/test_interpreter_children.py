"""Parallel and Map: order, concurrency, failures, scopes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from interpreting import INVOKE, Answers, chain, failing, one, prefixed, run

from asl_runner.interpreter.ports import TaskCall

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
TASK = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": INVOKE, "End": True}}}


def test_parallel_gives_the_outputs_in_the_order_of_the_branches() -> None:
    branches = [{"StartAt": f"P{n}", "States": {f"P{n}": {"Type": "Pass", "Result": n, "End": True}}} for n in range(3)]
    ran = run(one({"Type": "Parallel", "Branches": branches, "ResultPath": "$.r"}), {"x": 1})
    assert ran.output == {"x": 1, "r": [0, 1, 2]}
    assert ran.sequence()[:4] == [
        ("ExecutionStarted", 0),
        ("ParallelStateEntered", 0),
        ("ParallelStateStarted", 2),
        ("PassStateEntered", 3),
    ]
    assert ran.sequence()[-3:] == [
        ("ParallelStateSucceeded", 9),
        ("ParallelStateExited", 9),
        ("ExecutionSucceeded", 11),
    ]


def test_a_failing_branch_fails_the_parallel_with_its_own_error() -> None:
    branch = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}}
    ran = run(one({"Type": "Parallel", "Branches": [branch]}))
    assert ran.failure == ("E", "C")
    assert ran.sequence()[2:] == [
        ("ParallelStateStarted", 2),
        ("FailStateEntered", 3),
        ("ParallelStateFailed", 4),
        ("ExecutionFailed", 5),
    ]


def test_retry_of_a_parallel_starts_all_branches_again_without_entering_again() -> None:
    retry = [{"ErrorEquals": ["States.BranchFailed"], "MaxAttempts": 1}]
    ran = run(one({"Type": "Parallel", "Branches": [TASK], "Retry": retry}), tasks=Answers({"T": [failing("E"), "ok"]}))
    assert ran.output == ["ok"]
    types = ran.types()
    assert types.count("ParallelStateEntered") == 1
    assert types.count("ParallelStateStarted") == 2
    assert "ParallelStateFailed" not in types
    failed = types.index("TaskFailed") + 1
    assert ran.sequence()[failed : failed + 2] == [("TaskStateAborted", failed), ("ParallelStateStarted", failed)]


def test_map_runs_every_item_and_keeps_their_order() -> None:
    async def answer(call: TaskCall) -> Any:
        await asyncio.sleep((5 - call.input["v"]) / 1000)
        return call.input

    machine = one(
        {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "all.$": "$.k"},
            "ItemProcessor": TASK,
        }
    )
    ran = run(machine, {"items": [3, 2, 1], "k": "x"}, Answers({"T": [answer]}))
    assert ran.output == [{"i": i, "v": v, "all": "x"} for i, v in enumerate([3, 2, 1])]
    assert ran.details("MapStateStarted") == [{"length": 3}]
    assert [details["index"] for details in ran.details("MapIterationStarted")] == [0, 1, 2]
    assert ran.types()[-2:] == ["MapStateExited", "ExecutionSucceeded"]


def test_map_one_at_a_time_hangs_each_start_on_the_end_of_the_one_before() -> None:
    ran = run(one({"Type": "Map", "ItemProcessor": PASS, "MaxConcurrency": 1}), [1, 2])
    assert ran.sequence()[2:] == [
        ("MapStateStarted", 2),
        ("MapIterationStarted", 3),
        ("PassStateEntered", 4),
        ("PassStateExited", 5),
        ("MapIterationSucceeded", 6),
        ("MapIterationStarted", 6),
        ("PassStateEntered", 8),
        ("PassStateExited", 9),
        ("MapIterationSucceeded", 10),
        ("MapStateSucceeded", 11),
        ("MapStateExited", 11),
        ("ExecutionSucceeded", 13),
    ]


@pytest.mark.parametrize("limit, most", [(0, 7), (2, 2), (1, 1)])
def test_max_concurrency_is_kept(limit: int, most: int) -> None:
    running = 0
    seen = 0

    async def answer(call: TaskCall) -> Any:
        nonlocal running, seen
        running += 1
        seen = max(seen, running)
        await asyncio.sleep(0.001)
        running -= 1
        return call.input

    machine = one({"Type": "Map", "ItemProcessor": TASK, "MaxConcurrencyPath": "$.m", "ItemsPath": "$.items"})
    ran = run(machine, {"m": limit, "items": list(range(7))}, Answers({"T": [answer]}))
    assert ran.output == list(range(7))
    assert seen == most


def test_the_first_failed_iteration_ends_the_others() -> None:
    async def answer(call: TaskCall) -> Any:
        if call.input == 1:
            await asyncio.sleep(0.005)
            raise failing("E")
        await asyncio.Event().wait()

    ran = run(one({"Type": "Map", "ItemProcessor": TASK}), [0, 1, 2], Answers({"T": [answer]}))
    assert ran.failure == ("E", "because")
    failed = ran.types().index("TaskFailed") + 1
    assert ran.sequence()[failed:] == [
        ("MapIterationFailed", failed),
        ("TaskStateAborted", failed),
        ("MapIterationAborted", failed),
        ("TaskStateAborted", failed),
        ("MapIterationAborted", failed),
        ("TaskStateAborted", failed),
        ("MapStateFailed", failed),
        ("ExecutionFailed", failed + 7),
    ]


def test_an_empty_map() -> None:
    ran = run(one({"Type": "Map", "ItemProcessor": PASS}), [])
    assert ran.output == []
    assert ran.types()[1:] == [
        "MapStateEntered",
        "MapStateStarted",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]


def test_items_that_are_no_array() -> None:
    ran = run(one({"Type": "Map", "ItemProcessor": PASS, "ItemsPath": "$.x"}), {"x": 1})
    assert ran.failure == ("States.Runtime", prefixed('Reference path "$.x" must point to array.'))


def test_legacy_iterator_and_parameters() -> None:
    machine = one({"Type": "Map", "Iterator": PASS, "Parameters": {"v.$": "$$.Map.Item.Value"}})
    assert run(machine, [1, 2]).output == [{"v": 1}, {"v": 2}]


def test_inner_scopes_read_outer_variables_and_keep_their_own() -> None:
    inner = {
        "StartAt": "I",
        "States": {
            "I": {"Type": "Pass", "Assign": {"mine.$": "$"}, "Next": "J"},
            "J": {"Type": "Pass", "Parameters": {"outer.$": "$outer", "mine.$": "$mine"}, "End": True},
        },
    }
    machine = chain(A={"Type": "Pass", "Assign": {"outer": 5}}, M={"Type": "Map", "ItemProcessor": inner})
    assert run(machine, [1, 2]).output == [{"outer": 5, "mine": 1}, {"outer": 5, "mine": 2}]


def test_waits_in_many_iterations_pass_together() -> None:
    inner = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    ran = run(one({"Type": "Map", "ItemProcessor": inner}), list(range(100)))
    assert ran.seconds == 3 * 3600, "forty at once"


def test_nested_parallel_in_map_in_parallel() -> None:
    deep = {
        "StartAt": "D",
        "States": {
            "D": {
                "Type": "Parallel",
                "Branches": [TASK, {"StartAt": "Q", "States": {"Q": {"Type": "Pass", "End": True}}}],
                "End": True,
            }
        },
    }
    middle = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": deep, "End": True}}}
    ran = run(one({"Type": "Parallel", "Branches": [middle]}), [1, 2])
    assert ran.output == [[[1, 1], [2, 2]]]
    assert sorted(event.id for event in ran.events) == list(range(1, len(ran.events) + 1))


@pytest.mark.parametrize("concurrency", [1, 8])
def test_the_same_seed_gives_the_same_data_whatever_runs_beside(concurrency: int) -> None:
    inner = {
        "StartAt": "U",
        "States": {
            "U": {
                "Type": "Pass",
                "Parameters": {"u.$": "States.UUID()", "r.$": "States.MathRandom(0, 1000000)"},
                "End": True,
            }
        },
    }
    machine = one({"Type": "Map", "ItemProcessor": inner, "MaxConcurrency": concurrency})
    first = run(machine, list(range(10))).output
    assert first == run(one({"Type": "Map", "ItemProcessor": inner}), list(range(10))).output
    assert len({item["u"] for item in first}) == 10
