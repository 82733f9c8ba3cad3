"""Script mode through the client: a user's training and inference scripts, as the SageMaker SDK sends them."""

from __future__ import annotations

import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_requests import BUCKET, SKLEARN, ended, seed_buckets, training, transform

from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.storage.buckets import Buckets

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"

TRAIN = """
import argparse, json, os, pathlib, sys
import helper
parser = argparse.ArgumentParser()
parser.add_argument("--alpha", type=float)
parser.add_argument("--name")
parser.add_argument("-k", type=int)
parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
told = parser.parse_args()
rows = pathlib.Path(told.train, "train.csv").read_text().splitlines()
print("rows =", len(rows))
seen = {
    "arguments": vars(told), "helper": helper.WORD, "cwd": os.getcwd(), "argv": sys.argv[1:],
    "environment": {name: value for name, value in os.environ.items() if name.startswith("SM_")},
    "endpoint": os.environ.get("AWS_ENDPOINT_URL"),
}
pathlib.Path(os.environ["SM_MODEL_DIR"], "seen.json").write_text(json.dumps(seen))
if told.name == "bad":
    raise ValueError("bad name")
"""


def archive(files: dict[str, str]) -> bytes:
    """A `sourcedir.tar.gz`."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return stream.getvalue()


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    return seed_buckets(tmp_path / "s3")


@pytest.fixture
def client(tmp_path: Path, buckets: Buckets) -> Iterator[LocalSageMaker]:
    made = LocalSageMaker(tmp_path / "jobs", buckets, environment={"AWS_ENDPOINT_URL": "http://localhost:1"})
    yield made
    made.close()


def script_training(
    buckets: Buckets, job: str, files: dict[str, str], program: str, image: str = SKLEARN, **given: str
) -> dict[str, Any]:
    """A training request of the SDK's framework estimators, which write every value as JSON."""
    buckets.put(BUCKET, f"code/{job}/sourcedir.tar.gz", archive(files))
    hyperparameters = {
        "sagemaker_program": json.dumps(program),
        "sagemaker_submit_directory": json.dumps(f"s3://{BUCKET}/code/{job}/sourcedir.tar.gz"),
        "sagemaker_container_log_level": "20",
        "sagemaker_job_name": json.dumps(job),
        "sagemaker_region": '"us-east-1"',
        **given,
    }
    return {**training(job, image), "HyperParameters": hyperparameters}


def left_by(buckets: Buckets, name: str, member: str) -> str:
    with tarfile.open(buckets.path(BUCKET, f"models/{name}/output/model.tar.gz")) as tar:
        found = tar.extractfile(member)
        assert found is not None
        return found.read().decode()


@pytest.mark.parametrize("image", [SKLEARN, XGBOOST])
def test_a_script_with_its_modules_arguments_and_variables(
    client: LocalSageMaker, buckets: Buckets, image: str
) -> None:
    files = {"train.py": TRAIN, "helper.py": "WORD = 'help'"}
    request = script_training(
        buckets, "script", files, "train.py", image, alpha="0.5", name='"reg:squarederror"', k="3"
    )
    request["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "rows", "Regex": r"rows = (\d+)"}]
    client.create_training_job(**request)
    job = ended(client, "TrainingJob", "script")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [(one["MetricName"], one["Value"]) for one in job["FinalMetricDataList"]] == [("rows", 200)]
    seen = json.loads(left_by(buckets, "script", "seen.json"))
    assert seen["arguments"] == {"alpha": 0.5, "name": "reg:squarederror", "k": 3, "train": "/opt/ml/input/data/train"}
    assert seen["argv"] == ["--alpha", "0.5", "-k", "3", "--name", "reg:squarederror"]
    assert (seen["helper"], seen["cwd"], seen["endpoint"]) == ("help", "/opt/ml/code", "http://localhost:1")
    variables = seen["environment"]
    assert variables["SM_MODEL_DIR"] == "/opt/ml/model"
    assert variables["SM_CHANNELS"] == '["train","validation"]'
    assert variables["SM_HPS"] == '{"alpha":0.5,"k":3,"name":"reg:squarederror"}'
    assert json.loads(variables["SM_USER_ARGS"]) == seen["argv"]
    assert variables["SM_USER_ENTRY_POINT"] == "train.py"


def test_what_a_script_dies_of_is_the_reason(client: LocalSageMaker, buckets: Buckets) -> None:
    files = {"train.py": TRAIN, "helper.py": "WORD = 1"}
    client.create_training_job(**script_training(buckets, "dies", files, "train.py", name='"bad"'))
    reason = ended(client, "TrainingJob", "dies")["FailureReason"]
    assert reason.startswith('AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "Traceback (most')
    assert 'ValueError: bad name"\nCommand "' in reason
    assert reason.endswith('train.py --name bad", exit code: 1')


@pytest.mark.parametrize(
    "files, program, reason",
    [
        ({"other.py": ""}, "train.py", "The script train.py is not in /opt/ml/code, which holds other.py."),
        ({"x.sh": "echo $0 $@ >&2; exit 9"}, "x.sh", 'ErrorMessage "./x.sh --k 1 2"\nCommand "/bin/sh -c'),
        ({"tool": "#!/bin/sh\nexit 8"}, "tool", "Command \"./tool --k '1 2'\", exit code: 8"),
    ],
)
def test_other_entry_points(
    client: LocalSageMaker, buckets: Buckets, files: dict[str, str], program: str, reason: str
) -> None:
    request = script_training(buckets, "other", files, program)
    request["HyperParameters"]["k" if program == "none" else "kk"] = '"1 2"'
    client.create_training_job(**request)
    found = ended(client, "TrainingJob", "other")["FailureReason"].replace("--kk", "--k")
    assert reason in found


def test_a_package_is_run_as_a_module(client: LocalSageMaker, buckets: Buckets) -> None:
    files = {
        "setup.py": "",
        "tool/__init__.py": "",
        "tool/__main__.py": "import os; open(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('made')",
    }
    client.create_training_job(**script_training(buckets, "package", files, "tool"))
    job = ended(client, "TrainingJob", "package")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert left_by(buckets, "package", "m") == "made"


def test_code_that_is_not_there_and_a_script_that_is_not_named(client: LocalSageMaker, buckets: Buckets) -> None:
    request = script_training(buckets, "lost", {"train.py": ""}, "train.py")
    request["HyperParameters"]["sagemaker_submit_directory"] = f"s3://{BUCKET}/nothing.tar.gz"
    client.create_training_job(**request)
    reason = ended(client, "TrainingJob", "lost")["FailureReason"]
    assert reason.startswith("ClientError: The code at sagemaker_submit_directory cannot be read: There is no object")
    client.create_training_job(**training("unnamed", SKLEARN))
    assert "sagemaker_program" in ended(client, "TrainingJob", "unnamed")["FailureReason"]


def wheel(directory: Path, name: str) -> None:
    """A package of one module that says its name."""
    directory.mkdir()
    with zipfile.ZipFile(directory / f"{name}-1.0-py3-none-any.whl", "w") as package:
        package.writestr(f"{name}.py", f"WORD = {name!r}")
        package.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        package.writestr(
            f"{name}-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        package.writestr(f"{name}-1.0.dist-info/RECORD", "")


IMPORTS = "import os, asl_wanted; open(os.environ['SM_MODEL_DIR'] + '/m', 'w').write(asl_wanted.WORD)"


def test_requirements_are_installed_for_the_job_alone(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "asl_wanted")
    requirements = f"--no-index\n--find-links {tmp_path}/wheels\n# a comment\npytest>=1 # is here\nasl-wanted==1.0\n"
    files = {"train.py": IMPORTS, "requirements.txt": requirements}
    client.create_training_job(**script_training(buckets, "wants", files, "train.py"))
    job = ended(client, "TrainingJob", "wants")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert left_by(buckets, "wants", "m") == "asl_wanted"
    assert not list(Path(sys.prefix).rglob("asl_wanted*"))


def test_requirements_that_cannot_be_had(client: LocalSageMaker, buckets: Buckets) -> None:
    files = {"train.py": IMPORTS, "requirements.txt": "--no-index\nasl-wanted==2.0\n"}
    client.create_training_job(**script_training(buckets, "cannot", files, "train.py"))
    reason = ended(client, "TrainingJob", "cannot")["FailureReason"]
    assert "requirements.txt asks for asl-wanted==2.0, which cannot be installed: ERROR: No matching" in reason


def test_requirements_that_are_there_need_no_installation(
    client: LocalSageMaker, buckets: Buckets, tmp_path: Path
) -> None:
    files = {"train.py": "import numpy", "requirements.txt": "numpy>=1\nnot-here; python_version < '3'\n"}
    client.create_training_job(**script_training(buckets, "has", files, "train.py"))
    job = ended(client, "TrainingJob", "has")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert "Installing" not in (tmp_path / "jobs/training/has/log").read_text()


def test_the_sdks_repacking_puts_code_into_a_model(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "models/base/model.tar.gz", archive({"weights": "w", "code/old.py": "old"}))
    files = {"inference.py": "new", "_repack_model.py": "x", "_repack_script_launcher.sh": "x", "more.py": "m"}
    for name, source_dir, expected in [
        ("all", '"code"', ["code", "code/inference.py", "code/lib", "code/lib/more.py", "code/more.py", "weights"]),
        ("one", "null", ["code", "code/inference.py", "code/lib", "code/lib/more.py", "code/old.py", "weights"]),
    ]:
        request = script_training(
            buckets,
            name,
            files,
            "_repack_script_launcher.sh",
            inference_script='"inference.py"',
            model_archive=f"s3://{BUCKET}/models/base/model.tar.gz",
            dependencies='"more.py"',
            source_dir=source_dir,
        )
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/models/base/model.tar.gz"}
        request["InputDataConfig"] = [{"ChannelName": "training", "DataSource": {"S3DataSource": source}}]
        client.create_training_job(**request)
        job = ended(client, "TrainingJob", name)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        with tarfile.open(buckets.path(BUCKET, f"models/{name}/output/model.tar.gz")) as tar:
            assert sorted(tar.getnames()) == expected


DISTRIBUTED = """
import argparse, json, os, xgboost
from sagemaker_xgboost_container import distributed
from sagemaker_xgboost_container.data_utils import get_dmatrix
import sklearn

def boost(params, rows, is_master):
    booster = xgboost.train(params, rows, 3)
    if is_master:
        booster.save_model(os.environ["SM_MODEL_DIR"] + "/model.json")

rows = get_dmatrix(os.environ["SM_CHANNEL_TRAIN"], "text/csv")
distributed.rabit_run(
    exec_fun=boost,
    args={"params": {"nthread": 1}, "rows": rows},
    include_in_training=rows is not None,
    hosts=json.loads(os.environ["SM_HOSTS"]),
    current_host=os.environ["SM_CURRENT_HOST"],
    update_rabit_args=True,
)
"""


def test_a_script_that_boosts_on_several_instances(client: LocalSageMaker, buckets: Buckets) -> None:
    models = []
    # Three instances, of which the third has no data.
    for name, count in (("alone", 1), ("together", 3)):
        request = script_training(buckets, name, {"train.py": DISTRIBUTED}, "train.py", XGBOOST)
        (channel, _) = request["InputDataConfig"]
        source = channel["DataSource"]["S3DataSource"]
        source |= {"S3Uri": f"s3://{BUCKET}/halves/", "S3DataDistributionType": "ShardedByS3Key"}
        request["InputDataConfig"] = [channel]
        request["ResourceConfig"]["InstanceCount"] = count
        for half, rows in enumerate(("0,1,2\n1,3,4\n2,5,7\n", "3,6,1\n4,8,2\n9,9,9\n")):
            buckets.put(BUCKET, f"halves/{half}.csv", rows.encode())
        client.create_training_job(**request)
        job = ended(client, "TrainingJob", name)
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        models.append(left_by(buckets, name, "model.json"))
    assert models[0] == models[1]


THREE = """
import json, pathlib
def model_fn(model_dir):
    return json.loads(pathlib.Path(model_dir, "weights.json").read_text())
def input_fn(body, content_type):
    assert content_type == "text/csv" and isinstance(body, str)
    return [float(line.split(",")[0]) for line in body.splitlines()]
def predict_fn(rows, model):
    return [row * model["factor"] for row in rows]
def output_fn(values, accept):
    return "\\n".join(map(str, values)), accept
"""

ONE = """
import pathlib
from sagemaker_xgboost_container import encoder
from sagemaker_containers.beta.framework import worker
def model_fn(model_dir):
    return 1
def transform_fn(model, body, content_type, accept):
    matrix = encoder.csv_to_dmatrix(body.encode())
    return worker.Response(f"{matrix.num_row()} rows, {matrix.num_col()} columns", mimetype="text/csv")
"""

DEFAULTS = """
class Sum:
    def predict(self, rows):
        return rows.sum(axis=1)
def model_fn(model_dir):
    return Sum()
def execution_parameters_fn():
    return {"MaxPayloadInMB": 1, "BatchStrategy": "SINGLE_RECORD"}
"""


def predicted(
    client: LocalSageMaker,
    buckets: Buckets,
    files: dict[str, str],
    environment: dict[str, str],
    image: str,
    **changes: Any,
) -> dict[str, Any]:
    buckets.put(BUCKET, "models/own/model.tar.gz", archive(files))
    buckets.put(BUCKET, "csv/test.csv", b"1,2\n3,4\n")
    container = {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/models/own/model.tar.gz", "Environment": environment}
    client.create_model(ModelName="own", PrimaryContainer=container)
    client.create_transform_job(**transform("predict", "own", **changes))
    return ended(client, "TransformJob", "predict")


CODE = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
CSV = {"TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/output", "Accept": "text/csv"}}


@pytest.mark.parametrize(
    "script, image, changes, answer",
    [
        (THREE, SKLEARN, CSV, "10.0\n30.0"),
        (THREE, XGBOOST, CSV, "10.0\n30.0"),
        (ONE, XGBOOST, CSV, "2 rows, 2 columns"),
        (DEFAULTS, SKLEARN, CSV, "3.0\n7.0"),
        (DEFAULTS, SKLEARN, {}, "[3.0, 7.0]"),
    ],
)
def test_a_users_inference_functions(
    client: LocalSageMaker, buckets: Buckets, script: str, image: str, changes: dict[str, Any], answer: str
) -> None:
    files = {"weights.json": '{"factor": 10}', "code/inference.py": script}
    job = predicted(client, buckets, files, CODE, image, **changes)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert buckets.path(BUCKET, "output/test.csv.out").read_text() == answer


def test_a_model_with_code_needs_no_variables(client: LocalSageMaker, buckets: Buckets) -> None:
    files = {"weights.json": '{"factor": 2}', "code/inference.py": THREE}
    assert predicted(client, buckets, files, {}, XGBOOST, **CSV)["TransformJobStatus"] == "Completed"
    assert buckets.path(BUCKET, "output/test.csv.out").read_text() == "2.0\n6.0"


def test_code_beside_the_model(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "code/serve.tar.gz", archive({"mine.py": THREE}))
    place = {"SAGEMAKER_PROGRAM": "mine.py", "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{BUCKET}/code/serve.tar.gz"}
    job = predicted(client, buckets, {"weights.json": '{"factor": 3}'}, place, SKLEARN, **CSV)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert buckets.path(BUCKET, "output/test.csv.out").read_text() == "3.0\n9.0"


@pytest.mark.parametrize(
    "script, reason",
    [
        ("def predict_fn(a, b): pass", "inference needs a function model_fn(model_dir) that loads the model."),
        (ONE + "\ndef input_fn(a, b): pass", "Cannot use transform_fn implementation with input_fn, predict_fn"),
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        (ONE.replace("model_dir):", "model_dir):\n    raise OSError('no weights')"), "OSError: no weights"),
        (ONE.replace("encoder.csv", "encoder.none"), '500: {"error": "AttributeError"'),
    ],
)
def test_inference_scripts_that_cannot_serve(
    client: LocalSageMaker, buckets: Buckets, script: str, reason: str
) -> None:
    job = predicted(client, buckets, {"code/inference.py": script}, CODE, XGBOOST)
    assert job["TransformJobStatus"] == "Failed"
    assert reason in job["FailureReason"]
