"""SageMaker jobs in real containers of Docker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from docker_images import BASE, OWN, containers, eventually, read
from job_requests import (
    BUCKET,
    MINE,
    SKLEARN,
    TEST_ROWS,
    XGBOOST,
    channel,
    ended,
    processing,
    processing_input,
    processing_output,
    seed_buckets,
    training,
    transform,
    tuning,
)
from test_script_mode import script_training

from asl_runner.history.ownership import Owner
from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.containers.docker.engine import Engine
from asl_runner.sagemaker.containers.docker.options import JOBS_LABEL, OWNER_LABEL
from asl_runner.sagemaker.jobs import base
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.server import LocalAws

pytestmark = pytest.mark.docker

SAGEMAKER_XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


@pytest.fixture
def client(docker_client: LocalSageMaker) -> LocalSageMaker:
    return docker_client


def own_job(name: str, do: str = "report", **changes: Any) -> dict[str, Any]:
    request = training(name, MINE, InputDataConfig=[channel("train")], **changes)
    request["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": "score=(.*)"}]
    return {**request, "HyperParameters": {"do": do}}


def test_the_users_image_trains_under_the_contract(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    client.create_training_job(**own_job("own", Environment={"LEVEL": "debug"}))
    job = ended(client, "TrainingJob", "own")
    assert job["TrainingJobStatus"] == "Completed", job
    assert [(one["MetricName"], one["Value"]) for one in job["FinalMetricDataList"]] == [("score", 0.25)]
    with tarfile.open(buckets.path(BUCKET, "models/own/output/output.tar.gz")) as archive:
        member = archive.extractfile("seen.json")
        assert member is not None
        seen = json.load(member)
    assert seen["program"] == "train"
    assert seen["host"] == "algo-1"
    assert seen["data"].count(",") >= 2
    assert seen["variables"]["LEVEL"] == "debug"
    assert seen["variables"]["TRAINING_JOB_NAME"] == "own"
    assert seen["variables"]["SM_MODEL_DIR"] == "/opt/ml/model"
    assert "on stderr" in (tmp_path / "jobs" / "training" / "own" / "log").read_text()


def test_a_container_knows_nothing_of_our_credentials(
    client: LocalSageMaker, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "REALKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "REALSECRET")
    client.create_training_job(**own_job("secrets"))
    assert ended(client, "TrainingJob", "secrets")["TrainingJobStatus"] == "Completed"
    with tarfile.open(buckets.path(BUCKET, "models/secrets/output/output.tar.gz")) as archive:
        member = archive.extractfile("seen.json")
        assert member is not None
        assert b"REAL" not in member.read()


def test_the_reason_of_a_failure_is_the_programs(client: LocalSageMaker) -> None:
    client.create_training_job(**own_job("failing", "fail"))
    job = ended(client, "TrainingJob", "failing")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: no such column: price, exit code: 3"


def test_a_container_may_use_what_its_instance_has(client: LocalSageMaker, engine: Engine, tmp_path: Path) -> None:
    request = own_job("limited", "save when stopped")
    request["ResourceConfig"]["InstanceType"] = "ml.t3.medium"
    client.create_training_job(**request)
    (container,) = eventually(lambda: containers(engine, tmp_path))
    limits = container.attrs["HostConfig"]
    assert limits["Memory"] == limits["MemorySwap"] == 4 << 30
    assert limits["NanoCpus"] == min(2, engine.cpus) * 10**9
    assert limits["ShmSize"] == 2 << 30


def test_a_stopped_job_saves_what_its_program_has(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    client.create_training_job(**own_job("stopped", "save when stopped"))
    eventually(lambda: "ready" in read(tmp_path / "jobs" / "training" / "stopped" / "log"))
    client.stop_training_job(TrainingJobName="stopped")
    job = ended(client, "TrainingJob", "stopped")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    with tarfile.open(buckets.path(BUCKET, "models/stopped/output/model.tar.gz")) as archive:
        assert archive.getnames() == ["weights"]


def test_a_program_that_does_not_heed_sigterm_is_killed(client: LocalSageMaker, tmp_path: Path) -> None:
    client.create_training_job(**own_job("deaf", "never stop"))
    eventually(lambda: "ready" in read(tmp_path / "jobs" / "training" / "deaf" / "log"))
    client.close()
    assert client.describe_training_job(TrainingJobName="deaf")["TrainingJobStatus"] == "Stopped"


def test_a_job_ends_when_its_time_is_over(client: LocalSageMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    # A first process that has not yet said what to do at SIGTERM does not heed it.
    monkeypatch.setattr(base, "_GRACE_SECONDS", 3)
    client.create_training_job(**own_job("long", "save when stopped", StoppingCondition={"MaxRuntimeInSeconds": 1}))
    job = ended(client, "TrainingJob", "long")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_network_isolation_leaves_a_container_alone(client: LocalSageMaker, buckets: Buckets) -> None:
    client.create_training_job(**own_job("alone", EnableNetworkIsolation=True))
    assert ended(client, "TrainingJob", "alone")["TrainingJobStatus"] == "Completed"
    with tarfile.open(buckets.path(BUCKET, "models/alone/output/output.tar.gz")) as archive:
        member = archive.extractfile("seen.json")
        assert member is not None
        assert "eth0" not in json.load(member)["devices"]


def test_a_program_that_is_not_in_the_image_is_the_users_error(client: LocalSageMaker) -> None:
    request = own_job("nothing")
    request["AlgorithmSpecification"]["ContainerEntrypoint"] = ["/no/such/program"]
    client.create_training_job(**request)
    reason = ended(client, "TrainingJob", "nothing")["FailureReason"]
    assert reason.startswith(f"ClientError: Docker cannot start a container of the image {OWN}: ")
    assert "/no/such/program" in reason


def test_an_image_that_cannot_be_had_is_the_users_error(client: LocalSageMaker) -> None:
    client.create_training_job(**training("nowhere", "127.0.0.1:1/nowhere/image:7"))
    reason = ended(client, "TrainingJob", "nowhere")["FailureReason"]
    assert reason.startswith("ClientError: The Docker engine does not have the image '127.0.0.1:1/nowhere/image:7'")
    assert '"*/image:*" = { image = "my-image:latest" }' in reason


def test_our_xgboost_is_tuned_and_transforms(client: LocalSageMaker, buckets: Buckets) -> None:
    client.create_hyper_parameter_tuning_job(**tuning("tune", total=2, parallel=2))
    job = ended(client, "HyperParameterTuningJob", "tune")
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    best = client.describe_training_job(TrainingJobName=job["BestTrainingJob"]["TrainingJobName"])
    artifact = best["ModelArtifacts"]["S3ModelArtifacts"]
    client.create_model(ModelName="best", PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": artifact})
    client.create_transform_job(**transform("predict", "best"))
    done = ended(client, "TransformJob", "predict")
    assert done["TransformJobStatus"] == "Completed", done
    assert len(buckets.path(BUCKET, "output/test.csv.out").read_text().split()) == TEST_ROWS


def test_both_places_train_the_same_model(client: LocalSageMaker, tmp_path: Path, buckets: Buckets) -> None:
    here = LocalSageMaker(tmp_path / "here", buckets)
    try:
        here.create_training_job(**training("same"))
        client.create_training_job(**training("same"))
        found = [ended(one, "TrainingJob", "same")["FinalMetricDataList"] for one in (here, client)]
    finally:
        here.close()
    scores = [{one["MetricName"]: one["Value"] for one in metrics} for metrics in found]
    assert scores[0].keys() == scores[1].keys()
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_the_users_server_answers_a_batch(client: LocalSageMaker, buckets: Buckets) -> None:
    client.create_model(ModelName="lengths", PrimaryContainer={"Image": MINE})
    client.create_transform_job(**transform("lengths", "lengths"))
    job = ended(client, "TransformJob", "lengths")
    assert job["TransformJobStatus"] == "Completed", job
    assert len(buckets.path(BUCKET, "output/test.csv.out").read_text().split()) == TEST_ROWS


TRAINER = """
import os, pathlib, shutil, sys
model = pathlib.Path(os.environ["SM_MODEL_DIR"])
rows = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv").read_text().splitlines()
(model / "rows").write_text(str(len(rows)))
shutil.copytree("/opt/ml/code", model / "code")
print("rows =", len(rows), *sys.argv[1:])
"""
SERVER = """
import pathlib
def model_fn(model_dir):
    return int(pathlib.Path(model_dir, "rows").read_text())
def input_fn(body, content_type):
    return body.split()
def predict_fn(data, model):
    return [model for _ in data]
def output_fn(prediction, accept):
    return "".join(f"{one}\\n" for one in prediction), "text/csv"
"""


@pytest.mark.parametrize("image", [SKLEARN, SAGEMAKER_XGBOOST])
def test_the_users_scripts_run_in_our_images(
    client: LocalSageMaker, buckets: Buckets, tmp_path: Path, image: str
) -> None:
    files = {"train.py": TRAINER, "inference.py": SERVER}
    client.create_training_job(**script_training(buckets, "script", files, "train.py", image, alpha="0.5"))
    job = ended(client, "TrainingJob", "script")
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert "rows = 200 --alpha 0.5" in read(tmp_path / "jobs" / "training" / "script" / "log")
    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    client.create_model(ModelName="script", PrimaryContainer={"Image": image, "ModelDataUrl": artifact})
    client.create_transform_job(**transform("script", "script"))
    done = ended(client, "TransformJob", "script")
    assert done["TransformJobStatus"] == "Completed", done
    assert buckets.path(BUCKET, "output/test.csv.out").read_text().split() == ["200"] * TEST_ROWS


SCRIPT = """
import boto3, pathlib, sklearn
pathlib.Path("/opt/ml/output/message").write_text("scikit-learn " + sklearn.__version__.split(".")[0])
pathlib.Path("/opt/ml/processing/out/copy").write_text(pathlib.Path("/opt/ml/processing/in/test.csv").read_text())
boto3.client("s3").put_object(Bucket="example-bucket", Key="written/inside", Body=b"by boto3")
"""


def test_a_processing_script_runs_and_reaches_the_workspaces_s3(
    tmp_path: Path, buckets: Buckets, engine: Engine
) -> None:
    buckets.put(BUCKET, "code/script.py", SCRIPT.encode())
    aws = LocalAws(buckets)
    made = LocalSageMaker(tmp_path / "jobs", buckets, environment=aws.environment)
    client = made.in_docker()
    inputs = [processing_input("in", f"s3://{BUCKET}/csv/test.csv", "/opt/ml/processing/in")]
    outputs = [processing_output("out", f"s3://{BUCKET}/processed")]
    try:
        client.create_processing_job(**processing("process", "script.py", inputs, outputs))
        job = ended(client, "ProcessingJob", "process")
        log = read(tmp_path / "jobs" / "processing" / "process" / "log")
        assert job["ProcessingJobStatus"] == "Completed", (job, log)
        assert job["ExitMessage"] == "scikit-learn 1"
        assert buckets.path(BUCKET, "processed/copy").read_text() == buckets.path(BUCKET, "csv/test.csv").read_text()
        assert buckets.path(BUCKET, "written/inside").read_bytes() == b"by boto3"
    finally:
        made.close()
        aws.close()


def test_what_a_dead_process_left_is_removed_at_the_next_start(
    client: LocalSageMaker, engine: Engine, tmp_path: Path
) -> None:
    alive = Owner(tmp_path / "jobs" / ".owners")
    labels = {JOBS_LABEL: str(tmp_path / "jobs")}
    create = engine.client.containers.create
    left = create(BASE, ["true"], labels={**labels, OWNER_LABEL: "gone"})
    used = create(BASE, ["true"], labels={**labels, OWNER_LABEL: alive.token})
    try:
        client.create_training_job(**own_job("next"))
        job = ended(client, "TrainingJob", "next")
        assert job["TrainingJobStatus"] == "Completed", job
        assert [one.id for one in containers(engine, tmp_path)] == [used.id]
        assert left.id != used.id
    finally:
        alive.release()
        used.remove(force=True)


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from job_requests import *
from test_docker_jobs import own_job
from asl_runner.configuration import ImageSetting
root = Path({root!r})
own = ImageSetting(pattern="*/mine:*", image={own!r})
made = LocalSageMaker(root / "jobs", seed_buckets(root / "s3"), images=[own])
client = made.in_docker()
client.create_training_job(**own_job("orphan", "never stop"))
ended(client, "TrainingJob", "orphan")
"""


def test_a_container_does_not_outlive_a_process_that_is_killed(engine: Engine, tmp_path: Path) -> None:
    tests = str(Path(__file__).parent)
    program = PROGRAM.format(tests=tests, root=str(tmp_path), own=OWN)
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        eventually(lambda: "ready" in read(tmp_path / "jobs" / "training" / "orphan" / "log"))
        assert len(containers(engine, tmp_path)) == 1
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        eventually(lambda: not containers(engine, tmp_path))
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("signals", [1, 2])
def test_an_interrupted_run_leaves_no_container(engine: Engine, tmp_path: Path, signals: int) -> None:
    """After the first signal the job is stopped; the second kills everything at once."""
    seed_buckets(tmp_path / ".asl-runner" / "s3")
    (tmp_path / "asl-runner.toml").write_text(f'[images]\n"*/mine:*" = {{ image = "{OWN}" }}\n')
    resource = "arn:aws:states:::sagemaker:createTrainingJob.sync"
    state = {"Type": "Task", "Resource": resource, "Parameters": own_job("cut", "never stop"), "End": True}
    (tmp_path / "m.json").write_text(json.dumps({"StartAt": "Train", "States": {"Train": state}}))
    started = [sys.executable, "-m", "asl_runner", "run", "m.json", "--use", "sagemaker=docker", "--json"]
    output = subprocess.PIPE
    process = subprocess.Popen(started, cwd=tmp_path, stdout=output, stderr=subprocess.DEVNULL, text=True)
    workspace = tmp_path / ".asl-runner"
    try:
        eventually(lambda: "ready" in read(workspace / "jobs" / "training" / "cut" / "log"))
        assert len(containers(engine, workspace)) == 1
        process.send_signal(signal.SIGINT)
        if signals == 2:
            eventually(lambda: '"Stopping"' in read(workspace / "jobs" / "training" / "cut" / "record.json"))
            process.send_signal(signal.SIGINT)
        text, _ = process.communicate()
        assert process.returncode == 130
        assert (json.loads(text)["status"] if text else None) == ("ABORTED" if signals == 1 else None)
        eventually(lambda: not containers(engine, workspace))
    finally:
        process.kill()
        process.wait()


FINDS = """
import pathlib, socket, time
deadline = time.monotonic() + 60
def look(host):
    while True:
        try:
            return socket.gethostbyname(host)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
met = [look(host) != "127.0.0.1" for host in ("algo-1", "algo-2")]
print(socket.gethostname(), met)
pathlib.Path("/opt/ml/processing/out", socket.gethostname()).write_text(str(met))
# Nobody leaves before the other has looked.
time.sleep(3)
"""


def test_the_hosts_of_a_job_find_each_other(
    client: LocalSageMaker, buckets: Buckets, engine: Engine, tmp_path: Path
) -> None:
    buckets.put(BUCKET, "code/find.py", FINDS.encode())
    request = processing("meeting", "find.py", outputs=[processing_output("out", f"s3://{BUCKET}/met")])
    request["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 2
    client.create_processing_job(**request)
    job = ended(client, "ProcessingJob", "meeting")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    for host in ("algo-1", "algo-2"):
        assert buckets.path(BUCKET, f"met/{host}").read_text() == "[True, True]"
    assert engine.client.networks.list(filters={"label": f"{JOBS_LABEL}={tmp_path / 'jobs'}"}) == []


def images_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "asl_runner", "images", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_our_images_are_listed(engine: Engine) -> None:
    listed = json.loads(images_command("list", "--json").stdout)["images"]
    assert {one["name"]: one["stands_for"] for one in listed} == {
        "xgboost": ["xgboost", "sagemaker-xgboost"],
        "scikit-learn": ["sagemaker-scikit-learn"],
    }
    assert all(one["size"] > 10**8 and one["id"].startswith("sha256:") for one in listed)
    table = images_command("list").stdout
    assert "asl-runner/xgboost" in table
    assert " MB" in table


def test_a_build_that_fails_says_why(engine: Engine) -> None:
    ran = images_command("build", "xgboost", "--quiet", "--base", "127.0.0.1:1/no/such:image")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("Error: The image asl-runner/xgboost could not be built: ")
    assert "127.0.0.1:1" in ran.stderr
