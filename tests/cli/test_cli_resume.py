"""`asl-runner resume`, as a person uses it: after a process was killed with SIGKILL."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from command_line import PASS, WAIT, asl_runner, start, task, write

from asl_runner.errors import NotFound
from asl_runner.history.store import Store

FUNCTION = """
import pathlib, time
HERE = pathlib.Path(__file__).resolve().parent.parent
def handler(event, context):
    name = event["do"]
    with (HERE / "effects").open("a") as effects:
        effects.write(name + "\\n")
    if "fails" in event and (HERE / "effects").read_text().split().count(name) <= event["fails"]:
        raise ValueError(name)
    while "waits" in event and not (HERE / event["waits"]).exists():
        time.sleep(0.01)
    return name.upper()
"""


def call(name: str, **fields: Any) -> dict[str, Any]:
    state: dict[str, Any] = task("work")["States"]["T"]
    return {**state, "Parameters": {"do": name, **fields}}


def one(state: dict[str, Any], name: str = "T") -> dict[str, Any]:
    return {"StartAt": name, "States": {name: state}}


def effects(directory: Path) -> list[str]:
    path = directory / "effects"
    return path.read_text().split() if path.exists() else []


def killed(directory: Path, *arguments: str, once: Callable[[], bool]) -> None:
    """Runs a command and kills it as soon as something is so."""
    process = start(directory, *arguments)
    while not once():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def project(directory: Path, machine: dict[str, Any]) -> None:
    write(directory, "lambdas/work.py", FUNCTION)
    write(directory, "m.json", machine)


def history(directory: Path) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(asl_runner(directory, "history", "latest", "--json").stdout)["events"]
    return events


def test_what_was_done_is_not_done_again_and_what_was_in_flight_is(tmp_path: Path) -> None:
    inner = {
        "Type": "Parallel",
        "End": True,
        "Branches": [
            one(call("quick")),
            one(call("held", waits="go"), "Held"),
            one({"Type": "Wait", "Seconds": 1, "End": True}, "W"),
        ],
    }
    first = {**call("first"), "Next": "Each", "ResultPath": "$.first"}
    del first["End"]
    each = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": one(inner, "Both"),
        "ResultPath": "$.all",
        "End": True,
    }
    project(tmp_path, {"StartAt": "First", "States": {"First": first, "Each": each}})
    given = ("run", "m.json", "--name", "cut", "--input", '{"items": [1, 2]}')
    expected = ["first", "quick", "quick", "held", "held"]
    killed(tmp_path, *given, once=lambda: sorted(effects(tmp_path)) == sorted(expected))
    listed = asl_runner(tmp_path, "list").stdout
    assert "RUNNING (process gone)" in listed
    write(tmp_path, "go", "")
    resumed = asl_runner(tmp_path, "resume", "cut")
    assert resumed.returncode == 0, resumed.stderr
    outputs = [["QUICK", "HELD", item] for item in (1, 2)]
    assert json.loads(resumed.stdout) == {"items": [1, 2], "first": "FIRST", "all": outputs}
    done = effects(tmp_path)
    assert done.count("first") == 1
    # The journal may not have had the answer yet when the process died.
    assert 2 <= done.count("quick") <= 4
    assert done.count("held") == 4
    assert resumed.stderr.count("Held  asked again: its process died") == 2
    shown = asl_runner(tmp_path, "show", "cut")
    assert "retry" not in shown.stdout + resumed.stderr
    step = asl_runner(tmp_path, "show", "cut", "--step", "Held").stdout
    assert "in flight when its process died" in step
    events = history(tmp_path)
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events].count("ExecutionStarted") == 1
    assert [event["type"] for event in events][-1] == "ExecutionSucceeded"


def test_retries_go_on_counting_and_waiting(tmp_path: Path) -> None:
    retry = [{"ErrorEquals": ["ValueError"], "MaxAttempts": 3, "IntervalSeconds": 1, "BackoffRate": 1}]
    project(tmp_path, one({**call("flaky", fails=9), "Retry": retry}))
    killed(tmp_path, "run", "m.json", once=lambda: effects(tmp_path).count("flaky") >= 2)
    time.sleep(0.3)
    resumed = asl_runner(tmp_path, "resume", "latest")
    assert resumed.returncode == 1
    assert "FAILED" in resumed.stderr
    failed = [event for event in history(tmp_path) if event["type"] == "LambdaFunctionFailed"]
    assert len(failed) == 4
    # One more where the second failure had not been kept yet: then it was in flight.
    assert effects(tmp_path).count("flaky") in (4, 5)


def test_a_wait_is_not_begun_anew(tmp_path: Path) -> None:
    project(tmp_path, one({"Type": "Wait", "Seconds": 4, "End": True}))
    database = tmp_path / ".asl-runner" / "workspace.db"

    def waits() -> bool:
        try:
            with Store.open(database, read_only=True) as store:
                return store.find("latest").event_count == 2
        except NotFound:
            return False

    killed(tmp_path, "run", "m.json", once=waits)
    assert asl_runner(tmp_path, "resume", "latest").returncode == 0
    events = history(tmp_path)
    types = ["ExecutionStarted", "WaitStateEntered", "WaitStateExited", "ExecutionSucceeded"]
    assert [event["type"] for event in events] == types
    entered, exited = (datetime.fromisoformat(events[index]["timestamp"]) for index in (1, 2))
    assert (exited - entered).total_seconds() >= 4


def test_it_goes_on_with_the_options_it_was_run_with(tmp_path: Path) -> None:
    flow: dict[str, Any] = {
        "StartAt": "Mocked",
        "States": {
            "Mocked": {**call("never for real"), "Next": "Real"},
            "Real": {**call("held", waits="go"), "Next": "Year"},
            "Year": {"Type": "Wait", "Seconds": 31_536_000, "Next": "Again"},
            "Again": call("never for real"),
        },
    }
    for name in ("Mocked", "Real"):
        flow["States"][name].pop("End")
    project(tmp_path, flow)
    write(tmp_path, "mocks.yaml", "Mocked: [{return: 1}]\nAgain: [{return: 2}]\n")
    given = ("run", "m.json", "--mock", "mocks.yaml", "--clock", "virtual")
    killed(tmp_path, *given, once=lambda: effects(tmp_path) == ["held"])
    write(tmp_path, "go", "")
    resumed = asl_runner(tmp_path, "resume", "latest", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["output"] == "2"
    assert effects(tmp_path) == ["held", "held"]


def test_what_cannot_be_resumed_is_said(tmp_path: Path) -> None:
    write(tmp_path, "pass.json", PASS)
    write(tmp_path, "wait.json", WAIT)
    assert asl_runner(tmp_path, "run", "pass.json", "--name", "done").returncode == 0
    ended = asl_runner(tmp_path, "resume", "done")
    assert (ended.returncode, ended.stderr) == (2, "Error: done has ended: SUCCEEDED.\n")
    running = start(tmp_path, "run", "wait.json", "--name", "busy")
    while "busy" not in asl_runner(tmp_path, "list").stdout:
        time.sleep(0.01)
    busy = asl_runner(tmp_path, "resume", "busy")
    assert (busy.returncode, busy.stderr) == (2, f"Error: busy runs in process {running.pid}.\n")
    nothing = asl_runner(tmp_path, "resume", "--all")
    assert (nothing.returncode, nothing.stderr) == (0, "Nothing to resume: no execution's process is gone.\n")
    both = asl_runner(tmp_path, "resume", "busy", "--all")
    assert both.returncode == 2
    running.send_signal(signal.SIGKILL)
    running.communicate()


def test_all_go_on_together(tmp_path: Path) -> None:
    project(tmp_path, one(call("held", waits="go")))
    processes = [start(tmp_path, "run", "m.json", "--name", f"cut-{index}") for index in range(3)]
    while len(effects(tmp_path)) < 3:
        time.sleep(0.01)
    for process in processes:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    write(tmp_path, "go", "")
    resumed = asl_runner(tmp_path, "resume", "--all")
    assert resumed.returncode == 0, resumed.stderr
    assert sorted(resumed.stdout.split()) == sorted([*(f"cut-{index}" for index in range(3)), *["SUCCEEDED"] * 3])
    assert effects(tmp_path).count("held") == 6


def test_all_leaves_out_what_cannot_go_on_and_says_why(tmp_path: Path) -> None:
    project(tmp_path, one(call("held", waits="go")))
    write(tmp_path, "mocks.json", {"T": {"return": 1}})
    for name in ("plain", "express", "answered", "lost"):
        before = len(effects(tmp_path))
        killed(tmp_path, "run", "m.json", "--name", name, once=lambda: len(effects(tmp_path)) > before)  # noqa: B023
    with sqlite3.connect(tmp_path / ".asl-runner" / "workspace.db") as database:
        for name, column, value in (
            ("express", "type", "EXPRESS"),
            ("answered", "settings", '{"run":{"answered":"by its caller"}}'),
            ("lost", "settings", '{"run":{"mock_file":"/nowhere/mocks.json"}}'),
        ):
            database.execute(f"UPDATE executions SET {column} = ? WHERE name = ?", (value, name))
    database.close()
    write(tmp_path, "go", "")
    resumed = asl_runner(tmp_path, "resume", "--all", "-q")
    assert (resumed.returncode, resumed.stdout) == (1, "plain  SUCCEEDED\n"), resumed.stderr
    assert "express is an Express execution: nothing of it is kept for sure, so it cannot go on." in resumed.stderr
    assert "The tasks of answered were answered by the program that ran it" in resumed.stderr
    assert "lost does not go on: " in resumed.stderr
    assert len(effects(tmp_path)) == 5
    mocked = asl_runner(tmp_path, "resume", "--all", "-q", "--mock", "mocks.json")
    assert (mocked.returncode, mocked.stdout) == (1, "1\n"), mocked.stderr
    assert len(effects(tmp_path)) == 5


PROGRAM = """
import pathlib, sys, time
here = pathlib.Path(sys.argv[1])
with (here / "effects").open("a") as effects:
    effects.write("job\\n")
while not (here / "go").exists():
    time.sleep(0.01)
"""


def processing(**fields: Any) -> dict[str, Any]:
    request = {
        "ProcessingJobName": "prepare",
        "AppSpecification": {"ImageUri": "mine:1"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "RoleArn": "arn:aws:iam::123456789012:role/r",
    }
    resource = "arn:aws:states:::sagemaker:createProcessingJob.sync"
    return one({"Type": "Task", "Resource": resource, "Parameters": request, "End": True, **fields})


def test_a_job_that_was_lost_is_started_again(tmp_path: Path) -> None:
    write(tmp_path, "program.py", PROGRAM)
    run = json.dumps(["python", "program.py", str(tmp_path)])
    write(tmp_path, "asl-runner.toml", f'[images]\n"mine:*" = {{ command = {run} }}\n')
    retry = [{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1, "IntervalSeconds": 1}]
    for name, fields in (("bare", {}), ("retried", {"Retry": retry})):
        (tmp_path / "effects").unlink(missing_ok=True)
        (tmp_path / "go").unlink(missing_ok=True)
        machine = processing(**fields)
        machine["States"]["T"]["Parameters"]["ProcessingJobName"] = name
        write(tmp_path, "m.json", machine)
        killed(tmp_path, "run", "m.json", "--name", name, once=lambda: effects(tmp_path) == ["job"])
        write(tmp_path, "go", "")
        resumed = asl_runner(tmp_path, "resume", name)
        assert resumed.returncode == 0, resumed.stderr
        assert json.loads(resumed.stdout)["ProcessingJobStatus"] == "Completed"
        assert effects(tmp_path) == ["job", "job"]
        types = [event["type"] for event in history(tmp_path)]
        assert types.count("TaskScheduled") == 2
        # A retrier counts it; without one it is asked again as a function in flight is.
        assert types.count("TaskFailed") == (1 if fields else 0)


def test_a_tuning_job_that_was_lost_is_started_again_with_its_trials(tmp_path: Path) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train.csv"}
    request = {
        "HyperParameterTuningJobName": "search",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "RandomSeed": 1,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.9"}]},
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {"objective": "reg:squarederror", "num_round": "300"},
            "AlgorithmSpecification": {
                "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
                "TrainingInputMode": "File",
            },
            "RoleArn": "arn:aws:iam::123456789012:role/r",
            "InputDataConfig": [
                {"ChannelName": name, "DataSource": {"S3DataSource": source}, "ContentType": "text/csv"}
                for name in ("train", "validation")
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://data/models"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
    }
    rows = "".join(f"{n % 7},{n % 11},{n % 5}\n" for n in range(500))
    write(tmp_path, ".asl-runner/s3/data/train.csv", rows)
    resource = "arn:aws:states:::sagemaker:createHyperParameterTuningJob.sync"
    write(tmp_path, "m.json", one({"Type": "Task", "Resource": resource, "Parameters": request, "End": True}))
    trials = tmp_path / ".asl-runner" / "jobs" / "training"
    killed(tmp_path, "run", "m.json", once=lambda: trials.is_dir() and len(list(trials.iterdir())) > 1)
    resumed = asl_runner(tmp_path, "resume", "latest")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["TrainingJobStatusCounters"]["Completed"] == 4
