"""`jobs`: SageMaker jobs listed, described, and followed from another terminal."""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from command_line import asl_runner, start, write
from test_cli_completion import completed

from asl_runner.cli.curves import curve, sparkline
from asl_runner.sagemaker.records import Record, Records

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
RESOURCES = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
WAITS = """
import pathlib, sys, time
print("round 1 loss=3.0", flush=True)
print("\\x1b[2Jsteers", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.02)
print("round 2 loss=2.0")
sys.stdout.write("the last")
"""


def training(image: str, channels: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    """A training request without its name."""
    source = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
    inputs = [
        {
            "ChannelName": name,
            "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {**source, "S3Uri": f"s3://data/{name}.csv"}},
        }
        for name in channels
    ]
    return {
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        **({"InputDataConfig": inputs} if inputs else {}),
        "OutputDataConfig": {"S3OutputPath": "s3://data/models"},
        "ResourceConfig": RESOURCES,
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **changes,
    }


def job(kind: str, request: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::sagemaker:create{kind}.sync",
        "Parameters": request,
        **fields,
    }


def tuning() -> dict[str, Any]:
    request = training(XGBOOST, ("train", "validation"))
    request["StaticHyperParameters"] = {"objective": "reg:squarederror", "num_round": "4"}
    ranges = {"IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "5"}]}
    return {
        "HyperParameterTuningJobName": "tune-1",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "RandomSeed": 3,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": ranges,
        },
        "TrainingJobDefinition": request,
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which `train-1`, `tune-1` with two trials, and `lost-1`, which failed, have run."""
    directory = tmp_path_factory.mktemp("jobs")
    generator = random.Random(2)
    for name in ("train", "validation"):
        rows = [(generator.random(), generator.random()) for _ in range(80)]
        text = "".join(f"{3 * x - y},{x},{y}\n" for x, y in rows)
        write(directory, f".asl-runner/s3/data/{name}.csv", text)
    parameters = {"objective": "reg:squarederror", "num_round": "6"}
    request = training(XGBOOST, ("train", "validation"), TrainingJobName="train-1", HyperParameters=parameters)
    lost = training(XGBOOST, ("train",), TrainingJobName="lost-1", HyperParameters={"num_round": "none"})
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "End"}]
    states = {
        "Train": job("TrainingJob", request, Next="Tune"),
        "Tune": job("HyperParameterTuningJob", tuning(), Next="Lose"),
        "Lose": job("TrainingJob", lost, Next="End", Catch=caught),
        "End": {"Type": "Succeed"},
    }
    write(directory, "m.asl.json", {"StartAt": "Train", "States": states})
    ran = asl_runner(directory, "run", "-q", "m.asl.json")
    assert ran.returncode == 0, ran.stderr
    return directory


def test_the_list_is_newest_first_without_trials(project: Path) -> None:
    listed = asl_runner(project, "jobs")
    heading, *rows = listed.stdout.splitlines()
    assert heading.split() == ["KIND", "NAME", "STATUS", "STARTED", "DURATION", "RESULT"]
    assert [row.split()[:3] for row in rows] == [
        ["training", "lost-1", "Failed"],
        ["tuning", "tune-1", "Completed"],
        ["training", "train-1", "Completed"],
    ]
    assert "AlgorithmError: " in rows[0]
    assert "validation:rmse 0." in rows[1]
    assert "train:rmse 0." in rows[2]
    assert listed.stderr == "2 trials of tuning jobs are left out; --trials shows them.\n"


def test_the_list_is_filtered(project: Path) -> None:
    def names(*options: str) -> list[str]:
        return [one["name"] for one in json.loads(asl_runner(project, "jobs", "--json", *options).stdout)["jobs"]]

    assert names("--kind", "tuning") == ["tune-1"]
    assert names("--status", "failed") == ["lost-1"]
    assert names("--limit", "1") == ["lost-1"]
    assert len(names("--trials")) == 5
    assert names("--kind", "transform") == []
    assert asl_runner(project, "jobs", "--kind", "transform").stderr.startswith("No such SageMaker jobs in ")


def test_a_training_job_is_described_with_its_curves(project: Path) -> None:
    text = asl_runner(project, "jobs", "describe", "train").stdout
    assert "Status    Completed" in text
    assert "train:rmse  0." in text
    assert "6 values, from " in text
    assert any(0x2800 < ord(char) <= 0x28FF for char in text)
    assert "objective  reg:squarederror" in text


def test_a_tuning_job_is_described_with_its_trials_the_best_first(project: Path) -> None:
    text = asl_runner(project, "jobs", "describe", "tuning/latest").stdout
    rows = text[text.index("TRIAL") :].splitlines()[1:3]
    assert rows[0].startswith("★")
    assert not rows[1].startswith("★")
    assert float(rows[0].split()[3]) <= float(rows[1].split()[2])


def test_the_describe_document_is_that_of_the_api(project: Path) -> None:
    document = json.loads(asl_runner(project, "jobs", "describe", "train-1", "--json").stdout)
    assert document["TrainingJobName"] == "train-1"
    assert document["HyperParameters"]["num_round"] == "6"
    assert document["CreationTime"][10] == "T"


@pytest.mark.parametrize(
    "name, said",
    [
        ("trian", "No SageMaker job is called 'trian'. Did you mean train-1?"),
        ("t", "'t' begins the names of several jobs; give one of these:\n  tuning/tune-1\n  training/train-1"),
    ],
)
def test_a_name_that_does_not_say_which(project: Path, name: str, said: str) -> None:
    told = asl_runner(project, "jobs", "describe", name)
    assert (told.returncode, told.stderr) == (2, f"Error: {said}\n")


def test_the_workspace_may_be_named_before_and_behind(project: Path, tmp_path: Path) -> None:
    there = ("--workspace", str(project / ".asl-runner"))
    assert asl_runner(tmp_path, "jobs", *there, "describe", "train-1").returncode == 0
    assert asl_runner(tmp_path, "jobs", "describe", "train-1", *there).returncode == 0
    lacking = asl_runner(tmp_path, "jobs", "describe", "train-1")
    assert (lacking.returncode, "No SageMaker jobs in" in lacking.stderr) == (2, True)


def test_a_job_whose_process_is_gone_is_shown_as_such(tmp_path: Path) -> None:
    records = Records(tmp_path / ".asl-runner" / "jobs")
    document = {
        "ProcessingJobName": "left",
        "ProcessingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:processing-job/left",
        "ProcessingJobStatus": "InProgress",
        "CreationTime": 1_800_000_000.5,
    }
    records.create(Record(kind="processing", name="left", document=document, owner="gone"))
    assert "InProgress (process gone)" in asl_runner(tmp_path, "jobs").stdout
    (shown,) = json.loads(asl_runner(tmp_path, "jobs", "--json").stdout)["jobs"]
    assert datetime.fromisoformat(shown["created"]).timestamp() == 1_800_000_000.5
    assert (shown["status"], shown["processGone"], shown["ended"]) == ("InProgress", True, None)
    assert "the process that ran it is gone" in asl_runner(tmp_path, "jobs", "describe", shown["arn"]).stdout
    followed = asl_runner(tmp_path, "jobs", "logs", "left", "-f")
    assert followed.stderr == "processing/left printed nothing so far; its status is InProgress.\n"


def test_the_names_are_completed(project: Path) -> None:
    assert completed(project, "jobs", "describe", "tu")[0] == "tune-1"
    assert completed(project, "jobs", "logs", "lat") == ["latest"]


def test_the_logs_of_a_tuning_job_are_those_of_its_trials(project: Path) -> None:
    lines = asl_runner(project, "jobs", "logs", "tune-1").stdout.splitlines()
    assert {line[:4] for line in lines} == {"001-", "002-"}
    assert all(" | " in line for line in lines)


def test_an_execution_is_watched_with_its_jobs(project: Path) -> None:
    said = asl_runner(project, "watch", "latest").stderr
    told = [line.partition("  ")[2] for line in said.splitlines()]
    assert [line.startswith("train-1  Completed  train:rmse=0.") for line in told].count(True) == 1
    assert [line.startswith("tune-1  trial 00") for line in told].count(True) == 2
    assert "max_depth=" in said


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_log_is_followed_from_another_terminal(tmp_path: Path, interrupted: bool) -> None:
    program, go = write(tmp_path, "program.py", WAITS), tmp_path / "go"
    command = json.dumps([sys.executable, str(program), str(go)])
    write(tmp_path, "asl-runner.toml", f'[images]\n"*/mine:1" = {{ command = {command} }}\n')
    request = training("123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1", TrainingJobName="slow-1")
    write(tmp_path, "m.asl.json", {"StartAt": "T", "States": {"T": job("TrainingJob", request, End=True)}})
    running = start(tmp_path, "run", "-q", "m.asl.json")
    try:
        while not (tmp_path / ".asl-runner" / "jobs" / "training" / "slow-1" / "log").exists():
            assert running.poll() is None, running.communicate()
            time.sleep(0.05)
        following = start(tmp_path, "jobs", "logs", "slow", "-f")
        assert following.stdout is not None
        assert [following.stdout.readline() for _ in range(2)] == ["round 1 loss=3.0\n", "\ufffd[2Jsteers\n"]
        if interrupted:
            following.send_signal(signal.SIGINT)
            assert following.communicate() == ("", "")
            assert following.returncode == 130
        go.touch()
        if not interrupted:
            assert following.communicate() == ("round 2 loss=2.0\nthe last\n", "training/slow-1: Completed\n")
            assert following.returncode == 0
    finally:
        go.touch()
        out, err = running.communicate()
    assert running.returncode == 0, out + err


def test_curves() -> None:
    assert sparkline([1.0], 5) == ""
    assert sparkline([0.0, 1.0, 2.0], 5) == "▁▅█"
    assert sparkline([3.0, 3.0], 5, unicode=False) == "__"
    assert len(sparkline(range(1000), 30)) == 30
    assert curve([0.0, 1.0, 2.0], 9, 3, unicode=False) == ["2 |    **", "  |  **", "0 |**"]
    assert all(len(line) <= 40 for line in curve(range(1000), 40, 4))
