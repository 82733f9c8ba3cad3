"""Records of a batch transform: splits, filters and joins, through the client and as functions."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job_requests import BUCKET, MINE, Image, ended, seed_buckets, transform

from asl_runner.sagemaker import batches
from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.data_processing import compile_filter
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.service_model.errors import ServiceError
from asl_runner.storage.buckets import Buckets

# Answers CSV rows by their sum, JSON records by what they hold, anything else by the lengths it got.
PROGRAM = """
import http.server, json, os

def answer(body, kind):
    if kind == "text/csv":
        return "".join(f"{sum(map(float, line.split(',')))},ok\\n" for line in body.decode().splitlines())
    if kind == "application/jsonlines":
        return "".join(json.dumps({"got": json.loads(line)}) + "\\n" for line in body.decode().splitlines())
    if kind == "application/json":
        return json.dumps({"got": json.loads(body)})
    return f"[{len(body)}]"

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ping" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sent = answer(body, self.headers["Content-Type"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

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
    made.create_model(ModelName="model", PrimaryContainer={"Image": MINE})
    yield made
    made.close()


def request(content_type: str, processing: dict[str, str] | None = None, split: str = "Line", **changes: Any) -> Any:
    asked = transform("job", "model", **changes)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/records/data"}
    asked["TransformInput"] = {
        "DataSource": {"S3DataSource": source},
        "ContentType": content_type,
        "SplitType": split,
    }
    if split == "Line":
        asked["TransformOutput"]["AssembleWith"] = "Line"
    if processing is not None:
        asked["DataProcessing"] = processing
    return asked


def transformed(client: LocalSageMaker, buckets: Buckets, data: bytes, asked: Any) -> str:
    buckets.put(BUCKET, "records/data", data)
    client.create_transform_job(**asked)
    job = ended(client, "TransformJob", "job")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    return buckets.path(BUCKET, "output/data.out").read_text()


@pytest.mark.parametrize(
    "processing, expected",
    [
        ({"InputFilter": "$[1:]"}, "5.0,ok\n9.0,ok\n"),
        ({"InputFilter": "$[1,2]", "JoinSource": "Input"}, '"a, b",2,3,5.0,ok\nb,4,5,9.0,ok\n'),
        ({"InputFilter": "$[-1]", "JoinSource": "Input", "OutputFilter": "$[0,3:]"}, '"a, b",3.0,ok\nb,5.0,ok\n'),
        ({"InputFilter": "$[1:3]", "OutputFilter": "$[0]"}, "5.0\n9.0\n"),
    ],
)
@pytest.mark.parametrize("strategy", ["MultiRecord", "SingleRecord"])
def test_rows_of_csv(
    client: LocalSageMaker, buckets: Buckets, processing: dict[str, str], expected: str, strategy: str
) -> None:
    asked = request("text/csv", processing, BatchStrategy=strategy)
    assert transformed(client, buckets, b'"a, b",2,3\nb,4,5\n', asked) == expected


@pytest.mark.parametrize(
    "processing, expected",
    [
        ({"InputFilter": "$.x"}, [{"got": [1]}, {"got": [2]}]),
        (
            {"InputFilter": "$.x[0]", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"},
            [{"id": "a", "SageMakerOutput": {"got": 1}}, {"id": "b", "SageMakerOutput": {"got": 2}}],
        ),
        ({"JoinSource": "Input", "OutputFilter": "$.SageMakerOutput.got.id"}, ["a", "b"]),
    ],
)
def test_lines_of_json(client: LocalSageMaker, buckets: Buckets, processing: dict[str, str], expected: Any) -> None:
    data = b'{"id": "a", "x": [1]}\n{"id": "b", "x": [2]}\n'
    found = transformed(client, buckets, data, request("application/jsonlines", processing))
    assert [json.loads(line) for line in found.splitlines()] == expected


def test_a_document_that_is_no_object_is_joined_beside_its_answer(client: LocalSageMaker, buckets: Buckets) -> None:
    asked = request("application/json", {"JoinSource": "Input"}, split="None")
    found = json.loads(transformed(client, buckets, b"[1, 2]", asked))
    assert found == {"SageMakerInput": [1, 2], "SageMakerOutput": {"got": [1, 2]}}


def frame(content: bytes) -> bytes:
    return struct.pack("<II", 0xCED7230A, len(content)) + content + b"\0" * (-len(content) % 4)


def tf_frame(content: bytes) -> bytes:
    return struct.pack("<QI", len(content), 1) + content + struct.pack("<I", 2)


@pytest.mark.parametrize("split, data", [("RecordIO", frame), ("TFRecord", tf_frame)])
def test_framed_records(client: LocalSageMaker, buckets: Buckets, split: str, data: Any) -> None:
    content = data(b"abcde") + data(b"f") + data(b"")
    sizes = [len(data(part)) for part in (b"abcde", b"f", b"")]
    asked = request("application/octet-stream", split=split, BatchStrategy="SingleRecord")
    assert transformed(client, buckets, content, asked) == "".join(f"[{size}]" for size in sizes)


@pytest.mark.parametrize("split, data", [("RecordIO", frame), ("TFRecord", tf_frame)])
@pytest.mark.parametrize("cut", [3, 10])
def test_framed_records_that_are_none(
    client: LocalSageMaker, buckets: Buckets, split: str, data: Any, cut: int
) -> None:
    buckets.put(BUCKET, "records/data", data(b"abcdefgh" * 3)[:-cut] if cut == 10 else b"abc")
    client.create_transform_job(**request("application/octet-stream", split=split))
    assert (
        f"The input is not {split}, which SplitType says it is" in ended(client, "TransformJob", "job")["FailureReason"]
    )


def test_a_record_without_what_is_wanted_fails_its_file(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "records/data", b"1,2\n3\n")
    client.create_transform_job(**request("text/csv", {"InputFilter": "$[1]"}))
    reason = ended(client, "TransformJob", "job")["FailureReason"]
    assert 'A filter asks for what a record does not have: list index out of range: ["3"]' in reason


@pytest.mark.parametrize(
    "changes, text",
    [
        (request("text/csv", {"InputFilter": "x"}), "the filter 'x' must begin with $"),
        (request("text/csv", {"InputFilter": "$[a]"}), "has no index, slice or name in [a]"),
        (request("text/csv", {"InputFilter": "$['a',1]"}), "mixes names and indexes"),
        (request("text/csv", {"OutputFilter": "$..a"}), "is not understood from '..a' on"),
        (request("image/png", {"InputFilter": "$[0]"}), "DataProcessing needs a ContentType of text/csv"),
        (request("text/csv", {"InputFilter": "$[0]"}, split="None"), "needs SplitType and AssembleWith to be Line"),
        (
            request("application/json", {"JoinSource": "Input"}, split="RecordIO"),
            "DataProcessing cannot be used with SplitType RecordIO",
        ),
    ],
)
def test_filters_that_are_refused(client: LocalSageMaker, changes: Any, text: str) -> None:
    with pytest.raises(ServiceError) as raised:
        client.create_transform_job(**changes)
    assert raised.value.code == "ValidationException"
    assert text in raised.value.message


@pytest.mark.parametrize(
    "text, record, expected",
    [
        ("$", [1, 2], [1, 2]),
        ("$.a.b", {"a": {"b": 3}}, 3),
        ("$['a']", {"a": 3}, 3),
        ('$["a b"]', {"a b": 3}, 3),
        ("$.a[0,-1]", {"a": [1, 2, 3]}, [1, 3]),
        ("$[:2]", [1, 2, 3], [1, 2]),
        ("$[0,2:]", [1, 2, 3, 4], [1, 3, 4]),
        ("$[-2:]", [1, 2, 3], [2, 3]),
        ("$.*", {"a": 1, "b": 2}, [1, 2]),
        ("$[*]", [1, 2], [1, 2]),
        ("$*", [1, 2], [1, 2]),
    ],
)
def test_parts_that_filters_pick(text: str, record: Any, expected: Any) -> None:
    assert compile_filter(text)(record) == expected


def requests_of(path: Path, limit: int, *, apart: bool, gzipped: bool) -> list[bytes] | str:
    """The bodies of the requests, or why there are none."""
    try:
        found = batches.payloads(path, split="Line", single=False, limit=limit, gzipped=gzipped, apart=apart)
        return [b"".join(records) for records in found]
    except JobFailed as failed:
        return str(failed)


@given(st.lists(st.binary(max_size=6), max_size=30), st.integers(1, 12), st.booleans())
def test_requests_are_the_same_whether_their_lines_are_taken_apart_or_not(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], limit: int, gzipped: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines"
    content = b"\n".join(pieces)
    path.write_bytes(gzip.compress(content) if gzipped else content)
    whole = requests_of(path, limit, apart=False, gzipped=gzipped)
    assert whole == requests_of(path, limit, apart=True, gzipped=gzipped)
    assert isinstance(whole, str) or b"".join(whole) == content
