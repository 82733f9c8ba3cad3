"""A machine's clock set back while an execution runs, and between two processes that work on one."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from machines import WAITS, answer, asl_runner, start, write

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.interpreter import clocks
from asl_runner.interpreter.clocks import RealClock
from asl_runner.workspace import Workspace

DAY = 86_400.0

SET_BACK_SOON = """
import time
right, began = time.time, time.monotonic()
time.time = lambda: right() - (86_400.0 if time.monotonic() - began > 1.0 else 0.0)
"""
"""The clock goes back by a day one second from now."""

A_DAY_SLOW = """
import time
right = time.time
time.time = lambda: right() - 86_400.0
"""

FAILS = {"StartAt": "W", "States": {"W": WAITS["States"]["W"] | {"Next": "F"}, "F": {"Type": "Fail", "Error": "No"}}}


class Machine:
    """A machine's two clocks, set by hand."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.steady = 50.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady


def moments(place: Path, name: str) -> list[float]:
    """When the events of an execution happened."""
    events: list[dict[str, Any]] = answer(place, "history", name, "--json")["events"]
    return [datetime.fromisoformat(event["timestamp"]).timestamp() for event in events]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-1e6, 1e6)), max_size=30))
def test_time_never_goes_back_nor_slower_than_it_passes(steps: list[tuple[float, float]]) -> None:
    machine = Machine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clocks, "time", machine)
        clock = RealClock()
        before = clock.now()
        for passed, moved in steps:
            machine.steady += passed
            machine.wall += passed + moved
            now = clock.now()
            assert now >= before + passed - 1e-3
            assert now >= machine.wall
            before = now


def test_a_clock_goes_on_after_what_has_been() -> None:
    future = time.time() + DAY
    assert RealClock(future).now() >= future
    assert RealClock(time.time() - DAY).now() == pytest.approx(time.time(), abs=60)


async def test_a_wait_ends_when_the_clock_is_set_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    monkeypatch.setattr(clocks, "time", machine)
    monkeypatch.setattr(clocks, "_NAP", 0.001)
    clock = RealClock()
    rung = asyncio.Event()
    clock.call_at(clock.now() + DAY, rung.set)
    never = clock.call_at(clock.now() + DAY, lambda: pytest.fail("it was cancelled"))
    waiting = asyncio.create_task(clock.sleep_until(clock.now() + DAY))
    await asyncio.sleep(0.02)
    assert not rung.is_set()
    assert not waiting.done()
    never.cancel()
    machine.wall += DAY + 1
    await waiting
    await rung.wait()


def test_set_back_in_the_middle_of_a_run(tmp_path: Path) -> None:
    write(tmp_path, "w", WAITS)
    command = ("run", "w.asl.json", "--name", "w", "--input", '{"seconds": 2}', "--json")
    done = answer(tmp_path, *command, prelude=SET_BACK_SOON)
    assert json.loads(done["output"]) == "waited"
    times = moments(tmp_path, "w")
    assert times == sorted(times)
    assert 2 <= times[-1] - times[0] < DAY


def test_set_back_before_a_redrive(tmp_path: Path) -> None:
    write(tmp_path, "f", FAILS)
    assert asl_runner(tmp_path, "run", "f.asl.json", "--name", "f", "--input", '{"seconds": 0}').returncode == 1
    assert asl_runner(tmp_path, "redrive", "f", prelude=A_DAY_SLOW).returncode == 1
    times = moments(tmp_path, "f")
    assert times == sorted(times)


def test_a_redrive_in_real_time_after_a_run_in_virtual_time(tmp_path: Path) -> None:
    write(tmp_path, "f", FAILS)
    command = ("run", "f.asl.json", "--name", "f", "--input", json.dumps({"seconds": DAY}), "--clock", "virtual")
    assert asl_runner(tmp_path, *command).returncode == 1
    assert asl_runner(tmp_path, "redrive", "f").returncode == 1
    times = moments(tmp_path, "f")
    assert times == sorted(times)


async def test_set_back_between_a_kill_and_going_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "w", WAITS)
    with start(tmp_path, "run", "w.asl.json", "--name", "w", "--input", '{"seconds": 1}') as process:
        assert process.stderr is not None
        while "W" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGKILL)
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() - DAY)
    directory = tmp_path / ".asl-runner"
    async with Workspace(Configuration(root=tmp_path, workspace=directory)) as workspace:
        record = workspace.find("w")
        running = await workspace.resume(load(record.definition), {"seconds": 1}, record)
        assert running is not None
        assert (await running.result()).output == b'"waited"'
        events = list(workspace.store.events(record.arn))
    times = [event.time for event in events]
    assert times == sorted(times)
    assert events[-1].type == "ExecutionSucceeded"
