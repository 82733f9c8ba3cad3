"""The machine learning machines from the command line, with nothing faked: tuned, trained and predicted for real."""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SEED = ROOT.parent / "shared" / "seeds" / "tune-model.asl.json"
SEED_BUCKET = "stepfunctionssample-sagemak-bucketformodelanddata-80fblmdlcs9f"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The shipped functions, machines and configuration in a directory of their own."""
    for name in ("lambdas", "state_machines", "asl-runner.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(project: Path, machine: str | Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The output and the history of a run that must succeed."""
    done = _asl_runner(project, "run", str(machine), "--json")
    answer = json.loads(done.stdout)
    assert answer["status"] == "SUCCEEDED", (answer, done.stderr)
    output = answer["output"]
    history = json.loads(_asl_runner(project, "history", "latest", "--json").stdout)
    return output if isinstance(output, dict) else json.loads(output), history["events"]


def _asl_runner(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "asl_runner", *arguments], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done


def objects(project: Path, bucket: str) -> Path:
    return project / ".asl-runner" / "s3" / bucket


def key_of(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def test_tune_then_transform(project: Path) -> None:
    output, events = run(project, "state_machines/tune-then-transform.asl.json")

    bucket, key = key_of(output["modelDataUrl"])
    with tarfile.open(fileobj=io.BytesIO((objects(project, bucket) / key).read_bytes())) as archive:
        assert archive.getnames() == ["xgboost-model"]

    bucket, key = key_of(output["predictions"])
    predictions = [float(line) for line in (objects(project, bucket) / key).read_text().split()]
    test_rows = (objects(project, bucket) / "csv" / "test.csv").read_text().splitlines()
    assert len(predictions) == len(test_rows)
    assert all(map(math.isfinite, predictions))
    assert len(set(predictions)) > len(predictions) / 2, "a model that learnt something"

    tuned = json.loads(next(e for e in events if e["type"] == "TaskSucceeded")["taskSucceededEventDetails"]["output"])
    assert tuned["HyperParameterTuningJobStatus"] == "Completed"
    assert tuned["TrainingJobStatusCounters"]["Completed"] == 4
    assert tuned["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["MetricName"] == "validation:rmse"
    assert tuned["BestTrainingJob"]["TrainingJobName"] == output["bestTrainingJob"]

    best = tuned["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    records = (project / ".asl-runner" / "jobs" / "training").glob("*/record.json")
    metrics = [json.loads(record.read_text())["document"]["FinalMetricDataList"] for record in records]
    errors = [metric["Value"] for trial in metrics for metric in trial if metric["MetricName"] == "validation:rmse"]
    assert len(errors) == 4
    assert best == pytest.approx(min(errors), rel=1e-6)

    submitted = [event for event in events if event["type"] == "TaskSubmitted"]
    assert [event["taskSubmittedEventDetails"]["resource"] for event in submitted] == [
        "createHyperParameterTuningJob.sync",
        "createTransformJob.sync",
    ]


def test_train_then_transform(project: Path) -> None:
    output, _ = run(project, "state_machines/train-then-transform.asl.json")
    bucket, key = key_of(output["predictions"])
    assert len((objects(project, bucket) / key).read_text().split()) == 150


def test_two_runs_at_once_share_a_workspace(project: Path) -> None:
    command = [sys.executable, "-m", "asl_runner", "run", "state_machines/train-then-transform.asl.json", "--json"]
    runs = [subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    answers = [run.communicate(timeout=120) for run in runs]
    assert [json.loads(out)["status"] for out, _ in answers] == ["SUCCEEDED", "SUCCEEDED"], answers


@pytest.mark.skipif(not SEED.exists(), reason="the printed state machine is not beside this checkout")
def test_the_printed_sample_machine_runs_unmodified(project: Path) -> None:
    _, events = run(project, SEED)
    succeeded = [event["taskSucceededEventDetails"] for event in events if event["type"] == "TaskSucceeded"]
    assert [details["resource"] for details in succeeded] == [
        "createHyperParameterTuningJob.sync",
        "createModel",
        "createTransformJob.sync",
    ]
    found = [path for path in objects(project, SEED_BUCKET).rglob("*.out") if path.is_file()]
    assert len(found) == 1
    assert all(math.isfinite(float(line)) for line in found[0].read_text().split())
