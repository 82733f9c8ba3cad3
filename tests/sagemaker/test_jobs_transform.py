"""Batch transform jobs through the client."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_requests import (
    BUCKET,
    MINE,
    TEST_ROWS,
    XGBOOST,
    Image,
    channel,
    ended,
    seed_buckets,
    training,
    transform,
    until,
)

from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.service_model.errors import ServiceError
from asl_runner.storage.buckets import Buckets

PROGRAM = """
import http.server, os, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ping" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body.startswith(b"wait"):
            time.sleep(600)
        answer = f"[{len(body.splitlines())}|{os.environ.get('SAGEMAKER_BATCH_STRATEGY')}]".encode()
        self.send_response(500 if body.startswith(b"bad") else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    return seed_buckets(tmp_path / "s3")


@pytest.fixture
def client(tmp_path: Path, buckets: Buckets) -> Iterator[LocalSageMaker]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    made = LocalSageMaker(tmp_path / "jobs", buckets, images=[Image("*/mine:*", program)])
    made.create_model(ModelName="mine", PrimaryContainer={"Image": MINE})
    yield made
    made.close()


def source(key: str, **more: Any) -> dict[str, Any]:
    data = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{key}"}
    return {"DataSource": {"S3DataSource": data}, "ContentType": "text/csv", **more}


def transformed(client: LocalSageMaker, request: dict[str, Any]) -> dict[str, Any]:
    client.create_transform_job(**request)
    return ended(client, "TransformJob", request["TransformJobName"])


def output(buckets: Buckets, name: str) -> str:
    return buckets.path(BUCKET, f"output/{name}.out").read_text()


def test_one_prediction_for_each_row(client: LocalSageMaker, buckets: Buckets) -> None:
    client.create_training_job(**training("model", InputDataConfig=[channel("train")]))
    artifact = ended(client, "TrainingJob", "model")["ModelArtifacts"]["S3ModelArtifacts"]
    client.create_model(ModelName="model", PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": artifact})
    job = transformed(client, transform("whole", "model"))
    assert job["TransformJobStatus"] == "Completed"
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    predictions = output(buckets, "test.csv")
    assert predictions.endswith("\n")
    assert len([float(line) for line in predictions.splitlines()]) == TEST_ROWS
    single = source("csv/test.csv", SplitType="Line")
    transformed(client, transform("single", "model", TransformInput=single, BatchStrategy="SingleRecord"))
    assert output(buckets, "test.csv") == predictions
    lines = {"S3OutputPath": f"s3://{BUCKET}/output/", "AssembleWith": "Line"}
    transformed(
        client, transform("lines", "model", TransformInput=single, TransformOutput=lines, MaxConcurrentTransforms=3)
    )
    assert output(buckets, "test.csv") == predictions


def test_records_are_batched_as_the_request_says(client: LocalSageMaker, buckets: Buckets) -> None:
    line = source("csv/test.csv", SplitType="Line")
    transformed(client, transform("many", "mine", TransformInput=line))
    assert output(buckets, "test.csv") == f"[{TEST_ROWS}|None]"
    transformed(client, transform("one", "mine", TransformInput=line, BatchStrategy="SingleRecord"))
    assert output(buckets, "test.csv") == "[1|SINGLE_RECORD]" * TEST_ROWS
    buckets.put(BUCKET, "big/data.csv", b"".join(b"x" * 700_000 + b"\n" for _ in range(3)))
    big = source("big/data.csv", SplitType="Line")
    transformed(client, transform("big", "mine", TransformInput=big, MaxPayloadInMB=2, MaxConcurrentTransforms=2))
    assert output(buckets, "data.csv") == "[2|None][1|None]"


def test_every_object_of_a_prefix_and_a_bad_one_fails_the_job(client: LocalSageMaker, buckets: Buckets) -> None:
    for key, body in (("in/a.csv", b"1\n"), ("in/deep/b.csv", b"bad\n"), ("in/deep/c.csv", b"1\n2\n")):
        buckets.put(BUCKET, key, body)
    retries = {"InvocationsMaxRetries": 0}
    job = transformed(client, transform("several", "mine", TransformInput=source("in/"), ModelClientConfig=retries))
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: See job logs for more information. in/deep/b.csv: Bad HTTP")
    assert [info.key for info in buckets.list(BUCKET, "output/")] == ["output/a.csv.out", "output/deep/c.csv.out"]


def test_too_large_a_file_without_a_split(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "big.csv", b"x" * 1_100_000)
    job = transformed(client, transform("large", "mine", TransformInput=source("big.csv"), MaxPayloadInMB=1))
    assert "set SplitType to Line" in job["FailureReason"]
    assert job["FailureReason"].startswith("ClientError: ")


def test_text_in_place_of_numbers(client: LocalSageMaker, buckets: Buckets) -> None:
    client.create_training_job(**training("numbers", InputDataConfig=[channel("train")]))
    artifact = ended(client, "TrainingJob", "numbers")["ModelArtifacts"]["S3ModelArtifacts"]
    client.create_model(ModelName="numbers", PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": artifact})
    buckets.put(BUCKET, "csv/words.csv", b"one,two\nthree,four\n")
    job = transformed(client, transform("words", "numbers", TransformInput=source("csv/words.csv")))
    assert job["TransformJobStatus"] == "Failed"
    assert "Bad HTTP status received from algorithm: 415" in job["FailureReason"]


def test_stop_keeps_no_output_and_no_container(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    buckets.put(BUCKET, "in/a.csv", b"1\n")
    buckets.put(BUCKET, "in/b.csv", b"wait\n")
    client.create_transform_job(**transform("stop", "mine", TransformInput=source("in/")))
    until(lambda: (tmp_path / "jobs/transform/stop/answer-1").exists())
    client.stop_transform_job(TransformJobName="stop")
    assert ended(client, "TransformJob", "stop")["TransformJobStatus"] == "Stopped"
    assert not list(buckets.list(BUCKET, "output/"))


def test_a_container_that_never_answers_can_be_stopped(client: LocalSageMaker, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import time; time.sleep(600)")
    client.create_transform_job(**transform("mute", "mine"))
    client.close()
    other = LocalSageMaker(tmp_path / "jobs", Buckets(tmp_path / "s3"))
    assert ended(other, "TransformJob", "mute")["TransformJobStatus"] == "Stopped"
    other.close()


def test_what_is_missing_is_named(client: LocalSageMaker) -> None:
    with pytest.raises(
        ServiceError, match='Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/none"'
    ):
        client.create_transform_job(**transform("nomodel", "none"))
    job = transformed(client, transform("nodata", "mine", TransformInput=source("nothing")))
    assert "No S3 objects found" in job["FailureReason"]
    client.create_model(
        ModelName="noartifact", PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/none.tar.gz"}
    )
    job = transformed(client, transform("noartifact", "noartifact"))
    assert job["FailureReason"] == f"ClientError: Could not find model data at s3://{BUCKET}/none.tar.gz."
    (arn := client.describe_transform_job(TransformJobName="nodata")["TransformJobArn"])
    assert arn.endswith(":transform-job/nodata")


def test_a_broken_archive(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "broken.tar.gz", b"no archive")
    model = {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/broken.tar.gz"}
    client.create_model(ModelName="broken", PrimaryContainer=model)
    job = transformed(client, transform("broken", "broken"))
    assert job["FailureReason"].startswith("ClientError: Cannot unpack broken.tar.gz")


def test_an_input_that_is_not_gzip(client: LocalSageMaker, buckets: Buckets) -> None:
    whole = gzip.compress(b"1,2\n" * 1000)
    for name, body in (("plain", b"1,2\n"), ("short", whole[:-4]), ("broken", whole[:20] + b"xxxx" + whole[24:])):
        buckets.put(BUCKET, f"in/{name}.csv.gz", body)
        zipped = source(f"in/{name}.csv.gz", CompressionType="Gzip", SplitType="Line")
        job = transformed(client, transform(f"gzip-{name}", "mine", TransformInput=zipped))
        assert job["TransformJobStatus"] == "Failed"
        assert job["FailureReason"].startswith("ClientError: See job logs"), job["FailureReason"]
        assert "not gzip" in job["FailureReason"]


def test_an_output_path_nothing_can_be_written_to(client: LocalSageMaker) -> None:
    with pytest.raises(ServiceError, match="'B_b' is not a name for a bucket"):
        client.create_transform_job(**transform("nowhere", "mine", TransformOutput={"S3OutputPath": "s3://B_b/x"}))


def test_an_inference_pipeline(client: LocalSageMaker, buckets: Buckets) -> None:
    client.create_model(ModelName="chain", Containers=[{"Image": MINE}, {"Image": MINE}])
    job = transformed(client, transform("chain", "chain"))
    assert job["TransformJobStatus"] == "Completed"
    assert output(buckets, "test.csv") == "[1|None]"
