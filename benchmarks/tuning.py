"""Tune, save and transform as a state machine, against the same work in a plain script."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, pair

ROWS, FEATURES, ROUNDS, TRIALS = 20_000, 10, 100, 4
BUCKET, IMAGE = "bench", "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = "arn:aws:iam::123456789012:role/bench"
INSTANCE = {"InstanceCount": 1, "InstanceType": "ml.m5.large"}


def rows(runs: int) -> Iterator[Row]:
    """One row; both sides are whole processes from cold."""
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        data = here / "workspace" / "s3" / BUCKET / "data"
        _write_data(data)
        machine = here / "tune.asl.json"
        machine.write_text(json.dumps(_machine()), encoding="utf-8")
        count = 0

        def ours() -> None:
            nonlocal count
            count += 1
            python("-m", "asl_runner", "run", machine, "--input", json.dumps({"job": f"tune-{count}"}), "--quiet",
                    "--workspace", here / "workspace")  # fmt: skip

        ours()
        trials = here / "trials.json"
        trials.write_text(json.dumps(_trials(here / "workspace" / "jobs" / "training")), encoding="utf-8")
        script = Path(__file__).with_name("plain_tune.py")
        mine, floor = pair(ours, lambda: python(script, data, trials), runs)
        same_predictions(here / "workspace" / "s3" / BUCKET / "out" / "test.csv.out", data / "predictions.csv")
    yield Row(
        name=f"tune ({TRIALS} trials of {ROUNDS} rounds, {ROWS:,} rows), save, transform",
        count=1,
        unit="runs",
        ours=mine,
        floor=floor,
        floor_is="the same work in a plain Python script",
        mark="at most 1.2 times",
    )


def python(*arguments: object) -> None:
    """Runs Python to its end."""
    subprocess.run([sys.executable, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def _write_data(folder: Path) -> None:
    draw = random.Random(1)
    for part, rows in (("train", ROWS), ("validation", ROWS // 4), ("test", ROWS // 4)):
        lines = []
        for _ in range(rows):
            row = [draw.gauss(0, 1) for _ in range(FEATURES)]
            label = [] if part == "test" else [sum(row) + row[0] * row[1] + draw.gauss(0, 0.1)]
            lines.append(",".join(f"{value:.5f}" for value in label + row))
        file = folder / part / f"{part}.csv" if part != "test" else folder / "test" / "test.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / f"{part}.csv").symlink_to(file)


def _trials(jobs: Path) -> list[dict[str, Any]]:
    """The hyperparameters that were tried, for the script to try too."""
    names = sorted(path for path in jobs.iterdir() if path.name.startswith("tune-1-"))
    documents = [json.loads((path / "record.json").read_text(encoding="utf-8"))["document"] for path in names]
    return [
        {key: value for key, value in document["HyperParameters"].items() if not key.startswith("_")}
        for document in documents
    ]


def same_predictions(ours: Path, floor: Path) -> None:
    """Raises `AssertionError` where two files of a prediction per line do not agree."""
    mine, other = ([float(line) for line in file.read_text(encoding="utf-8").split()] for file in (ours, floor))
    if len(mine) != len(other) or any(abs(a - b) > 1e-3 for a, b in zip(mine, other, strict=True)):
        raise AssertionError(f"the two sides predict differently: {len(mine)}, {len(other)}, {mine[:3]}, {other[:3]}")


def _machine() -> dict[str, Any]:
    tuning = {
        "HyperParameterTuningJobName.$": "$.job",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "RandomSeed": 3,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": TRIALS, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "ContinuousParameterRanges": [
                    {"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"},
                    {"Name": "subsample", "MinValue": "0.5", "MaxValue": "1"},
                ],
                "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "4", "MaxValue": "8"}],
            },
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "StaticHyperParameters": {
                "objective": "reg:squarederror",
                "num_round": str(ROUNDS),
                "tree_method": "hist",
                "base_score": "0.5",
            },
            "InputDataConfig": [channel("train"), channel("validation")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {**INSTANCE, "VolumeSizeInGB": 1},
            "RoleArn": ROLE,
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
    }
    best = {"ResultSelector": {"best.$": "$.BestTrainingJob.TrainingJobName"}, "ResultPath": "$.tuned"}
    first = task("createHyperParameterTuningJob.sync", tuning, **best, Next="Save")
    return {"StartAt": "Tune", "States": {"Tune": first, **save_and_transform()}}


def save_and_transform() -> dict[str, Any]:
    """The states that make a model of the training job `$.tuned.best`, and predict `data/test/` with it."""
    model = {
        "ModelName.$": "$.job",
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {
            "Image": IMAGE,
            "ModelDataUrl.$": f"States.Format('s3://{BUCKET}/models/{{}}/output/model.tar.gz', $.tuned.best)",
        },
    }
    transform = {
        "TransformJobName.$": "$.job",
        "ModelName.$": "$.job",
        "TransformInput": {
            "ContentType": "text/csv",
            "SplitType": "Line",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/test/"}},
        },
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out", "AssembleWith": "Line"},
        "TransformResources": INSTANCE,
    }
    return {
        "Save": task("createModel", model, ResultPath=None, Next="Transform"),
        "Transform": task("createTransformJob.sync", transform, End=True),
    }


def channel(name: str) -> dict[str, Any]:
    """A channel of the objects below `data/NAME/`."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/{name}/"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}


def task(action: str, parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Task of SageMaker."""
    return {"Type": "Task", "Resource": f"arn:aws:states:::sagemaker:{action}", "Parameters": parameters, **more}
