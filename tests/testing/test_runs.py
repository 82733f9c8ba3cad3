"""Runs of the testing kit: what they tell, and how their assertions explain themselves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from asl_runner.errors import UsageError
from asl_runner.testing import Asl, Run, raises, sequence

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:work"
BUSY = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 2}]


def scope(*names: str, **states: dict[str, Any]) -> dict[str, Any]:
    """States one after the other."""
    linked = {
        name: {**state, **({"Next": following} if following else {} if state["Type"] == "Fail" else {"End": True})}
        for (name, state), following in zip(states.items(), [*list(states)[1:], None], strict=True)
    }
    return {"StartAt": next(iter(states)), "States": linked}


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": LAMBDA, **fields}


EACH = scope(
    Split={"Type": "Map", "ItemProcessor": scope(Work=task(Retry=BUSY), Note={"Type": "Pass"})},
    Both={"Type": "Parallel", "Branches": [scope(A={"Type": "Pass"}), scope(B={"Type": "Pass"}, C={"Type": "Pass"})]},
)


def test_paths_and_visits_nest(asl: Asl) -> None:
    run = asl.run(EACH, [1, 2], mocks={"Work": sequence(10, raises("Busy"), 20)})
    assert run.path == [{"Split": [["Work", "Note"], ["Work", "Note"]]}, {"Both": [["A"], ["B", "C"]]}]
    assert run.assert_succeeded([[10, 20], [10, 20]]) is run
    first, second = run.visits("Work")
    assert (first.input, first.output, first.attempts, first.duration) == (1, 10, 1, 0)
    assert (second.input, second.output, second.attempts, second.errors) == (2, 20, 2, ["Busy"])
    assert second.duration == run.duration == 2
    assert next(visit.state for visit in run.visits()) == "Split"
    assert run.events[0]["type"] == "ExecutionStarted"
    assert run.visit("Both").output == [[10, 20], [10, 20]]


def test_children_of_distributed_maps_are_part_of_it(asl: Asl) -> None:
    processor = {**scope(Work=task()), "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    machine = scope(Split={"Type": "Map", "ItemProcessor": processor})
    run = asl.run(machine, [3, 4], mocks={"Work": lambda item: item * 2})
    assert run.assert_succeeded([6, 8]).path == [{"Split": [["Work"], ["Work"]]}]
    assert [visit.output for visit in run.visits("Work")] == [6, 8]


def test_the_clock_starts_when_it_is_told_and_a_year_is_nothing(asl: Asl) -> None:
    machine = scope(
        Rest={"Type": "Wait", "Seconds": 365 * 86_400},
        When={"Type": "Pass", "Parameters": {"at.$": "$$.State.EnteredTime"}},
    )
    run = asl.run(machine, now="2024-01-01T00:00:00+00:00")
    assert run.assert_succeeded({"at": "2024-12-31T00:00:00.000Z"}).duration == 365 * 86_400


def test_the_same_seed_draws_the_same(asl: Asl) -> None:
    machine = scope(Draw={"Type": "Pass", "Parameters": {"id.$": "States.UUID()"}})
    first, second, other = (asl.run(machine, seed=seed).output for seed in ("a", "a", "b"))
    assert first == second != other


@pytest.mark.parametrize("runtime", ["inline", "process"])
def test_functions_run_for_real(tmp_path: Path, runtime: Any) -> None:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "work.py").write_text("def handler(event, context):\n    return event + 1\n")
    asl = Asl(tmp_path / "w", bases=[tmp_path], runtime=runtime)
    assert asl.run(scope(Work=task()), 1).assert_succeeded().output == 2


def test_objects_are_put_and_found(tmp_path: Path, asl: Asl) -> None:
    asl.buckets.create_bucket("data")
    asl.buckets.put("data", "a.txt", b"hello")
    assert asl.buckets.path("data", "a.txt").read_bytes() == b"hello"


async def test_inside_an_event_loop_it_is_awaited(asl: Asl) -> None:
    with pytest.raises(UsageError, match=r"await asl\.run_async"):
        asl.run(EACH, [])
    assert (await asl.run_async(scope(A={"Type": "Pass"}), 5)).output == 5


def test_what_cannot_be_run_is_said(asl: Asl, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no definition missing\.asl\.json in "):
        asl.run("missing.asl.json")
    with pytest.raises(UsageError, match="State 'Work' cannot run here"):
        asl.run(scope(Work=task()))
    with pytest.raises(UsageError, match="the real one shows the real time"):
        asl.run(EACH, [], clock="real", now=0)


def explained(run: Run, assertion: Any) -> str:
    with pytest.raises(AssertionError) as failed:
        assertion(run)
    return str(failed.value)


def test_a_failure_is_explained_by_the_failing_state(asl: Asl) -> None:
    run = asl.run(EACH, [{"sku": "cup"}], mocks={"Work": raises("Lost", "at sea")})
    said = explained(run, lambda run: run.assert_succeeded())
    assert said == "\n".join(
        [
            "state-machine: expected SUCCEEDED, found FAILED",
            "",
            "FAILED: Lost",
            "  at sea",
            "",
            "It failed in 'Work' (Task), whose input was",
            '  {"sku":"cup"}',
            "",
            "What it did:",
            "  ✗ Split  Lost",
            "    [0]",
            "      ✗ Work  Lost",
            "",
            "  ○",
        ]
    ).replace("  ○", said.partition("Work  Lost\n\n")[2])
    drawn = said.partition("Work  Lost\n\n")[2]
    assert "✗ Split" in drawn
    assert "Both" in drawn
    run.assert_failed("Lost", "sea", state="Work")
    assert '- expected, + found\n  - "Found"\n  + "Lost"' in explained(run, lambda run: run.assert_failed("Found"))
    assert "the cause is another" in explained(run, lambda run: run.assert_failed("Lost", "on land"))
    assert "another state failed" in explained(run, lambda run: run.assert_failed(state="Note"))
    assert "expected one visit of 'Note', found 0" in explained(run, lambda run: run.visit("Note"))


def test_another_path_is_shown_beside_the_expected(asl: Asl) -> None:
    run = asl.run(EACH, [1], mocks={"Work": 1})
    said = explained(run, lambda run: run.assert_path({"Split": [["Work"]]}, "Both", "End"))
    assert (
        "\n".join(
            [
                "  expected    found",
                "  Split       Split",
                "    [0]         [0]",
                "      Work        Work",
                "            ≠     Note",
                "  Both        Both",
                "  End       ≠   [0]",
            ]
        )
        in said
    ), said


def test_another_output_is_shown_line_by_line(asl: Asl) -> None:
    run = asl.run(scope(A={"Type": "Pass"}), {"n": 1, "m": 2})
    said = explained(run, lambda run: run.assert_succeeded({"n": 1, "m": 3}))
    assert '    "n": 1,\n  -   "m": 3\n  +   "m": 2' in said, said
    assert "expected a failure, found SUCCEEDED" in explained(run, lambda run: run.assert_failed())


def test_snapshots_are_the_same_in_every_run(asl: Asl) -> None:
    machine = scope(
        Draw={
            "Type": "Pass",
            "Parameters": {"id.$": "States.UUID()", "at.$": "$$.State.EnteredTime", "run.$": "$$.Execution.Name"},
        },
        Work=task(),
    )
    first, second = (asl.run(machine, mocks={"Work": {"done": 1}}).snapshot() for _ in range(2))
    assert first == second
    output = json.loads(first[2]["stateExitedEventDetails"]["output"])
    assert output == {"id": "<uuid>", "at": "<time>", "run": "<name>"} or output["run"] == "<uuid>"


def test_runs_side_by_side_in_one_loop(asl: Asl) -> None:
    async def both() -> list[Run]:
        return list(await asyncio.gather(*(asl.run_async(EACH, [n], mocks={"Work": n}) for n in range(3))))

    assert [run.output for run in asyncio.run(both())] == [[[n], [n]] for n in range(3)]


def test_visits_tell_their_data_after_each_stage(asl: Asl) -> None:
    work = task(
        InputPath="$.order",
        Parameters={"id.$": "$.id"},
        ResultSelector={"ok.$": "$.state"},
        ResultPath="$.work",
        OutputPath="$.work",
    )
    run = asl.run(scope(Work=work), {"order": {"id": 7, "more": 1}}, mocks={"Work": {"state": True}})
    assert run.visit("Work").stages == {
        "Input": {"order": {"id": 7, "more": 1}},
        "InputPath": {"id": 7, "more": 1},
        "Parameters": {"id": 7},
        "Result": {"state": True},
        "ResultSelector": {"ok": True},
        "ResultPath": {"order": {"id": 7, "more": 1}, "work": {"ok": True}},
        "Output": {"ok": True},
    }


def test_tasks_are_placed_as_the_test_says(tmp_path: Path) -> None:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "work.py").write_text("def handler(event, context):\n    return 1\n")
    asl = Asl(tmp_path / "w", bases=[tmp_path])
    assert asl.run(scope(Work=task()), target="local").output == 1
    with pytest.raises(UsageError, match="Docker"):
        asl.run(scope(Work=task()), uses={"lambda": "docker"})
