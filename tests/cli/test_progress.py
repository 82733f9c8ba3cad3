"""Progress as lines and as a live tree, drawn from real executions."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from asl_runner.cli.format import duration, reason
from asl_runner.cli.progress import choose_style
from asl_runner.cli.progress_live import LiveProgress
from asl_runner.cli.progress_plain import LINES_AT_ONCE, PlainProgress
from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.history.events import Event
from asl_runner.history.visits import Counts
from asl_runner.sagemaker.progress import JobProgress, TrialProgress
from asl_runner.workspace import Workspace

BUSY: dict[str, Any] = {
    "StartAt": "Prepare",
    "States": {
        "Prepare": {"Type": "Pass", "Result": [1, 2, 3], "Next": "Both"},
        "Both": {
            "Type": "Parallel",
            "ResultPath": None,
            "Branches": [
                {"StartAt": "Left", "States": {"Left": {"Type": "Wait", "Seconds": 1, "End": True}}},
                {"StartAt": "Right", "States": {"Right": {"Type": "Wait", "Seconds": 61, "End": True}}},
            ],
            "Next": "Each",
        },
        "Each": {
            "Type": "Map",
            "ItemProcessor": {"StartAt": "One", "States": {"One": {"Type": "Wait", "Seconds": 2, "End": True}}},
            "Next": "Lose",
        },
        "Lose": {"Type": "Fail", "Error": "Order.Lost", "Cause": "gone"},
    },
}


async def recorded(directory: Path, machine: dict[str, Any]) -> list[Sequence[Event]]:
    """The batches of events of one run on a virtual clock."""
    batches: list[Sequence[Event]] = []
    configuration = Configuration(root=directory, workspace=directory / ".asl-runner")
    async with Workspace(configuration) as workspace:
        running = await workspace.start(load(machine), {}, clock="virtual", observers=[batches.append])
        await running.result()
    return batches


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def plain(batches: list[Sequence[Event]]) -> list[str]:
    """The lines without their times."""
    stream = io.StringIO()
    progress = PlainProgress(stream)
    progress.announce("busy", "name")
    for batch in batches:
        progress.feed(batch)
        progress.draw()
    progress.finish()
    return [line.partition("  ")[2] or line for line in stream.getvalue().splitlines()]


async def test_lines_tell_what_takes_time(tmp_path: Path) -> None:
    assert plain(await recorded(tmp_path, BUSY)) == [
        "busy  started as name",
        "Prepare  Pass",
        "Both  entered (Parallel)",
        "Both[0] / Left  entered (Wait)",
        "Both[1] / Right  entered (Wait)",
        "Both[0] / Left  exited after 1.00 s",
        "Both[1] / Right  exited after 1 min 1 s",
        "Both  exited after 1 min 1 s",
        "Each  entered (Map)",
        "Each  1 of 3 items done",
        "Each  2 of 3 items done",
        "Each  3 of 3 items done",
        "Each  exited after 2.00 s",
        "execution  FAILED after 1 min 3 s: Order.Lost: gone",
    ]


async def test_a_flood_is_summed_up(tmp_path: Path) -> None:
    states = {f"S{number}": {"Type": "Pass", "Next": f"S{number + 1}"} for number in range(200)}
    machine = {"StartAt": "S0", "States": {**states, "S200": {"Type": "Pass", "End": True}}}
    batches = await recorded(tmp_path, machine)
    lines = plain([[event for batch in batches for event in batch]])
    assert len(lines) == LINES_AT_ONCE + 2
    assert "more lines left out" in "".join(lines)
    assert lines[-1].startswith("execution  SUCCEEDED")


async def test_the_tree_shows_states_branches_and_counts(tmp_path: Path) -> None:
    stream = Terminal()
    progress = LiveProgress(stream, virtual=True)
    progress.announce("busy", "name", "workspace /far/away")
    for batch in await recorded(tmp_path, BUSY):
        progress.feed(batch)
        progress.draw()
    progress.finish()
    drawn = stream.getvalue()
    for words in ("Prepare", "[0]", "Left", "[1]", "Right", "0 of 3 done", "3 running", "3 of 3 done", "FAILED"):
        assert words in drawn
    last = drawn[drawn.rindex("busy") :]
    for words in ("✓", "✗", "Order.Lost: gone", "workspace /far/away", "asl-runner history name"):
        assert words in last


async def redriven(directory: Path) -> tuple[list[Event], list[Event]]:
    """What happened before a redrive, and since."""
    before: list[Event] = []
    after: list[Event] = []
    configuration = Configuration(root=directory, workspace=directory / ".asl-runner")
    async with Workspace(configuration) as workspace:
        running = await workspace.start(load(BUSY), {}, clock="virtual", observers=[before.extend])
        await running.result()
        again = await workspace.redrive(load(BUSY), {}, running.record, clock="virtual", observers=[after.extend])
        assert again is not None
        await again.result()
    return before, after


async def test_of_a_redrive_only_what_is_new_is_told(tmp_path: Path) -> None:
    before, after = await redriven(tmp_path)
    stream = io.StringIO()
    progress = PlainProgress(stream)
    progress.announce("busy", "name")
    progress.catch_up(before)
    progress.feed(after)
    progress.finish()
    lines = [line.partition("  ")[2] for line in stream.getvalue().splitlines()]
    assert lines == ["busy  redriven as name", "execution  FAILED after 0.00 s: Order.Lost: gone"]


async def test_the_tree_of_a_redrive_has_what_was_before(tmp_path: Path) -> None:
    before, after = await redriven(tmp_path)
    stream = Terminal()
    progress = LiveProgress(stream, virtual=True)
    progress.announce("busy", "name")
    progress.catch_up(before)
    progress.feed(after)
    progress.finish()
    drawn = stream.getvalue()
    for words in ("Prepare", "3 of 3 done", "Lose", "Order.Lost: gone"):
        assert words in drawn


def test_trials_are_a_table() -> None:
    stream = Terminal()
    begun = {"resourceType": "sagemaker", "resource": "createHyperParameterTuningJob.sync"}
    events = [*job_events("HyperParameterTuning", "tune"), Event(4, 3, 0.0, "TaskStarted", begun)]
    trials = tuple(
        TrialProgress(
            name=f"tune-00{number}-abc",
            number=number,
            status=status,
            secondary_status="Training",
            hyperparameters={"eta": f"0.{number}2345678"},
            value=value,
            best=number == 1,
            started=1.0,
            ended=2.5,
        )
        for number, (status, value) in enumerate([("Completed", 0.25), ("InProgress", None)], start=1)
    )
    job = tuning(*trials)
    asked: list[tuple[str, str]] = []

    def jobs(kind: str, name: str) -> JobProgress:
        asked.append((kind, name))
        return job

    live = LiveProgress(stream, jobs, virtual=True)
    live.feed(events)
    live.draw()
    live.finish()
    drawn = stream.getvalue()
    assert set(asked) == {("tuning", "tune")}
    for words in ("1 of 2 trials", "001-abc", "0.25 ★", "validation:rmse", "eta", "0.1235", "Training"):
        assert words in drawn

    lines = io.StringIO()
    told = PlainProgress(lines, jobs)
    told.feed(events)
    told.draw()
    told.finish()
    assert lines.getvalue().count("trial 001-abc  Completed  validation:rmse=0.25") == 1
    assert "trial 002" not in lines.getvalue()


@pytest.mark.parametrize("virtual", [False, True])
def test_trials_are_told_in_time_before_what_follows_them(virtual: bool) -> None:
    began = [
        Event(1, 0, 100.0, "ExecutionStarted", {"input": b"{}"}),
        Event(2, 0, 100.0, "TaskStateEntered", {"name": "Tune", "input": b"{}"}),
        Event(3, 2, 100.0, "TaskScheduled", scheduled("HyperParameterTuning", "tune")),
        Event(4, 2, 101.0, "TaskStateEntered", {"name": "Beside", "input": b"{}"}, "Both:0.1"),
    ]
    rest = [
        Event(5, 4, 102.0, "TaskStateExited", {"name": "Tune", "output": b"{}"}),
        Event(6, 5, 102.5, "TaskStateEntered", {"name": "After", "input": b"{}"}),
        Event(7, 6, 103.0, "TaskStateExited", {"name": "After", "output": b"{}"}),
        Event(8, 7, 104.0, "ExecutionSucceeded", {"output": b"{}"}),
    ]
    real = 1_000.0 if virtual else 0.0
    ends = {"a": 100.9, "c": 101.6, "b": 101.4}
    trials = tuple(
        TrialProgress(
            name=f"tune-{name}",
            number=number,
            status="Completed",
            secondary_status="Completed",
            hyperparameters={},
            value=1.0,
            best=False,
            started=100.0,
            ended=real + ended,
        )
        for number, (name, ended) in enumerate(ends.items(), start=1)
    )
    shown: list[JobProgress] = []
    job = JobProgress(
        kind="tuning",
        name="tune",
        status="Completed",
        secondary_status="",
        created=100.0,
        ended=real + 101.9,
        failure_reason=None,
        trials=trials,
    )
    stream = io.StringIO()
    progress = PlainProgress(stream, lambda kind, name: shown[0] if shown else None, virtual=virtual)
    progress.feed(began)
    progress.draw()
    shown.append(job)
    progress.feed(rest)
    progress.finish()
    lines = [line.split("  ") for line in stream.getvalue().splitlines()]
    assert [line[0] for line in lines] == sorted(line[0] for line in lines)
    told = [" ".join(line[1:3]) for line in lines]
    assert told[-7:-1] == [
        "tune trial a",
        "tune trial b",
        "tune trial c",
        "Tune exited after 2.00 s",
        "After entered (Task)",
        "After exited after 0.50 s",
    ]
    assert told[-1] == "execution SUCCEEDED after 4.00 s"


def test_the_style_follows_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert choose_style("auto", quiet=False) == "live"
    assert choose_style("auto", quiet=True) == "none"
    assert choose_style("plain", quiet=False) == "plain"
    monkeypatch.setenv("TERM", "dumb")
    assert choose_style("auto", quiet=False) == "plain"


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0.00 s"), (9.994, "9.99 s"), (12.34, "12.3 s"), (60, "1 min"), (185, "3 min 5 s"), (7440, "2 h 4 min")],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_reason_is_one_line() -> None:
    assert reason("E", None) == "E"
    assert reason(None, None) == ""
    assert reason("ValueError", '{"errorMessage": "bad é", "errorType": "ValueError"}') == "ValueError: bad é"
    assert reason("E", '{"not json') == 'E: {"not json'
    assert len(reason("E", "x" * 1000)) == 300


def test_a_distributed_map_tells_how_its_items_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        Event(1, 0, 0.0, "ExecutionStarted", {"input": b"{}", "roleArn": "r"}),
        Event(2, 0, 0.0, "MapStateEntered", {"name": "Each", "input": b"{}"}),
        Event(3, 2, 0.0, "MapStateStarted", {"length": 0}),
        Event(4, 3, 0.0, "MapRunStarted", {"mapRunArn": "arn"}),
    ]
    end = [
        Event(5, 4, 20.0, "MapRunSucceeded", None),
        Event(6, 5, 20.0, "MapStateSucceeded", None),
        Event(7, 4, 20.0, "MapStateExited", {"name": "Each", "output": b"{}"}),
        Event(8, 7, 20.0, "ExecutionSucceeded", {"output": b"{}"}),
    ]
    found: dict[str, Counts] = {"arn": Counts(2_000, started=1_300, succeeded=1_200, failed=3)}
    plain, live = io.StringIO(), Terminal()
    passed = [0.0]
    monkeypatch.setattr("asl_runner.cli.map_items.time.monotonic", lambda: passed[0])
    for progress in (
        PlainProgress(plain, None, found.get, virtual=True),
        LiveProgress(live, None, found.get, virtual=True),
    ):
        found["arn"] = Counts(2_000, started=1_300, succeeded=1_200, failed=3)
        progress.feed(events)
        progress.draw()
        passed[0] += 11.0
        progress.draw()
        found.clear()
        progress.feed(end)
        progress.finish()
    assert "Each  1,203 of 2,000 items done, 3 failed" in plain.getvalue()
    assert plain.getvalue().count("items done") == 1
    assert "1,203 of 2,000 done" in live.getvalue()
    assert "97 running" in live.getvalue()
    assert "0 of 0" not in live.getvalue()


def scheduled(kind: str, name: str) -> dict[str, Any]:
    """The details of an event that asks for a job."""
    parameters = f'{{"{kind}JobName":"{name}"}}'.encode()
    return {"resourceType": "sagemaker", "resource": f"create{kind}Job.sync", "parameters": parameters}


def job_events(kind: str, name: str) -> list[Event]:
    """A Task that awaits a job."""
    return [
        Event(1, 0, 0.0, "ExecutionStarted", {"input": b"{}"}),
        Event(2, 0, 0.0, "TaskStateEntered", {"name": "Fit", "input": b"{}"}),
        Event(3, 2, 0.0, "TaskScheduled", scheduled(kind, name)),
    ]


def tuning(*trials: TrialProgress) -> JobProgress:
    """The tuning job `tune`, of two trials."""
    return JobProgress(
        kind="tuning",
        name="tune",
        status="InProgress",
        secondary_status="",
        created=0.0,
        ended=None,
        failure_reason=None,
        objective="validation:rmse",
        total=2,
        trials=trials,
    )


def fitting(values: Sequence[float], ended: float | None = None) -> JobProgress:
    """The training job `fit` after so many values of its metric."""
    return JobProgress(
        kind="training",
        name="fit",
        status="InProgress" if ended is None else "Completed",
        secondary_status="Training",
        created=0.0,
        ended=ended,
        failure_reason=None,
        metrics={"train:rmse": values[-1], "ObjectiveMetric": values[-1]},
        curves={"train:rmse": tuple(values)},
    )


@pytest.mark.parametrize("encoding, curve", [("utf-8", "█▅▁"), ("ascii", "@+_")])
def test_a_metric_has_a_curve_in_the_tree(encoding: str, curve: str) -> None:
    stream = Terminal()
    stream.encoding = encoding
    progress = LiveProgress(stream, lambda kind, name: fitting([3.0, 2.0, 1.0]), virtual=True)
    progress.feed(job_events("Training", "fit"))
    progress.finish()
    drawn = stream.getvalue()
    for words in ("Training", "train:rmse 1", curve):
        assert words in drawn
    assert "ObjectiveMetric" not in drawn


def test_lines_tell_metrics_now_and_then_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [fitting([3.0])]
    lines = io.StringIO()
    progress = PlainProgress(lines, lambda kind, name: shown[-1])
    progress.feed(job_events("Training", "fit"))
    progress.draw()
    shown.append(fitting([3.0, 2.0]))
    progress.draw()  # Too soon.
    monkeypatch.setattr("asl_runner.cli.progress_plain.time.monotonic", lambda: 1e12)
    progress.draw()
    shown.append(fitting([3.0, 2.0, 1.5], ended=9.0))
    progress.draw()
    progress.finish()
    told = [line.partition("  ")[2] for line in lines.getvalue().splitlines() if "rmse" in line]
    assert told == ["fit  Training  train:rmse=3", "fit  Training  train:rmse=2", "fit  Completed  train:rmse=1.5"]


def test_jobs_of_visits_begun_before_are_told_each_by_itself() -> None:
    entered = {"name": "Fit", "input": b"{}"}
    past = [
        Event(1, 0, 5.0, "ExecutionStarted", {"input": b"{}"}),
        Event(2, 0, 5.0, "ParallelStateEntered", {"name": "Both", "input": b"{}"}),
        Event(3, 2, 5.0, "ParallelStateStarted"),
        *(Event(4 + index, 3, 5.0, "TaskStateEntered", entered, f"Both:0.{index}") for index in range(2)),
    ]
    again = [
        Event(6 + index, 4 + index, 6.0, "TaskScheduled", scheduled("Training", f"fit-{index}"), f"Both:0.{index}")
        for index in range(2)
    ]

    def jobs(kind: str, name: str) -> JobProgress:
        return structs.replace(fitting([3.0]), name=name)

    lines, tree = io.StringIO(), Terminal()
    plain, live = PlainProgress(lines, jobs, virtual=True), LiveProgress(tree, jobs, virtual=True)
    for progress in (plain, live):
        progress.catch_up(past)
        progress.feed(again)
        progress.finish()
    told = [line.partition("  ")[2] for line in lines.getvalue().splitlines() if "rmse" in line]
    assert told == ["fit-0  Training  train:rmse=3", "fit-1  Training  train:rmse=3"]
    assert tree.getvalue().rpartition("\r")[2].count("train:rmse 3") == 2


def test_a_trial_has_a_curve_of_its_objective() -> None:
    trial = TrialProgress(
        name="tune-001-abc",
        number=1,
        status="InProgress",
        secondary_status="Training",
        hyperparameters={"eta": "0.1"},
        value=1.0,
        curve=(3.0, 2.0, 1.0),
        best=False,
        started=1.0,
        ended=None,
    )
    stream = Terminal()
    progress = LiveProgress(stream, lambda kind, name: tuning(trial), virtual=True)
    progress.feed(job_events("HyperParameterTuning", "tune"))
    progress.finish()
    row = next(line for line in stream.getvalue().splitlines() if "001-abc" in line)
    assert "█▅▁" in row
    assert row.index("█▅▁") < row.index("0.1")
