"""Jobs forked from a warm process: as safe as those started from nothing."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from xgboost_programs import run_training, table, training_spec

from asl_runner.sagemaker.containers import process, warm
from asl_runner.sagemaker.containers.container import Container, ExitStatus
from asl_runner.sagemaker.containers.process import start

CHANNELS = {"train": {"train.csv": table()}}


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def long_job(root: Path) -> tuple[Container, threading.Event]:
    spec = training_spec(root, {"num_round": "1000000"}, CHANNELS)
    running = threading.Event()
    return start(spec, lambda line: running.set() if line.startswith("[1]\t") else None), running


def test_jobs_share_one_warm_parent_and_nothing_else(tmp_path: Path) -> None:
    jobs = [long_job(tmp_path / name) for name in ("a", "b")]
    for _, running in jobs:
        assert running.wait(60)
    (first, _), (second, _) = jobs
    assert parent_of(first.pid) == parent_of(second.pid) != os.getpid()
    assert os.getpgid(first.pid) == first.pid != os.getpgid(second.pid)
    assert first.stop(30).code == 0
    assert second.status is None
    assert second.stop(30).code == 0


def test_jobs_may_use_several_threads(tmp_path: Path) -> None:
    # OpenMP must not have been used before the fork, or this would hang.
    done = run_training(tmp_path, {"num_round": "3", "nthread": "4"}, {"train": {"t": table(3000, 8)}})
    assert done.status.code == 0, done.lines


def test_a_killed_warm_parent_ends_its_jobs_and_is_replaced(tmp_path: Path) -> None:
    container, running = long_job(tmp_path / "a")
    assert running.wait(60)
    os.kill(parent_of(container.pid), signal.SIGKILL)
    status = container.wait(60)
    assert isinstance(status, ExitStatus)
    assert (status.code, status.stopped) == (137, False)
    assert run_training(tmp_path / "b", {"num_round": "2"}, CHANNELS).status.code == 0


def test_without_a_warm_parent_jobs_start_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise warm.ZygoteFailed("none")

    monkeypatch.setattr(process, "warm_start", fail)
    done = run_training(tmp_path, {"num_round": "2"}, CHANNELS)
    assert done.status.code == 0
    assert len(done.rounds) == 2


def test_a_job_too_large_to_describe_starts_from_nothing(tmp_path: Path) -> None:
    spec = training_spec(tmp_path, {"num_round": "2"}, CHANNELS)
    large = {f"LARGE_{number}": "x" * 100_000 for number in range(12)}
    status = start(replace(spec, environment={**spec.environment, **large})).wait(60)
    assert status is not None
    assert status.code == 0
