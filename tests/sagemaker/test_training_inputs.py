"""What a training program finds and leaves: pipes, manifests, shards on several hosts, checkpoints."""

from __future__ import annotations

import gzip
import json
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_requests import BUCKET, MINE, Image, ended, processing, processing_output, seed_buckets, training, until

from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.jobs import base
from asl_runner.service_model.errors import ServiceError
from asl_runner.storage.buckets import Buckets

PROGRAM = """
import base64, json, os, pathlib, signal, socket, sys, time
root = pathlib.Path("/opt/ml")
told = json.loads((root / "input/config/hyperparameters.json").read_text())
resources = json.loads((root / "input/config/resourceconfig.json").read_text())
me = resources["current_host"]
found = {"hosts": resources["hosts"], "group": resources["current_group_name"]}
if "pipe" in told:
    found["epochs"] = []
    for epoch in range(int(told["pipe"])):
        with open(root / f"input/data/train_{epoch}", "rb") as stream:
            found["epochs"].append(base64.b64encode(stream.read()).decode())
elif (root / "input/data/train").is_dir():
    found["files"] = sorted(str(one.relative_to(root / "input/data/train")) for one in
                            (root / "input/data/train").rglob("*") if one.is_file())
if told.get("early"):
    with open(root / "input/data/train_0", "rb") as stream:
        found["first"] = stream.read(3).decode()
if "checkpoint" in told:
    here = pathlib.Path(json.loads((root / "input/config/checkpointconfig.json").read_text())["LocalPath"])
    found["checkpoints"] = sorted(one.name for one in here.iterdir())
    (here / told["checkpoint"]).write_text("state")
    while told.get("wait") and not (root / "go").exists():
        time.sleep(0.02)
found["peers"] = [socket.gethostbyname(host) for host in resources["hosts"]]
print("score =", len(found.get("files", [])))
(root / "model" / f"{me}.json").write_text(json.dumps(found))
(root / "model" / "shared").write_text(me)
(root / "output/data" / me).write_text(me)
if told.get("deaf") == me:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pathlib.Path(told["ready"]).touch()
while "ready" in told and not os.path.exists(told["ready"]):
    time.sleep(0.02)
if told.get("fail") == me:
    (root / "output/failure").write_text(f"{me} is ill")
    sys.exit(4)
if told.get("fail"):
    time.sleep(600)
"""


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    made = seed_buckets(tmp_path / "s3")
    for name in "abcde":
        made.put(BUCKET, f"parts/{name}", f"<{name}>".encode())
    return made


@pytest.fixture
def client(tmp_path: Path, buckets: Buckets) -> Iterator[LocalSageMaker]:
    (tmp_path / "program.py").write_text(PROGRAM)
    made = LocalSageMaker(tmp_path / "jobs", buckets, images=[Image("*/mine:*", tmp_path / "program.py")])
    yield made
    made.close()


def request(name: str, told: dict[str, str], source: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A job of the program with one channel: `parts/`, changed by `source`, which may hold members of the channel."""
    given: dict[str, Any] = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/parts/", **(source or {})}
    of_channel = ("CompressionType", "RecordWrapperType", "ShuffleConfig", "InputMode")
    members: dict[str, Any] = {key: given.pop(key) for key in of_channel if key in given}
    channel: dict[str, Any] = {"ChannelName": "train", "DataSource": {"S3DataSource": given}, **members}
    return {**training(name, MINE, InputDataConfig=[channel], **changes), "HyperParameters": told}


def trained(client: LocalSageMaker, buckets: Buckets, asked: dict[str, Any], host: str = "algo-1") -> dict[str, Any]:
    """What the program saw on a host."""
    client.create_training_job(**asked)
    job = ended(client, "TrainingJob", asked["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    return seen(buckets, asked["TrainingJobName"], host)


def seen(buckets: Buckets, name: str, host: str) -> dict[str, Any]:
    with tarfile.open(buckets.path(BUCKET, f"models/{name}/output/model.tar.gz")) as tar:
        member = tar.extractfile(f"{host}.json")
        assert member is not None
        found: dict[str, Any] = json.loads(member.read())
        return found


def streams(found: dict[str, Any]) -> list[bytes]:
    import base64

    return [base64.b64decode(epoch) for epoch in found["epochs"]]


PIPE = {"InputMode": "Pipe"}


def test_a_pipe_gives_every_object_in_each_epoch(client: LocalSageMaker, buckets: Buckets) -> None:
    found = trained(client, buckets, request("pipe", {"pipe": "3"}, PIPE))
    assert streams(found) == [b"<a><b><c><d><e>"] * 3


def test_a_reader_that_has_seen_enough_may_stop(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "large/x", b"x" * 1_000_000)
    found = trained(client, buckets, request("early", {"early": "1"}, {**PIPE, "S3Uri": f"s3://{BUCKET}/large/"}))
    assert found["first"] == "xxx"


def test_a_program_that_reads_no_pipe_ends_all_the_same(client: LocalSageMaker, buckets: Buckets) -> None:
    assert "epochs" not in trained(client, buckets, request("none", {}, PIPE))


def test_compressed_wrapped_and_shuffled_pipes(client: LocalSageMaker, buckets: Buckets) -> None:
    for name in "xyz":
        buckets.put(BUCKET, f"zipped/{name}", gzip.compress(name.encode() * 5))
    given = {**PIPE, "S3Uri": f"s3://{BUCKET}/zipped/", "CompressionType": "Gzip"}
    assert streams(trained(client, buckets, request("gz", {"pipe": "1"}, given))) == [b"xxxxxyyyyyzzzzz"]
    frames = b"".join(struct.pack("<II", 0xCED7230A, 5) + name * 5 + b"\0" * 3 for name in (b"x", b"y", b"z"))
    wrapped = {**given, "RecordWrapperType": "RecordIO"}
    assert streams(trained(client, buckets, request("wrapped", {"pipe": "1"}, wrapped))) == [frames]
    shuffled = {**PIPE, "ShuffleConfig": {"Seed": 3}}
    epochs = streams(trained(client, buckets, request("shuffled", {"pipe": "4"}, shuffled)))
    assert {bytes(sorted(epoch)) for epoch in epochs} == {bytes(sorted(b"<a><b><c><d><e>"))}
    assert len(set(epochs)) > 1


def test_an_augmented_manifest(client: LocalSageMaker, buckets: Buckets) -> None:
    lines = [{"source-ref": f"s3://{BUCKET}/parts/{name}", "class": number} for number, name in enumerate("ab")]
    buckets.put(BUCKET, "lists/augmented", "\n".join(map(json.dumps, lines)).encode())
    source = {
        **PIPE,
        "S3DataType": "AugmentedManifestFile",
        "S3Uri": f"s3://{BUCKET}/lists/augmented",
        "AttributeNames": ["source-ref", "class"],
    }
    assert streams(trained(client, buckets, request("augmented", {"pipe": "1"}, source))) == [b"<a>0<b>1"]
    client.create_training_job(**request("plain", {}, {**source, "InputMode": "File"}))
    reason = ended(client, "TrainingJob", "plain")["FailureReason"]
    assert reason == "ClientError: Channel train: an augmented manifest needs the input mode Pipe."
    client.create_training_job(**request("lacking", {"pipe": "1"}, {**source, "AttributeNames": ["size"]}))
    reason = ended(client, "TrainingJob", "lacking")["FailureReason"]
    assert reason == "ClientError: Line 1 of the augmented manifest lists/augmented needs size: 'size'"


def test_fast_file_mode_has_files(client: LocalSageMaker, buckets: Buckets) -> None:
    assert trained(client, buckets, request("fast", {}, {"InputMode": "FastFile"}))["files"] == list("abcde")


def test_a_manifest_of_objects(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "lists/plain", json.dumps([{"prefix": f"s3://{BUCKET}/parts/"}, "d", "b"]).encode())
    source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/lists/plain"}
    assert trained(client, buckets, request("manifest", {}, source))["files"] == ["b", "d"]


def resources(count: int, **more: Any) -> dict[str, Any]:
    return {
        "ResourceConfig": {"InstanceCount": count, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1, **more},
    }


@pytest.mark.parametrize(
    "distribution, shares", [("ShardedByS3Key", ["ad", "be", "c"]), ("FullyReplicated", ["abcde"] * 3)]
)
def test_several_hosts_and_their_data(
    client: LocalSageMaker, buckets: Buckets, distribution: str, shares: list[str]
) -> None:
    asked = request("hosts", {}, {"S3DataDistributionType": distribution}, **resources(3))
    asked["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": r"^score = (\d+)"}]
    trained(client, buckets, asked)
    hosts = ["algo-1", "algo-2", "algo-3"]
    found = [seen(buckets, "hosts", host) for host in hosts]
    assert [one["files"] for one in found] == [list(share) for share in shares]
    assert all(one["hosts"] == hosts and one["peers"] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"] for one in found)
    with tarfile.open(buckets.path(BUCKET, "models/hosts/output/model.tar.gz")) as tar:
        shared = tar.extractfile("shared")
        assert shared is not None
        assert shared.read() == b"algo-3"
    with tarfile.open(buckets.path(BUCKET, "models/hosts/output/output.tar.gz")) as tar:
        assert sorted(tar.getnames()) == hosts
    (metric,) = client.describe_training_job(TrainingJobName="hosts")["FinalMetricDataList"]
    assert metric["Value"] in {len(share) for share in shares}


def test_pipes_are_sharded_too(client: LocalSageMaker, buckets: Buckets) -> None:
    source = {**PIPE, "S3DataDistributionType": "ShardedByS3Key"}
    trained(client, buckets, request("shards", {"pipe": "1"}, source, **resources(2)))
    assert [streams(seen(buckets, "shards", host)) for host in ("algo-1", "algo-2")] == [[b"<a><c><e>"], [b"<b><d>"]]


def test_one_host_that_fails_fails_the_job(client: LocalSageMaker) -> None:
    client.create_training_job(**request("ill", {"fail": "algo-2"}, **resources(2)))
    assert ended(client, "TrainingJob", "ill")["FailureReason"] == "AlgorithmError: algo-2 is ill, exit code: 4"


def test_a_job_that_has_failed_does_not_wait_for_hosts_that_do_not_heed_sigterm(
    client: LocalSageMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So long a stopped job waits for what its program may still save.
    monkeypatch.setattr(base, "_GRACE_SECONDS", 1e6)
    told = {"fail": "algo-2", "deaf": "algo-1", "ready": str(tmp_path / "ready")}
    client.create_training_job(**request("ill", told, **resources(2)))
    assert ended(client, "TrainingJob", "ill")["FailureReason"] == "AlgorithmError: algo-2 is ill, exit code: 4"


def test_instance_groups(client: LocalSageMaker, buckets: Buckets) -> None:
    groups = [
        {"InstanceGroupName": name, "InstanceCount": 1, "InstanceType": "ml.m5.large"} for name in ("big", "small")
    ]
    asked = request("groups", {}, ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1})
    trained(client, buckets, asked)
    assert [seen(buckets, "groups", host)["group"] for host in ("algo-1", "algo-2")] == ["big", "small"]


def test_checkpoints_come_from_and_go_to_their_prefix(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    buckets.put(BUCKET, "saved/first", b"before")
    config = {"S3Uri": f"s3://{BUCKET}/saved", "LocalPath": "/opt/ml/states"}
    client.create_training_job(**request("saves", {"checkpoint": "second", "wait": "1"}, CheckpointConfig=config))
    until(lambda: [one.key for one in buckets.list(BUCKET, "saved/")] == ["saved/first", "saved/second"])
    assert client.describe_training_job(TrainingJobName="saves")["TrainingJobStatus"] == "InProgress"
    (tmp_path / "jobs/training/saves/opt/ml/go").touch()
    assert ended(client, "TrainingJob", "saves")["TrainingJobStatus"] == "Completed"
    assert seen(buckets, "saves", "algo-1")["checkpoints"] == ["first"]
    default = {"S3Uri": f"s3://{BUCKET}/saved"}
    found = trained(client, buckets, request("resumes", {"checkpoint": "third"}, CheckpointConfig=default))
    assert found["checkpoints"] == ["first", "second"]
    assert buckets.path(BUCKET, "saved/third").read_text() == "state"


def test_spot_training_and_warm_pools_are_accepted(client: LocalSageMaker, buckets: Buckets) -> None:
    stopping = {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120}
    asked = request(
        "spot",
        {},
        EnableManagedSpotTraining=True,
        StoppingCondition=stopping,
        RetryStrategy={"MaximumRetryAttempts": 2},
        **resources(1, KeepAlivePeriodInSeconds=600),
    )
    trained(client, buckets, asked)
    job = client.describe_training_job(TrainingJobName="spot")
    assert (job["EnableManagedSpotTraining"], job["StoppingCondition"]) == (True, stopping)
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"]
    assert job["WarmPoolStatus"] == {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 0}


@pytest.mark.parametrize(
    "changes, text",
    [
        (
            {"EnableManagedSpotTraining": True},
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds.",
        ),
        ({"CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/c", "LocalPath": "/tmp/c"}}, "must be below /opt/ml locally"),
    ],
)
def test_settings_that_are_refused(client: LocalSageMaker, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ServiceError, match=text):
        client.create_training_job(**request("refused", {}, **changes))


def test_a_processing_input_through_a_pipe(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "zipped/x", gzip.compress(b"inside"))
    script = "print(1); open('/opt/ml/processing/out/got', 'wb').write(open('/opt/ml/processing/in_0', 'rb').read())"
    buckets.put(BUCKET, "code/read.py", script.encode())
    source = {
        "S3Uri": f"s3://{BUCKET}/zipped/x",
        "LocalPath": "/opt/ml/processing/in",
        "S3DataType": "S3Prefix",
        "S3InputMode": "Pipe",
        "S3CompressionType": "Gzip",
    }
    given = [{"InputName": "in", "S3Input": source}]
    output = processing_output("out", f"s3://{BUCKET}/results")
    client.create_processing_job(**processing("reads", "read.py", given, [output]))
    job = ended(client, "ProcessingJob", "reads")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert buckets.path(BUCKET, "results/got").read_bytes() == b"inside"
