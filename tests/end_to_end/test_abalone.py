"""The Abalone example, as a state machine and as a pipeline: processed, trained, evaluated and predicted for real."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from asl_runner.sagemaker.pipelines import read
from asl_runner.storage.buckets import Buckets

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
REAL = SHARED / "data" / "abalone.csv"
DOCUMENT = SHARED / "reference" / "abalone-pipeline.json"
MACHINE, PIPELINE = "state_machines/abalone/abalone.asl.json", "state_machines/abalone/abalone-pipeline.json"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The shipped functions and machines in a directory of their own."""
    for name in ("lambdas", "state_machines"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "asl-runner.toml").touch()
    return tmp_path


def run(project: Path, *arguments: str) -> tuple[int, Any]:
    """Exit code and what `--json` printed."""
    command = [sys.executable, "-m", "asl_runner", "run", *arguments, "--json"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def predictions(project: Path, uri: str) -> list[float]:
    text = (project / ".asl-runner" / "s3" / uri.removeprefix("s3://")).read_text()
    return [float(line) for line in text.split()]


def test_the_state_machine_predicts_with_a_good_model(project: Path) -> None:
    code, answer = run(project, MACHINE)
    assert code == 0, answer
    output = json.loads(answer["output"])
    assert 0.1 < output["mse"] < 7.0
    found = predictions(project, output["predictions"])
    assert len(found) == 225
    assert all(0 < rings < 30 for rings in found)


def test_the_state_machine_fails_with_a_model_that_is_not_good_enough(project: Path) -> None:
    code, answer = run(project, MACHINE, "--input", '{"mseThreshold": 0.1}')
    assert (code, answer["status"], answer["error"]) == (1, "FAILED", "Abalone.TooInaccurate")
    assert answer["cause"].startswith("The mean squared error is ")
    assert answer["cause"].endswith(", more than 0.1.")


def test_the_pipeline_predicts_or_fails_by_its_threshold(project: Path) -> None:
    code, answer = run(project, PIPELINE, "-p", "MseThreshold=7.0")
    assert (code, answer["PipelineExecutionStatus"]) == (0, "Succeeded")
    steps = {step["StepName"]: step for step in answer["PipelineExecutionSteps"]}
    assert set(steps) == {"Sources", "Features", "Train", "Evaluate", "AccurateEnough", "SaveModel", "Predict"}
    assert {step["StepStatus"] for step in steps.values()} == {"Succeeded"}

    code, answer = run(
        project, PIPELINE, "-p", "MseThreshold=0.1", "--step", "AccurateEnough", "--step", "TooInaccurate"
    )
    assert (code, answer["PipelineExecutionStatus"]) == (1, "Failed")
    last = answer["PipelineExecutionSteps"][0]
    assert (last["StepName"], last["StepStatus"]) == ("TooInaccurate", "Failed")
    assert last["FailureReason"] == "The mean squared error is above the threshold of 0.1"


@pytest.mark.skipif(not REAL.exists(), reason="the UCI data set is not at hand")
def test_the_pipeline_on_the_real_data(project: Path) -> None:
    code, answer = run(project, PIPELINE, "-p", f"InputData={REAL}")
    assert (code, answer["PipelineExecutionStatus"]) == (0, "Succeeded")


TRAIN = """
import argparse, os, pickle, xgboost
parser = argparse.ArgumentParser()
for name in ("objective", "learning_rate", "eta", "gamma"):
    parser.add_argument("--" + name)
for name in ("num_round", "max_depth", "min_child_weight"):
    parser.add_argument("--" + name, type=int)
parser.add_argument("--subsample", type=float)
given = vars(parser.parse_args())
rounds = given.pop("num_round")
rows = xgboost.DMatrix(os.environ["SM_CHANNEL_TRAIN"] + "/train.csv?format=csv&label_column=0")
given["learning_rate"] = 0.2
del given["eta"]
booster = xgboost.train(given, rows, num_boost_round=rounds)
pickle.dump(booster, open(os.environ["SM_MODEL_DIR"] + "/xgboost-model", "wb"))
"""
INFERENCE = """
import os, pickle, io
import numpy, xgboost
def model_fn(model_dir):
    return pickle.load(open(os.path.join(model_dir, "xgboost-model"), "rb"))
def transform_fn(model, body, content_type, accept):
    text = body.decode() if isinstance(body, bytes) else body
    rows = numpy.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)[:, 1:]
    found = model.predict(xgboost.DMatrix(rows[:1]))
    return ",".join(str(value) for value in found), "text/csv"
"""


def evaluation() -> str:
    """The shipped script, for a model that is pickled."""
    script = (ROOT / "state_machines/abalone/scripts/evaluate.py").read_text()
    old = "return xgboost.Booster(model_file=bytearray(packed.read()))"
    assert old in script
    return script.replace(old, "import pickle\n        return pickle.loads(packed.read())")


@pytest.mark.skipif(not DOCUMENT.exists(), reason="the SDK's document is not at hand")
def test_the_document_of_the_sdk_runs_once_its_inputs_are_there(project: Path) -> None:
    sys.path.insert(0, str(ROOT / "lambdas"))
    try:
        from abalone_sources import as_csv, data_set, packed
    finally:
        sys.path.pop(0)
    scripts = project / "scripts"
    scripts.mkdir()
    repack = ("_repack_script_launcher.sh", "_repack_model.py", "inference.py")
    for name, text in {**dict.fromkeys(repack, ""), "abalone.py": TRAIN, "inference.py": INFERENCE}.items():
        (scripts / name).write_text(text)
    preprocessing = (ROOT / "state_machines/abalone/scripts/preprocess.py").read_bytes()
    objects = {
        "abalone-dataset.csv": as_csv(data_set(600)),
        "preprocessing.py": preprocessing,
        "evaluation.py": evaluation().encode(),
        "b356/sourcedir.tar.gz": packed(scripts / "abalone.py"),
        "111/source/sourcedir.tar.gz": packed(*(scripts / name for name in repack)),
    }
    buckets = Buckets(project / ".asl-runner" / "s3")
    bucket = "sagemaker-us-west-2-111122223333"
    buckets.create_bucket(bucket)
    for uri in uris(read(DOCUMENT).text):
        key = uri.removeprefix(f"s3://{bucket}/")
        for end, data in objects.items():
            if key.endswith(end):
                buckets.put(bucket, key, data)

    code, answer = run(project, str(DOCUMENT))

    assert (code, answer["PipelineExecutionStatus"]) == (0, "Succeeded"), answer
    folder = project / ".asl-runner" / "s3" / bucket / "sagemaker-pipelines-local-mode-example" / "transform"
    assert 0 < float((folder / "test.csv.out").read_text()) < 30
    archives = list((project / ".asl-runner" / "s3" / bucket).rglob("sagemaker-xgboost-*/*/output/model.tar.gz"))
    with tarfile.open(fileobj=io.BytesIO(archives[0].read_bytes())) as archive:
        assert {"xgboost-model", "code/inference.py"} <= set(archive.getnames())


def uris(text: str) -> set[str]:
    """Every whole S3 URI written in a document, also inside a text that is JSON itself."""
    return {part for part in text.replace('\\"', '"').split('"') if part.startswith("s3://")}
