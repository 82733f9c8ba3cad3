"""Endpoints whose servers are real containers of Docker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from docker_images import OWN, containers, eventually
from job_requests import BUCKET, MINE, ROLE, XGBOOST, ended, training
from test_endpoints import configure, made, said, settled

from asl_runner.configuration import ImageSetting
from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.containers.docker.engine import Engine
from asl_runner.service_model.errors import ServiceError
from asl_runner.storage.buckets import Buckets

pytestmark = pytest.mark.docker

ROWS = b"1,2\n3,40\n99,1"


def answers(client: LocalSageMaker, name: str, expected: str) -> bool:
    try:
        return said(client, name, "four words") == expected
    except ServiceError:
        return False


def lengths(client: LocalSageMaker, name: str = "lengths", **container: Any) -> None:
    """A model that is the users' own image."""
    client.create_model(ModelName=name, PrimaryContainer={"Image": MINE, **container})


def test_a_model_answers_from_a_container_as_it_does_from_a_process(
    docker_client: LocalSageMaker, buckets: Buckets, engine: Engine, tmp_path: Path
) -> None:
    docker_client.create_training_job(**training("boosted"))
    artifact = ended(docker_client, "TrainingJob", "boosted")["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": XGBOOST, "ModelDataUrl": artifact}
    docker_client.create_model(ModelName="boosted", PrimaryContainer=container)
    document = made(docker_client, "live", "boosted")
    assert document["EndpointStatus"] == "InService", document.get("FailureReason")
    answer = docker_client.invoke_endpoint(EndpointName="live", Body=ROWS, ContentType="text/csv")
    (running,) = containers(engine, tmp_path)
    assert running.attrs["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"
    here = LocalSageMaker(tmp_path / "here", buckets)
    try:
        here.create_model(ModelName="boosted", PrimaryContainer=container)
        made(here, "live", "boosted")
        expected = here.invoke_endpoint(EndpointName="live", Body=ROWS, ContentType="text/csv")
    finally:
        here.close()
    scores = [[float(line) for line in one["Body"].splitlines()] for one in (answer, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert len(scores[0]) == 3
    with pytest.raises(ServiceError) as raised:
        docker_client.invoke_endpoint(EndpointName="live", Body=b"1,2,3", ContentType="text/csv")
    assert raised.value.response["OriginalStatusCode"] == 400
    docker_client.delete_endpoint(EndpointName="live")
    eventually(lambda: not containers(engine, tmp_path))
    eventually(lambda: not docker_client.list_endpoints()["Endpoints"])


def test_containers_of_a_pipeline_are_replaced_by_an_update(
    docker_client: LocalSageMaker, engine: Engine, tmp_path: Path
) -> None:
    lengths(docker_client)
    docker_client.create_model(ModelName="chain", Containers=[{"Image": MINE}, {"Image": MINE}])
    made(docker_client, "live", "lengths")
    assert said(docker_client, "live", "four words") == "4\n5\n"
    (first,) = containers(engine, tmp_path)
    configure(docker_client, "second", "chain")
    docker_client.update_endpoint(EndpointName="live", EndpointConfigName="second")
    assert settled(docker_client, "live")["EndpointStatus"] == "InService"
    assert said(docker_client, "live", "four words") == "1\n1\n"
    eventually(lambda: len(containers(engine, tmp_path)) == 2)
    assert first.id not in {one.id for one in containers(engine, tmp_path)}


def test_a_container_that_is_killed_is_started_again(
    docker_client: LocalSageMaker, engine: Engine, tmp_path: Path
) -> None:
    lengths(docker_client)
    made(docker_client, "live", "lengths")
    (first,) = containers(engine, tmp_path)
    first.kill()
    eventually(lambda: answers(docker_client, "live", "4\n5\n"))
    assert first.id not in {one.id for one in containers(engine, tmp_path)}


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(
    docker_client: LocalSageMaker, engine: Engine, tmp_path: Path
) -> None:
    archive = f"s3://{BUCKET}/csv/test.csv"
    docker_client.create_model(ModelName="broken", PrimaryContainer={"Image": MINE, "Environment": {"BREAK": "yes"}})
    docker_client.create_model(ModelName="lost", PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": f"{archive}.no"})
    document = made(docker_client, "broken", "broken")
    assert document["EndpointStatus"] == "Failed"
    assert "exit code 4 before it answered /ping" in document["FailureReason"]
    assert "no weights" in document["FailureReason"]
    assert made(docker_client, "lost", "lost")["EndpointStatus"] == "Failed"
    eventually(lambda: not containers(engine, tmp_path))


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from job_requests import *
from test_docker_endpoints import lengths, made
from asl_runner.configuration import ImageSetting
root = Path({root!r})
own = ImageSetting(pattern="*/mine:*", image={own!r})
client = LocalSageMaker(root / "jobs", seed_buckets(root / "s3"), images=[own]).in_docker()
lengths(client)
made(client, "live", "lengths")
print("up", flush=True)
time.sleep(600)
"""


def test_a_killed_process_leaves_no_server_and_who_asks_next_starts_it_again(
    buckets: Buckets, engine: Engine, tmp_path: Path
) -> None:
    """In a container as before, though it is not asked through a client whose jobs run in Docker."""
    own = ImageSetting(pattern="*/mine:*", image=OWN)
    other = LocalSageMaker(tmp_path / "jobs", buckets, images=[own])
    program = PROGRAM.format(tests=str(Path(__file__).parent), root=str(tmp_path), own=OWN)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "up\n"
        # Another process asks the same container.
        assert said(other, "live", "four words") == "4\n5\n"
        assert len(containers(engine, tmp_path)) == 1
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        eventually(lambda: not containers(engine, tmp_path))
        assert said(other, "live", "four words") == "4\n5\n"
        assert len(containers(engine, tmp_path)) == 1
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        other.close()
    assert not containers(engine, tmp_path)


def task(resource: str, parameters: dict[str, Any], following: str | None, **more: Any) -> dict[str, Any]:
    after = {"End": True} if following is None else {"Next": following}
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, **more, **after}


def test_a_workflow_puts_a_model_into_service_and_a_later_one_asks_it(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "asl-runner.toml").write_text(f'[images]\n"*/mine:*" = {{ image = "{OWN}" }}\n')
    variant = {"VariantName": "all", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.t3.medium"}
    model = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": MINE}}
    config = {"EndpointConfigName": "c", "ProductionVariants": [variant]}
    asked = {"EndpointName": "live", "Body": "four words", "ContentType": "text/plain"}
    up = {"Variable": "$.EndpointStatus", "StringEquals": "Creating", "Next": "Wait"}
    ask = task("aws-sdk:sagemakerruntime:invokeEndpoint", asked, None, OutputPath="$.Body")
    serve = {
        "Model": task("sagemaker:createModel", model, "Config"),
        "Config": task("sagemaker:createEndpointConfig", config, "Endpoint"),
        "Endpoint": task("sagemaker:createEndpoint", {"EndpointName": "live", "EndpointConfigName": "c"}, "Look"),
        "Look": task("aws-sdk:sagemaker:describeEndpoint", {"EndpointName": "live"}, "Is it up?"),
        "Is it up?": {"Type": "Choice", "Choices": [up], "Default": "Ask"},
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Look"},
        "Ask": ask,
    }
    (tmp_path / "serve.json").write_text(json.dumps({"StartAt": "Model", "States": serve}))
    (tmp_path / "ask.json").write_text(json.dumps({"StartAt": "Ask", "States": {"Ask": ask}}))
    for arguments in (["serve.json", "--target", "docker"], ["ask.json"]):
        command = [sys.executable, "-m", "asl_runner", "run", *arguments, "--json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert json.loads(json.loads(done.stdout)["output"]) == "4\n5\n", (done.stdout, done.stderr)
        assert not containers(engine, tmp_path / ".asl-runner")
