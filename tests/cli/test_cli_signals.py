"""Executions that are cut short, run side by side, or lose their process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import PASS, WAIT, asl_runner, environment, start, task, wait_for_line, write

from asl_runner.cli.processes import descendants

SLEEPER = "import time\ndef handler(event, context):\n    time.sleep(600)\n"


def described(directory: Path, name: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(asl_runner(directory, "describe", name, "--json").stdout)
    return document


def gone(processes: list[int]) -> bool:
    """Whether all have ended, once they had a moment to."""
    for _ in range(200):
        if not any(Path(f"/proc/{process}").exists() for process in processes):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_aborts_the_execution_and_ends_its_children(tmp_path: Path, number: signal.Signals, code: int) -> None:
    write(tmp_path, "lambdas/sleeper.py", SLEEPER)
    write(tmp_path, "m.asl.json", task("sleeper"))
    process = start(tmp_path, "run", "m.asl.json", "--name", "cut")
    wait_for_line(process, "entered (Task)")
    for _ in range(200):
        if children := descendants(process.pid):
            break
        time.sleep(0.02)
    assert children
    process.send_signal(number)
    output, said = process.communicate(timeout=60)
    assert (process.returncode, output) == (code, "")
    assert "Stopping the execution" in said
    assert "ABORTED" in said
    assert "Traceback" not in said
    assert gone(children)
    assert described(tmp_path, "cut")["status"] == "ABORTED"
    events = json.loads(asl_runner(tmp_path, "history", "cut", "--json").stdout)["events"]
    assert [event["type"] for event in events][-1] == "ExecutionAborted"


def test_a_closed_terminal_aborts_the_execution_and_ends_its_children(tmp_path: Path) -> None:
    write(tmp_path, "lambdas/sleeper.py", SLEEPER)
    write(tmp_path, "m.asl.json", task("sleeper"))
    terminal, ours = os.openpty()
    # A process of its own session, which takes the terminal for its own: what a shell's window does.
    takes_it = "import fcntl, os, signal, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
    takes_it += "; signal.signal(signal.SIGHUP, signal.SIG_DFL)"
    runs = f"{takes_it}; os.execv(sys.executable, [sys.executable, '-m', 'asl_runner', *sys.argv[1:]])"
    process = subprocess.Popen(
        [sys.executable, "-c", runs, "run", "m.asl.json", "--name", "cut"],
        cwd=tmp_path,
        env={**environment(), "TERM": "xterm"},
        stdin=ours,
        stdout=ours,
        stderr=ours,
    )
    os.close(ours)
    while not (children := descendants(process.pid)):
        assert os.read(terminal, 4096), "the command ended"
    os.close(terminal)
    process.wait(60)
    assert gone(children)
    assert described(tmp_path, "cut")["status"] == "ABORTED"


TUNE = {
    "StartAt": "Tune",
    "States": {
        "Tune": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sagemaker:createHyperParameterTuningJob.sync",
            "Parameters": {
                "HyperParameterTuningJobName": "tune",
                "HyperParameterTuningJobConfig": {
                    "Strategy": "Random",
                    "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
                    "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
                    "ParameterRanges": {
                        "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}]
                    },
                },
                "TrainingJobDefinition": {
                    "AlgorithmSpecification": {
                        "TrainingImage": "433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:latest",
                        "TrainingInputMode": "File",
                    },
                    "OutputDataConfig": {"S3OutputPath": "s3://data/models"},
                    "StoppingCondition": {"MaxRuntimeInSeconds": 600},
                    "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m4.xlarge", "VolumeSizeInGB": 1},
                    "RoleArn": "arn:aws:iam::123456789012:role/SageMaker",
                    "InputDataConfig": [
                        {
                            "ChannelName": channel,
                            "ContentType": "text/csv",
                            "DataSource": {
                                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://data/{channel}.csv"}
                            },
                        }
                        for channel in ("train", "validation")
                    ],
                    "StaticHyperParameters": {"num_round": "1000000", "max_depth": "2"},
                },
            },
            "End": True,
        }
    },
}


def test_a_tuning_job_cut_short_leaves_nothing_half_written(tmp_path: Path) -> None:
    write(tmp_path, "tune.asl.json", TUNE)
    for channel in ("train", "validation"):
        rows = "".join(f"{number % 7},{number % 5},{number % 3}\n" for number in range(200))
        write(tmp_path, f".asl-runner/s3/data/{channel}.csv", rows)
    process = start(tmp_path, "run", "tune.asl.json", "--name", "cut")
    wait_for_line(process, "entered (Task)")
    jobs = tmp_path / ".asl-runner" / "jobs"
    for _ in range(1500):
        if len(list(jobs.glob("training/*/record.json"))) == 2:
            break
        time.sleep(0.02)
    children = descendants(process.pid)
    assert children
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert gone(children)
    assert described(tmp_path, "cut")["status"] == "ABORTED"
    records = [json.loads(path.read_text()) for path in jobs.glob("*/*/record.json")]
    statuses = {document[key] for record in records for key in STATUSES if key in (document := record["document"])}
    assert statuses == {"Stopped"}
    assert not list((tmp_path / ".asl-runner" / "s3").glob(".staging/*"))
    assert {path.name for path in (tmp_path / ".asl-runner" / "s3" / "data").rglob("*") if path.is_file()} <= {
        "train.csv",
        "validation.csv",
        "model.tar.gz",
    }


STATUSES = ("TrainingJobStatus", "HyperParameterTuningJobStatus")


def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    write(tmp_path, "lambdas/sleeper.py", SLEEPER)
    write(tmp_path, "m.asl.json", task("sleeper"))
    process = start(tmp_path, "run", "m.asl.json", "--name", "cut")
    wait_for_line(process, "entered (Task)")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_stop_reaches_another_process(tmp_path: Path) -> None:
    write(tmp_path, "m.asl.json", WAIT)
    process = start(tmp_path, "run", "m.asl.json", "--name", "far")
    wait_for_line(process, "entered (Wait)")
    stopped = asl_runner(tmp_path, "stop", "far", "--error", "Operator", "--cause", "enough")
    assert (stopped.returncode, stopped.stdout) == (0, "far ABORTED\n")
    process.communicate(timeout=60)
    assert process.returncode == 1
    document = described(tmp_path, "far")
    assert (document["status"], document["error"], document["cause"]) == ("ABORTED", "Operator", "enough")


def test_an_execution_whose_process_was_killed_can_be_ended(tmp_path: Path) -> None:
    write(tmp_path, "m.asl.json", WAIT)
    process = start(tmp_path, "run", "m.asl.json", "--name", "lost")
    wait_for_line(process, "entered (Wait)")
    process.kill()
    process.communicate(timeout=60)
    assert "RUNNING (process gone)" in asl_runner(tmp_path, "list").stdout
    assert "is gone" in asl_runner(tmp_path, "describe", "lost").stdout
    assert asl_runner(tmp_path, "stop", "lost").stdout == "lost ABORTED\n"
    assert described(tmp_path, "lost")["status"] == "ABORTED"
    events = json.loads(asl_runner(tmp_path, "history", "lost", "--json").stdout)["events"]
    assert events[-1]["type"] == "ExecutionAborted"


def test_two_runs_share_a_workspace(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    runs = [start(tmp_path, "run", "-q", "order.asl.json", "--name", f"n{number}") for number in range(4)]
    for run in runs:
        output, said = run.communicate(timeout=60)
        assert (run.returncode, output, said) == (0, '{"n":1}\n', "")
    listed = json.loads(asl_runner(tmp_path, "list", "--json").stdout)["executions"]
    assert sorted(row["name"] for row in listed) == ["n0", "n1", "n2", "n3"]


def test_a_reader_that_goes_away_ends_the_command_quietly(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    asl_runner(tmp_path, "run", "-q", "order.asl.json")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "asl_runner", "history", "latest"],
            cwd=tmp_path,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, "")


LOADING = """
class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "asl_runner.cli.entry":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
"""
LEAVING = """
import atexit, os, signal, time
atexit.register(lambda: (os.kill(os.getpid(), signal.SIGINT), time.sleep(60)))
"""


@pytest.mark.parametrize("when, said", [(LOADING, "Interrupted.\n"), (LEAVING, "")], ids=["loading", "leaving"])
def test_an_interrupt_while_loading_or_leaving_shows_no_traceback(tmp_path: Path, when: str, said: str) -> None:
    write(tmp_path, "order.asl.json", PASS)
    program = f"import sys\nfrom asl_runner.__main__ import main\n{when}\nmain()\n"
    ran = subprocess.run(
        [sys.executable, "-c", program, "run", "-q", "order.asl.json"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (130, said)
