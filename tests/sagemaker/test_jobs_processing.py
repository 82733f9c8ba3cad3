"""Processing jobs through the client: what a script finds, what becomes of what it leaves, how a job ends."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_requests import (
    BUCKET,
    MINE,
    Image,
    ended,
    processing,
    processing_input,
    processing_output,
    seed_buckets,
    until,
)

from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.containers import isolated
from asl_runner.service_model.errors import ServiceError
from asl_runner.storage.buckets import Buckets

LOOK = """
import json, os, pathlib, sys
root = pathlib.Path("/opt/ml/processing")
files = sorted(str(path.relative_to(root)) for path in (root / "input").rglob("*") if path.is_file())
config = pathlib.Path("/opt/ml/config")
found = {
    "arguments": sys.argv[1:], "files": files, "outputs": sorted(map(str, root.glob("o*"))),
    "job": json.loads((config / "processingjobconfig.json").read_text()),
    "resources": json.loads((config / "resourceconfig.json").read_text()),
    "environment": {name: os.environ.get(name) for name in
                    ("MINE", "PROCESSING_JOB_ARN", "PROCESSING_JOB_NAME", "AWS_REGION", "AWS_ENDPOINT_URL")},
}
pathlib.Path("written-here").touch()
(root / "out" / "deep").mkdir()
(root / "out" / "deep" / "found.json").write_text(json.dumps(found))
(root / "out" / "link").symlink_to("/etc/hosts")
pathlib.Path("/opt/ml/output/message").write_text("looked at " + str(len(files)))
"""

FAIL = """
import pathlib, sys
pathlib.Path("/opt/ml/processing/out/partial").write_text("p")
pathlib.Path("/opt/ml/output/message").write_bytes(pathlib.Path("/opt/ml/processing/input/code/message").read_bytes())
sys.exit("no good data")
"""

WAIT = """
import pathlib, sys, time
out = pathlib.Path("/opt/ml/processing/out")
(out / "first").write_text("1")
while not pathlib.Path("/opt/ml/go").exists():
    time.sleep(0.02)
(out / "first").write_text("22")
"""

HOSTS = """
import json, pathlib, socket, sys
told = json.loads(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text())
me = told["current_host"]
address = [socket.gethostbyname(host) for host in told["hosts"]]
files = sorted(path.name for path in pathlib.Path("/opt/ml/processing/input/data").iterdir())
pathlib.Path(f"/opt/ml/processing/out/{me}").write_text(json.dumps([told["hosts"], address, files]))
print("I am", me)
if sys.argv[1:] == [me]:
    sys.exit(7)
if sys.argv[1:]:
    import time; time.sleep(600)
"""


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    made = seed_buckets(tmp_path / "s3")
    for name, text in {"look": LOOK, "fail": FAIL, "wait": WAIT, "hosts": HOSTS}.items():
        made.put(BUCKET, f"code/{name}.py", text.encode())
    return made


@pytest.fixture
def client(tmp_path: Path, buckets: Buckets) -> Iterator[LocalSageMaker]:
    made = LocalSageMaker(
        tmp_path / "jobs",
        buckets,
        images=[Image("*/mine:*", tmp_path / "mine.py")],
        environment={"AWS_ENDPOINT_URL": "http://localhost:1"},
    )
    yield made
    made.close()


OUT = processing_output("out", f"s3://{BUCKET}/results/")


def test_a_script_of_the_sdks_processors(client: LocalSageMaker, buckets: Buckets) -> None:
    inputs = [
        processing_input("raw", f"s3://{BUCKET}/csv/train.csv", "/opt/ml/processing/input"),
        processing_input("all", f"s3://{BUCKET}/csv", "/opt/ml/processing/input/all"),
    ]
    request = processing("look", "look.py", inputs, [OUT], Environment={"MINE": "x"})
    request["AppSpecification"]["ContainerArguments"] = ["--threshold", "0.5"]
    answer = client.create_processing_job(**request)
    arn = "arn:aws:sagemaker:us-east-1:123456789012:processing-job/look"
    assert answer["ProcessingJobArn"] == arn
    job = ended(client, "ProcessingJob", "look")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ExitMessage"] == "looked at 5"
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"] == job["LastModifiedTime"]
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert job["ProcessingInputs"][0]["S3Input"]["S3DataDistributionType"] == "FullyReplicated"
    assert [info.key for info in buckets.list(BUCKET, "results")] == ["results/deep/found.json"]
    found = json.loads(buckets.path(BUCKET, "results/deep/found.json").read_text())
    assert found["files"] == [
        *("input/all/test.csv", "input/all/train.csv", "input/all/validation.csv"),
        *("input/code/look.py", "input/train.csv"),
    ]
    assert found["arguments"] == ["--threshold", "0.5"]
    assert found["outputs"] == ["/opt/ml/processing/out"]
    assert found["resources"]["hosts"] == [found["resources"]["current_host"]] == ["algo-1"]
    assert found["job"]["ProcessingJobArn"] == arn
    assert found["job"]["AppSpecification"] == request["AppSpecification"]
    assert [one["InputName"] for one in found["job"]["ProcessingInputs"]] == ["raw", "all", "code"]
    assert found["environment"] == {
        "MINE": "x",
        "PROCESSING_JOB_ARN": arn,
        "PROCESSING_JOB_NAME": "look",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://localhost:1",
    }


def test_a_script_that_fails_still_leaves_its_output_and_message(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "code/message", "ä".encode() * 600)
    code = processing_input("message", f"s3://{BUCKET}/code/message", "/opt/ml/processing/input/code")
    client.create_processing_job(**processing("fails", "fail.py", [code], [OUT]))
    job = ended(client, "ProcessingJob", "fails")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information. no good data, exit code: 1"
    assert job["ExitMessage"] == "ä" * 512
    assert buckets.path(BUCKET, "results/partial").read_text() == "p"


def test_a_message_that_is_not_utf_8(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "code/message", b"\xff")
    code = processing_input("message", f"s3://{BUCKET}/code/message", "/opt/ml/processing/input/code")
    client.create_processing_job(**processing("binary", "fail.py", [code], [OUT]))
    reason = ended(client, "ProcessingJob", "binary")["FailureReason"]
    assert reason.startswith("ClientError: /opt/ml/output/message is not UTF-8")


def _waiting(client: LocalSageMaker, tmp_path: Path, name: str, mode: str = "EndOfJob", **changes: Any) -> Path:
    output = processing_output("out", f"s3://{BUCKET}/results", mode)
    client.create_processing_job(**processing(name, "wait.py", (), [output], **changes))
    tree = tmp_path / "jobs/processing" / name / "opt/ml"
    until((tree / "processing/out/first").exists)
    return tree


def test_continuous_output_is_there_while_the_job_runs(
    client: LocalSageMaker, buckets: Buckets, tmp_path: Path
) -> None:
    tree = _waiting(client, tmp_path, "streams", "Continuous")
    until(lambda: [one.size for one in buckets.list(BUCKET, "results/")] == [1])
    assert client.describe_processing_job(ProcessingJobName="streams")["ProcessingJobStatus"] == "InProgress"
    (tree / "go").touch()
    assert ended(client, "ProcessingJob", "streams")["ProcessingJobStatus"] == "Completed"
    assert buckets.path(BUCKET, "results/first").read_text() == "22"


def test_other_output_only_at_the_end_also_of_a_stopped_job(
    client: LocalSageMaker, buckets: Buckets, tmp_path: Path
) -> None:
    _waiting(client, tmp_path, "stopped")
    assert not list(buckets.list(BUCKET, "results/"))
    client.stop_processing_job(ProcessingJobName="stopped")
    assert ended(client, "ProcessingJob", "stopped")["ProcessingJobStatus"] == "Stopped"
    assert buckets.path(BUCKET, "results/first").read_text() == "1"


def test_the_time_limit_stops(client: LocalSageMaker, tmp_path: Path) -> None:
    _waiting(client, tmp_path, "late", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert ended(client, "ProcessingJob", "late")["ProcessingJobStatus"] == "Stopped"


def _on_three_hosts(name: str, *arguments: str) -> dict[str, Any]:
    data = processing_input(
        "data",
        f"s3://{BUCKET}/shards/",
        "/opt/ml/processing/input/data",
        S3DataDistributionType="ShardedByS3Key",
    )
    cluster = {"InstanceCount": 3, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1}
    request = processing(name, "hosts.py", [data], [OUT], ProcessingResources={"ClusterConfig": cluster})
    if arguments:
        request["AppSpecification"]["ContainerArguments"] = list(arguments)
    return request


def test_several_hosts_share_the_data_and_see_each_other(
    client: LocalSageMaker, buckets: Buckets, tmp_path: Path
) -> None:
    for number in range(5):
        buckets.put(BUCKET, f"shards/{number}", b"x")
    client.create_processing_job(**_on_three_hosts("shared"))
    job = ended(client, "ProcessingJob", "shared")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    found = {
        info.key.removeprefix("results/"): json.loads(info.path.read_text()) for info in buckets.list(BUCKET, "results")
    }
    hosts, addresses = ["algo-1", "algo-2", "algo-3"], ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert found == {
        "algo-1": [hosts, addresses, ["0", "3"]],
        "algo-2": [hosts, addresses, ["1", "4"]],
        "algo-3": [hosts, addresses, ["2"]],
    }
    log = (tmp_path / "jobs/processing/shared/log").read_text().splitlines()
    assert sorted(log) == [f"{host} I am {host}" for host in hosts]


def test_a_host_that_fails_ends_the_others(client: LocalSageMaker, buckets: Buckets) -> None:
    for number in range(3):
        buckets.put(BUCKET, f"shards/{number}", b"x")
    client.create_processing_job(**_on_three_hosts("breaks", "algo-2"))
    job = ended(client, "ProcessingJob", "breaks")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("exit code: 7")


def test_a_manifest_names_the_objects(client: LocalSageMaker, buckets: Buckets) -> None:
    manifest = [{"prefix": f"s3://{BUCKET}/csv/"}, "test.csv"]
    buckets.put(BUCKET, "lists/m.manifest", json.dumps(manifest).encode())
    listed = processing_input(
        "listed", f"s3://{BUCKET}/lists/m.manifest", "/opt/ml/processing/input", S3DataType="ManifestFile"
    )
    client.create_processing_job(**processing("listed", "look.py", [listed], [OUT]))
    assert ended(client, "ProcessingJob", "listed")["ProcessingJobStatus"] == "Completed"
    found = json.loads(buckets.path(BUCKET, "results/deep/found.json").read_text())
    assert found["files"] == ["input/code/look.py", "input/test.csv"]


def test_what_the_application_manages_is_not_copied(client: LocalSageMaker, buckets: Buckets) -> None:
    own = {"InputName": "own", "AppManaged": True, "S3Input": {"S3Uri": "s3://not-here/x", "S3DataType": "S3Prefix"}}
    client.create_processing_job(**processing("managed", "look.py", [own], [OUT]))
    job = ended(client, "ProcessingJob", "managed")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")


def test_missing_data_fails_the_job(client: LocalSageMaker) -> None:
    nothing = processing_input("none", f"s3://{BUCKET}/none/", "/opt/ml/processing/input")
    client.create_processing_job(**processing("none", "look.py", [nothing], [OUT]))
    job = ended(client, "ProcessingJob", "none")
    text = f'ClientError: Failed to download data. No S3 objects found under S3 URL "s3://{BUCKET}/none/"'
    assert job["FailureReason"].startswith(text)


def test_a_configured_image_runs_its_own_command(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    program = "import pathlib, sys; pathlib.Path('/opt/ml/processing/out/said').write_text(' '.join(sys.argv[1:]))"
    (tmp_path / "mine.py").write_text(program)
    specification = {"ImageUri": MINE, "ContainerArguments": ["a", "b"]}
    client.create_processing_job(**processing("own", "look.py", (), [OUT], AppSpecification=specification))
    job = ended(client, "ProcessingJob", "own")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert buckets.path(BUCKET, "results/said").read_text() == "a b"


@pytest.mark.parametrize(
    "specification, text",
    [
        ({"ImageUri": "1.dkr/unknown:1", "ContainerEntrypoint": ["a"]}, "No local program is known for the image"),
        ({"ImageUri": "1.dkr/sagemaker-scikit-learn:1"}, "give the job a ContainerEntrypoint"),
        (
            {"ImageUri": "1.dkr/sagemaker-scikit-learn:1", "ContainerEntrypoint": ["/no/x"]},
            "cannot start: No such file",
        ),
    ],
)
def test_an_image_that_cannot_run(client: LocalSageMaker, specification: dict[str, Any], text: str) -> None:
    client.create_processing_job(**processing("cannot", "look.py", (), [OUT], AppSpecification=specification))
    job = ended(client, "ProcessingJob", "cannot")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert text in job["FailureReason"]


def _input(**changes: Any) -> dict[str, Any]:
    return {"ProcessingInputs": [processing_input("a", f"s3://{BUCKET}/csv", "/opt/ml/processing/a", **changes)]}


STORED = {"OutputName": "o", "FeatureStoreOutput": {"FeatureGroupName": "f"}}


@pytest.mark.parametrize(
    "changes, text",
    [
        (_input(LocalPath="/tmp/x"), "LocalPath of the input a must begin with /opt/ml/processing/, found /tmp/x"),
        (_input(LocalPath="/opt/ml/processing/../x"), "must begin with /opt/ml/processing/"),
        (_input(S3CompressionType="Gzip"), "Gzip can only be used with the S3InputMode Pipe"),
        ({"ProcessingInputs": [*_input()["ProcessingInputs"] * 2]}, "inputs must have unique names; a is used more"),
        (
            {"ProcessingInputs": [{"InputName": "d", "DatasetDefinition": {"LocalPath": "/opt/ml/processing/d"}}]},
            "Athena and Redshift cannot be asked locally",
        ),
        ({"ProcessingInputs": [{"InputName": "d"}]}, "The input d needs an S3Input"),
        ({"ProcessingOutputConfig": {"Outputs": [processing_output("o", "s3://A_b/x")]}}, "bucket"),
        ({"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o"}]}}, "The output o needs an S3Output"),
        ({"ProcessingOutputConfig": {"Outputs": [STORED]}}, "no feature store"),
        ({"ProcessingJobName": "a_b"}, "Value 'a_b' at 'processingJobName' failed to satisfy constraint"),
    ],
)  # fmt: skip
def test_requests_that_are_refused(client: LocalSageMaker, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ServiceError) as raised:
        client.create_processing_job(**processing("refused", "look.py", **changes))
    assert raised.value.code == "ValidationException"
    assert text in raised.value.message


def test_names_listing_and_unknown_jobs(client: LocalSageMaker) -> None:
    client.create_processing_job(**processing("one", "look.py", (), [OUT]))
    with pytest.raises(ServiceError, match="Job name must be unique within an AWS account") as raised:
        client.create_processing_job(**processing("one", "look.py", (), [OUT]))
    assert raised.value.code == "ResourceInUse"
    ended(client, "ProcessingJob", "one")
    (listed,) = client.list_processing_jobs(StatusEquals="Completed")["ProcessingJobSummaries"]
    assert (listed["ProcessingJobName"], listed["ExitMessage"]) == ("one", "looked at 1")
    snapshot = client.progress("one", "processing")
    assert snapshot is not None
    assert snapshot.status == "Completed"
    with pytest.raises(ServiceError, match="Could not find requested job with name: none"):
        client.describe_processing_job(ProcessingJobName="none")


RUNPROC = """#!/bin/bash
cd /opt/ml/processing/input/code/
tar -xzf sourcedir.tar.gz
set -e
if [[ -f 'requirements.txt' ]]; then
    pip install -r requirements.txt
fi
python3 run.py "$@"
"""


def test_the_launcher_of_the_sdks_framework_processors(client: LocalSageMaker, buckets: Buckets) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        script = b"import helper, sys; open('/opt/ml/processing/out/said', 'w').write(helper.WORD + sys.argv[1])"
        for name, content in {"run.py": script, "helper.py": b"WORD = 'hello '"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    buckets.put(BUCKET, "code/sourcedir.tar.gz", stream.getvalue())
    buckets.put(BUCKET, "launcher/runproc.sh", RUNPROC.encode())
    inputs = [
        processing_input("code", f"s3://{BUCKET}/code/sourcedir.tar.gz", "/opt/ml/processing/input/code/"),
        processing_input("entrypoint", f"s3://{BUCKET}/launcher/runproc.sh", "/opt/ml/processing/input/entrypoint"),
    ]
    request = processing("framework", "look.py", (), [OUT], ProcessingInputs=inputs)
    request["AppSpecification"] |= {
        "ContainerEntrypoint": ["/bin/bash", "/opt/ml/processing/input/entrypoint/runproc.sh"],
        "ContainerArguments": ["you"],
    }
    client.create_processing_job(**request)
    job = ended(client, "ProcessingJob", "framework")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert buckets.path(BUCKET, "results/said").read_text() == "hello you"


def test_without_a_namespace_scripts_are_found_and_the_log_says_what_is_different(
    client: LocalSageMaker, buckets: Buckets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "problem", lambda: "not allowed")
    script = "import os, pathlib; pathlib.Path(os.environ['TARGET'], 'said').write_text('here')"
    buckets.put(BUCKET, "code/plain.py", script.encode())
    given = {"TARGET": "/opt/ml/processing/out"}
    client.create_processing_job(**processing("plain", "plain.py", (), [OUT], Environment=given))
    job = ended(client, "ProcessingJob", "plain")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert buckets.path(BUCKET, "results/said").read_text() == "here"
    assert (
        "gives no program an /opt/ml of its own (not allowed)" in (tmp_path / "jobs/processing/plain/log").read_text()
    )
