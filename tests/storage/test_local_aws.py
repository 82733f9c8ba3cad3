"""Unmodified boto3 code against the workspace's files."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from test_storage_keys import any_key

from asl_runner.storage import Buckets, LocalAws, ObjectMetadata

CONFIG = Config(retries={"max_attempts": 1})


def client(aws: LocalAws, service: str = "s3") -> Any:
    given_ = aws.environment()
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=given_["AWS_ENDPOINT_URL"],
        region_name=given_["AWS_REGION"],
        aws_access_key_id=given_["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given_["AWS_SECRET_ACCESS_KEY"],
        config=CONFIG,
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Buckets, Any]]:
    buckets = Buckets(tmp_path_factory.mktemp("shared") / "s3")
    with LocalAws(buckets) as aws:
        yield buckets, client(aws)


@pytest.fixture
def buckets(shared: tuple[Buckets, Any]) -> Buckets:
    for bucket in shared[0].buckets():
        for info in list(shared[0].list(bucket)):
            shared[0].delete(bucket, info.key)
        shared[0].delete_bucket(bucket)
    shared[0].create_bucket("data")
    return shared[0]


@pytest.fixture
def s3(shared: tuple[Buckets, Any], buckets: Buckets) -> Any:
    return shared[1]


def listed(s3: Any, **options: Any) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="data", **options)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_what_boto3_puts_is_a_plain_file(s3: Any, buckets: Buckets) -> None:
    answer = s3.put_object(Bucket="data", Key="csv/ä b.csv", Body=b"1,2\n", ContentType="text/csv")
    assert (buckets.root / "data/csv/ä b.csv").read_bytes() == b"1,2\n"
    assert answer["ETag"].strip('"') == hashlib.md5(b"1,2\n").hexdigest()
    assert buckets.head("data", "csv/ä b.csv").content_type == "text/csv"


def test_what_is_put_by_hand_boto3_finds(s3: Any, buckets: Buckets) -> None:
    path = buckets.root / "data/in/100% new+.json"
    path.parent.mkdir()
    path.write_text("{}")
    assert listed(s3) == ["in/100% new+.json"]
    got = s3.get_object(Bucket="data", Key="in/100% new+.json")
    assert (got["Body"].read(), got["ContentType"]) == (b"{}", "application/json")
    path.write_text('{"a": 1}')
    assert s3.head_object(Bucket="data", Key="in/100% new+.json")["ContentLength"] == 8


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    with LocalAws(Buckets(tmp_path)) as aws:
        s3 = client(aws)
        s3.create_bucket(Bucket="kept")
        s3.put_object(
            Bucket="kept", Key="a/b", Body=b"x", ContentType="text/x", Metadata={"my_key": "1"}, Tagging="t=2",
            CacheControl="no-store", StorageClass="STANDARD_IA", ACL="public-read",
        )  # fmt: skip
        upload = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
        tag = s3.upload_part(Bucket="kept", Key="parts", UploadId=upload, PartNumber=1, Body=b"one")["ETag"]
    with LocalAws(Buckets(tmp_path)) as aws:
        s3 = client(aws)
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["kept"]
        head = s3.head_object(Bucket="kept", Key="a/b")
        assert (head["ContentType"], head["Metadata"], head["CacheControl"]) == ("text/x", {"my_key": "1"}, "no-store")
        assert head["StorageClass"] == "STANDARD_IA"
        assert s3.get_object_tagging(Bucket="kept", Key="a/b")["TagSet"] == [{"Key": "t", "Value": "2"}]
        assert len(s3.get_object_acl(Bucket="kept", Key="a/b")["Grants"]) == 2
        parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
        s3.complete_multipart_upload(Bucket="kept", Key="parts", UploadId=upload, MultipartUpload=parts)
        assert s3.get_object(Bucket="kept", Key="parts")["Body"].read() == b"one"


def test_buckets(s3: Any, buckets: Buckets) -> None:
    s3.create_bucket(Bucket="second-one")
    s3.create_bucket(Bucket="second-one")
    assert s3.head_bucket(Bucket="second-one")["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["data", "second-one"]
    s3.put_object(Bucket="second-one", Key="a", Body=b"")
    with pytest.raises(ClientError) as error:
        s3.delete_bucket(Bucket="second-one")
    assert code_of(error) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket="second-one", Key="a")
    s3.delete_bucket(Bucket="second-one")
    with pytest.raises(ClientError) as error:
        s3.head_bucket(Bucket="second-one")
    assert code_of(error) == ("404", 404)
    s3.put_bucket_tagging(Bucket="data", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_bucket_tagging(Bucket="data")["TagSet"] == [{"Key": "a", "Value": "b"}]
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket="Not_A_Name")
    assert code_of(error)[0] == "InvalidBucketName"
    with pytest.raises(ClientError, match="one version"):
        s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})


def test_what_is_missing(s3: Any) -> None:
    calls: list[tuple[Callable[[], Any], tuple[str, int]]] = [
        (lambda: s3.get_object(Bucket="data", Key="none"), ("NoSuchKey", 404)),
        (lambda: s3.head_object(Bucket="data", Key="none"), ("404", 404)),
        (lambda: s3.get_object(Bucket="nowhere", Key="a"), ("NoSuchBucket", 404)),
        (lambda: s3.put_object(Bucket="nowhere", Key="a", Body=b""), ("NoSuchBucket", 404)),
        (lambda: s3.list_objects_v2(Bucket="nowhere"), ("NoSuchBucket", 404)),
        (lambda: s3.copy_object(Bucket="data", Key="a", CopySource="data/none"), ("NoSuchKey", 404)),
        (lambda: s3.put_object(Bucket="data", Key="k" * 1025, Body=b""), ("KeyTooLongError", 400)),
    ]
    for call, expected in calls:
        with pytest.raises(ClientError) as error:
            call()
        assert code_of(error) == expected
    s3.delete_object(Bucket="data", Key="none")


def test_ranges(s3: Any) -> None:
    s3.put_object(Bucket="data", Key="a", Body=b"0123456789")
    for text, expected in [("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-3", b"789"), ("bytes=8-99", b"89")]:
        got = s3.get_object(Bucket="data", Key="a", Range=text)
        assert got["Body"].read() == expected
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["ContentLength"] == len(expected)
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="data", Key="a", Range="bytes=10-")
    assert code_of(error) == ("InvalidRange", 416)


def test_copies(s3: Any, buckets: Buckets) -> None:
    s3.put_object(Bucket="data", Key="a", Body=b"x", ContentType="text/x", Metadata={"m": "1"}, Tagging="t=1")
    s3.create_bucket(Bucket="other")
    s3.copy_object(Bucket="other", Key="b/c d", CopySource={"Bucket": "data", "Key": "a"})
    head = s3.head_object(Bucket="other", Key="b/c d")
    assert (head["ContentType"], head["Metadata"], head["TagCount"]) == ("text/x", {"m": "1"}, 1)
    s3.copy_object(
        Bucket="data", Key="a", CopySource="data/a", MetadataDirective="REPLACE", Metadata={"m": "2"}, ContentType="a/b"
    )
    head = s3.head_object(Bucket="data", Key="a")
    assert (head["ContentType"], head["Metadata"]) == ("a/b", {"m": "2"})
    buckets.put("data", "empty", b"")
    s3.copy_object(Bucket="data", Key="empty too", CopySource="data/empty")
    assert s3.get_object(Bucket="data", Key="empty too")["Body"].read() == b""


def test_deleting_many(s3: Any) -> None:
    names = ["a", "b/", "b/c", "x&<y>.txt", " spaced "]
    for name in names:
        s3.put_object(Bucket="data", Key=name, Body=b"")
    assert listed(s3) == sorted(names)
    answer = s3.delete_objects(Bucket="data", Delete={"Objects": [{"Key": name} for name in names]})
    assert sorted(item["Key"] for item in answer["Deleted"]) == sorted(names)
    assert listed(s3) == []


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_listing_in_pages_with_a_delimiter(s3: Any, buckets: Buckets, operation: str, size: int) -> None:
    for key in ("a", "b/1", "b/2", "c%20d/x", "c+d/x", "d", "e/f/g", "é"):
        buckets.put("data", key, b"")
    pages = list(
        s3.get_paginator(operation).paginate(Bucket="data", Delimiter="/", PaginationConfig={"PageSize": size})
    )
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    prefixes = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
    assert (keys, prefixes) == (["a", "d", "é"], ["b/", "c%20d/", "c+d/", "e/"])
    assert max(len(page.get("Contents", [])) + len(page.get("CommonPrefixes", [])) for page in pages) <= size


def test_listing_in_pages(s3: Any, buckets: Buckets) -> None:
    names = [f"run/{number:03}" for number in range(25)]
    for name in names:
        buckets.put("data", name, b"")
    assert listed(s3, PaginationConfig={"PageSize": 10}) == names
    assert listed(s3, Prefix="run/01") == names[10:20]
    assert listed(s3, StartAfter="run/021") == names[22:]
    page = s3.list_objects_v2(Bucket="data", MaxKeys=10)
    assert (page["KeyCount"], page["IsTruncated"]) == (10, True)
    assert not s3.list_objects_v2(Bucket="data", MaxKeys=25)["IsTruncated"]
    with pytest.raises(ClientError) as error:
        s3.list_objects_v2(Bucket="data", ContinuationToken="\xff")
    assert code_of(error)[0] == "InvalidArgument"


def test_an_upload_in_parts_of_12_megabytes(s3: Any, buckets: Buckets, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 12
    (tmp_path / "big").write_bytes(data)
    s3.upload_file(str(tmp_path / "big"), "data", "models/big", ExtraArgs={"Metadata": {"m": "1"}})
    assert (buckets.root / "data/models/big").read_bytes() == data
    head = s3.head_object(Bucket="data", Key="models/big")
    assert head["ETag"].endswith('-2"')
    assert head["Metadata"] == {"m": "1"}
    s3.download_file("data", "models/big", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data
    assert list((buckets.root / ".uploads").iterdir()) == []
    assert list((buckets.root / ".staging").iterdir()) == []


def test_the_checksum_of_parts_is_that_of_s3(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="data", Key="a", ChecksumAlgorithm="SHA256")["UploadId"]
    part = s3.upload_part(Bucket="data", Key="a", UploadId=upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256")
    chosen = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]}
    s3.complete_multipart_upload(Bucket="data", Key="a", UploadId=upload, MultipartUpload=chosen)
    attributes = s3.get_object_attributes(Bucket="data", Key="a", ObjectAttributes=["Checksum", "ETag"])
    of_parts = hashlib.sha256(hashlib.sha256(b"x").digest()).digest()
    assert attributes["Checksum"]["ChecksumSHA256"] == base64.b64encode(of_parts).decode()


def test_wrong_turns_of_an_upload(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="data", Key="a")["UploadId"]
    small = [s3.upload_part(Bucket="data", Key="a", UploadId=upload, PartNumber=n, Body=b"x")["ETag"] for n in (1, 2)]
    assert [part["PartNumber"] for part in s3.list_parts(Bucket="data", Key="a", UploadId=upload)["Parts"]] == [1, 2]
    assert [item["Key"] for item in s3.list_multipart_uploads(Bucket="data")["Uploads"]] == ["a"]

    def complete(*parts: tuple[int, str]) -> str:
        chosen = {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]}
        with pytest.raises(ClientError) as error:
            s3.complete_multipart_upload(Bucket="data", Key="a", UploadId=upload, MultipartUpload=chosen)
        return code_of(error)[0]

    assert complete((1, small[0]), (2, small[1])) == "EntityTooSmall"
    assert complete((3, small[0])) == "InvalidPart"
    s3.abort_multipart_upload(Bucket="data", Key="a", UploadId=upload)
    assert complete((1, small[0])) == "NoSuchUpload"
    assert listed(s3) == []


def test_copying_a_part(s3: Any) -> None:
    s3.put_object(Bucket="data", Key="source", Body=b"0123456789")
    upload = s3.create_multipart_upload(Bucket="data", Key="a")["UploadId"]
    etag = s3.upload_part_copy(
        Bucket="data", Key="a", UploadId=upload, PartNumber=1, CopySource="data/source", CopySourceRange="bytes=2-5"
    )["CopyPartResult"]["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(Bucket="data", Key="a", UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(Bucket="data", Key="a")["Body"].read() == b"2345"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(any_key)
def test_any_key_goes_through_boto3(shared: tuple[Buckets, Any], key: str) -> None:
    buckets, s3 = shared
    buckets.create_bucket("data")
    for info in list(buckets.list("data")):
        buckets.delete("data", info.key)
    s3.put_object(Bucket="data", Key=key, Body=key.encode())
    assert s3.get_object(Bucket="data", Key=key)["Body"].read() == key.encode()
    assert listed(s3) == [key]
    path = os.path.realpath(buckets.path("data", key))
    assert path.startswith(os.path.realpath(buckets.root / "data") + os.sep)
    s3.delete_object(Bucket="data", Key=key)
    assert listed(s3) == []


def test_presigned_urls_and_anonymous_requests(s3: Any) -> None:
    s3.put_object(Bucket="data", Key="a b", Body=b"signed")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "data", "Key": "a b"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"signed"
    put = s3.generate_presigned_url("put_object", Params={"Bucket": "data", "Key": "new"})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with urllib.request.urlopen(urllib.request.Request(put, b"key=1", headers=form, method="PUT")):
        assert s3.get_object(Bucket="data", Key="new")["Body"].read() == b"key=1"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url.partition("?")[0])


def test_conditions(s3: Any) -> None:
    s3.put_object(Bucket="data", Key="a", Body=b"x", IfNoneMatch="*")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="data", Key="a", Body=b"y", IfNoneMatch="*")
    assert code_of(error) == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket="data", Key="a")["Body"].read() == b"x"


def test_a_stream_without_a_length(s3: Any, buckets: Buckets) -> None:
    class Source:
        def __init__(self) -> None:
            self.left = [b"a" * 70_000, b"b" * 10]

        def read(self, _size: int = -1) -> bytes:
            return self.left.pop(0) if self.left else b""

    s3.upload_fileobj(Source(), "data", "streamed")
    assert buckets.path("data", "streamed").stat().st_size == 70_010


def test_many_threads(s3: Any, buckets: Buckets) -> None:
    def round_trip(number: int) -> bytes:
        s3.put_object(Bucket="data", Key=f"t/{number % 7}", Body=b"%d" % number, Metadata={"n": str(number)})
        body: bytes = s3.get_object(Bucket="data", Key=f"t/{number % 7}")["Body"].read()
        return body

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(round_trip, range(56)))
    assert all(int(answer) % 7 == number % 7 for number, answer in enumerate(answers))
    for number in range(7):
        head = s3.head_object(Bucket="data", Key=f"t/{number}")
        assert head["Metadata"]["n"].encode() == buckets.path("data", f"t/{number}").read_bytes()


def test_two_processes_share_the_files(tmp_path: Path) -> None:
    """A key and its prefixes are written from two processes at once, so files become directories under them."""
    script = """
import sys
from pathlib import Path
from asl_runner.storage import Buckets
buckets = Buckets(Path(sys.argv[1]))
buckets.create_bucket("data")
for number in range(40):
    for key in ("a", "a/b", "a/b/c", f"own/{sys.argv[2]}/{number}"):
        buckets.put("data", key, key.encode())
    if number % 5 == 0:
        buckets.delete("data", "a/b")
"""
    runs = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name]) for name in ("x", "y")]
    assert [run.wait() for run in runs] == [0, 0]
    buckets = Buckets(tmp_path)
    found = {info.key: info.path.read_bytes() for info in buckets.list("data")}
    assert len(found) == 80 + 3
    assert all(body == key.encode() for key, body in found.items())


def test_the_environment_of_a_child_process(tmp_path: Path) -> None:
    script = "import boto3, json; s3 = boto3.client('s3'); s3.create_bucket(Bucket='made'); " + (
        "print(json.dumps([b['Name'] for b in s3.list_buckets()['Buckets']]))"
    )
    with LocalAws(Buckets(tmp_path)) as aws:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | aws.environment()
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
    assert json.loads(done.stdout) == ["made"]
    assert (tmp_path / "made").is_dir()


def test_other_services_are_motos(tmp_path: Path) -> None:
    with LocalAws(Buckets(tmp_path)) as aws:
        sqs = client(aws, "sqs")
        url = sqs.create_queue(QueueName="greetings")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="hello")
        assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"


def test_nothing_is_loaded_before_the_first_request(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from asl_runner.storage import Buckets, LocalAws
with LocalAws(Buckets(Path(sys.argv[1]))) as aws:
    aws.environment()
assert not {"moto", "boto3", "botocore", "werkzeug"} & set(sys.modules), "loaded too early"
aws.close()
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)


def test_a_process_that_forgets_to_close_still_ends(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from asl_runner.storage import Buckets, LocalAws\n"
    script += "aws = LocalAws(Buckets(Path(sys.argv[1])))\nraise SystemExit(7)\n"
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], timeout=60).returncode == 7


def test_closing_waits_for_no_idle_client(tmp_path: Path) -> None:
    before = threading.active_count()
    aws = LocalAws(Buckets(tmp_path))
    s3 = client(aws)
    s3.list_buckets()
    assert threading.active_count() > before
    aws.close()
    assert threading.active_count() == before


def test_a_write_the_system_refuses_is_said_at_once(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
import boto3
from botocore.exceptions import ClientError
from asl_runner.errors import WorkspaceError
from asl_runner.storage import Buckets, LocalAws
buckets = Buckets(Path(sys.argv[1]))
buckets.create_bucket("data")
with LocalAws(buckets) as aws:
    s3 = boto3.client("s3", endpoint_url=aws.endpoint_url, aws_access_key_id="x", aws_secret_access_key="x")
    s3.list_buckets()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    body = b"x" * 5000
    for write in (lambda: s3.put_object(Bucket="data", Key="a", Body=body), lambda: buckets.put("data", "a", body)):
        try:
            write()
        except (ClientError, WorkspaceError) as error:
            print(error)
    print([info.key for info in buckets.list("data")], list((buckets.root / ".staging").iterdir()))
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    through_boto3, direct, left = done.stdout.splitlines()
    assert "(WorkspaceError)" in through_boto3
    assert "retries" not in through_boto3
    assert "larger than this process may write" in through_boto3
    assert "larger than this process may write" in direct
    assert left == "[] []"


def test_metadata_put_by_the_library_are_seen_by_boto3(s3: Any, buckets: Buckets) -> None:
    buckets.put("data", "a", b"x", ObjectMetadata(content_type="text/x", user={"m": "1"}))
    head = s3.head_object(Bucket="data", Key="a")
    assert (head["ContentType"], head["Metadata"]) == ("text/x", {"m": "1"})


@pytest.mark.parametrize("service, operation", [("sagemaker", "list_models"), ("stepfunctions", "list_state_machines")])
def test_what_the_workspace_has_itself_is_refused_rather_than_shown_empty(
    tmp_path: Path, service: str, operation: str
) -> None:
    with LocalAws(Buckets(tmp_path)) as aws, pytest.raises(ClientError, match="not served to AWS clients"):
        getattr(client(aws, service), operation)()
