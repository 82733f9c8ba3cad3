"""The ItemReader: every source and format, from the workspace's objects and from S3 by its API."""

from __future__ import annotations

import datetime
import gzip
import io
import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from asl_runner.definition.resource import parse_resource
from asl_runner.interpreter.datasets import DatasetItem, DatasetRequest
from asl_runner.interpreter.errors import ITEM_READER_FAILED, Failure
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.datasets.aws_objects import AwsObjects
from asl_runner.resources.datasets.objects import Objects, ObjectsRefused, WorkspaceObjects
from asl_runner.resources.datasets.reader import PORTION, ItemReader
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.server import LocalAws

ACCOUNT = "123456789012"
CSV = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    made = Buckets(tmp_path / "s3")
    made.create_bucket("data")
    return made


@pytest.fixture(params=["workspace", "api"])
def objects(request: pytest.FixtureRequest, buckets: Buckets) -> Iterator[Objects]:
    """The same objects twice: as files, and by the API that the SDK talks to at AWS."""
    if request.param == "workspace":
        yield WorkspaceObjects(buckets, ACCOUNT)
        return
    aws = LocalAws(buckets, region="us-east-1", account=ACCOUNT)
    clients = AwsClients("us-east-1", lambda: aws.endpoint_url)
    try:
        yield AwsObjects(clients)
    finally:
        clients.close()
        aws.close()


async def read(objects: Objects, action: str, config: dict[str, Any], most: int = 0, **parameters: Any) -> list[Any]:
    request = DatasetRequest(
        state="M",
        resource=parse_resource(f"arn:aws:states:::s3:{action}"),
        parameters={"Bucket": "data", **parameters},
        config=config,
        most=most,
    )
    dataset = ItemReader(lambda: objects).open(request)
    found: list[DatasetItem] = []
    try:
        while True:
            portion = await dataset.read()
            assert len(portion.items) <= PORTION
            found += portion.items
            if portion.is_last:
                return found
    finally:
        await dataset.close()


def values(found: list[DatasetItem]) -> list[Any]:
    return [item.value for item in found]


async def test_a_listing_gives_what_s3_says_of_each_object(objects: Objects, buckets: Buckets) -> None:
    buckets.put("data", "in/a.txt", b"one")
    buckets.put("data", "in/b.txt", b"")
    buckets.put("data", "other", b"x")
    first, second = await read(objects, "listObjectsV2", {}, Prefix="in/")
    assert list(first.value) == ["Etag", "LastModified", "Key", "Size", "StorageClass"]
    assert (first.value["Key"], first.value["Size"], first.value["StorageClass"]) == ("in/a.txt", 3, "STANDARD")
    assert first.value["Etag"] == '"f97c5d29941bfb1b2fdab0874906ab82"'
    assert isinstance(first.value["LastModified"], int)
    assert (second.value["Key"], second.source, second.key) == ("in/b.txt", "S3://data", None)
    assert len(await read(objects, "listObjectsV2", {}, most=1)) == 1
    assert values(await read(objects, "listObjectsV2", {}, Prefix="none/")) == []


async def test_listed_objects_are_loaded_and_flattened(objects: Objects, buckets: Buckets) -> None:
    buckets.put("data", "in/", b"")
    buckets.put("data", "in/a.csv", b"x\n1\n2\n")
    buckets.put("data", "in/b.csv.gz", gzip.compress(b"x\n3\n"))
    found = await read(objects, "listObjectsV2", {**CSV, "Transformation": "LOAD_AND_FLATTEN"}, Prefix="in/")
    assert values(found) == [{"x": "1"}, {"x": "2"}, {"x": "3"}]
    assert [item.source for item in found] == ["S3://data/in/a.csv"] * 2 + ["S3://data/in/b.csv.gz"]


@pytest.mark.parametrize(
    "name, pack",
    [
        ("d.json", bytes),
        ("d.json.gz", gzip.compress),
        ("d.json.zst", zstandard.ZstdCompressor().compress),
        ("d.json.zstd", zstandard.ZstdCompressor().compress),
    ],
)
async def test_json_is_read_compressed_or_not(objects: Objects, buckets: Buckets, name: str, pack: Any) -> None:
    buckets.put("data", name, pack(b'[{"a": 1}, 2.0, "\xc3\xa9"]'))
    found = await read(
        objects, "getObject", {"InputType": "JSON"}, Key=name, VersionId="null", ExpectedBucketOwner=ACCOUNT
    )
    assert values(found) == [{"a": 1}, 2.0, "é"]
    assert {item.source for item in found} == {f"S3://data/{name}"}


async def test_members_of_an_object_have_keys(objects: Objects, buckets: Buckets) -> None:
    buckets.put("data", "d", b'{"in": {"a": 1, "b": [2]}}')
    found = await read(objects, "getObject", {"InputType": "JSON", "ItemsPointer": "/in"}, Key="d")
    assert [(item.key, item.value) for item in found] == [("a", 1), ("b", [2])]


async def test_json_lines_and_csv_are_read_up_to_the_most(objects: Objects, buckets: Buckets) -> None:
    buckets.put("data", "d.jsonl", b'{"n": 1}\r\n\n{"n": 2}\n{"n": 3}')
    assert values(await read(objects, "getObject", {"InputType": "JSONL"}, most=2, Key="d.jsonl")) == [
        {"n": 1},
        {"n": 2},
    ]
    buckets.put("data", "d.csv", b"\xef\xbb\xbfa\tb\n1\t2\n")
    assert values(await read(objects, "getObject", {**CSV, "CSVDelimiter": "TAB"}, Key="d.csv")) == [
        {"a": "1", "b": "2"}
    ]


def parquet(rows: list[dict[str, Any]], **options: Any) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), out, **options)
    return out.getvalue()


@pytest.mark.parametrize("compression", ["snappy", "gzip", "zstd"])
async def test_parquet_rows_are_objects_of_json(objects: Objects, buckets: Buckets, compression: str) -> None:
    row = {
        "name": "x",
        "count": 3,
        "share": 0.5,
        "none": None,
        "many": [1, 2],
        "in": {"a": True},
        "at": datetime.datetime(2025, 1, 2, 3, 4, 5),
        "day": datetime.date(2025, 1, 2),
        "price": Decimal("1.50"),
        "raw": b"\x00\xff",
        "odd": float("inf"),
    }
    buckets.put("data", "d.parquet", parquet([row] * 600, compression=compression))
    found = values(await read(objects, "getObject", {"InputType": "PARQUET"}, Key="d.parquet"))
    assert len(found) == 600
    assert found[0] == {
        "name": "x",
        "count": 3,
        "share": 0.5,
        "none": None,
        "many": [1, 2],
        "in": {"a": True},
        "at": "2025-01-02T03:04:05",
        "day": "2025-01-02",
        "price": 1.5,
        "raw": "AP8=",
        "odd": None,
    }
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("config", [{"InputType": "MANIFEST"}, {"ManifestType": "S3_INVENTORY"}])
async def test_an_inventory_gives_a_row_for_each_object(
    objects: Objects, buckets: Buckets, config: dict[str, Any]
) -> None:
    buckets.create_bucket("inventory")
    buckets.put("inventory", "one.csv.gz", gzip.compress(b'"src","a/b","12","2022-11-16T00:29:32.000Z"\n'))
    buckets.put("inventory", "two.csv.gz", gzip.compress(b'"src","c, d","0","2022-11-15T20:00:44.000Z"\n'))
    manifest = {
        "destinationBucket": "arn:aws:s3:::inventory",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size, LastModifiedDate",
        "files": [{"key": "one.csv.gz"}, {"key": "two.csv.gz"}],
    }
    buckets.put("data", "manifest.json", json.dumps(manifest).encode())
    found = await read(objects, "getObject", config, Key="manifest.json")
    assert values(found) == [
        {"Bucket": "src", "Key": "a/b", "Size": "12", "LastModifiedDate": "2022-11-16T00:29:32.000Z"},
        {"Bucket": "src", "Key": "c, d", "Size": "0", "LastModifiedDate": "2022-11-15T20:00:44.000Z"},
    ]
    assert list(found[0].value) == ["LastModifiedDate", "Bucket", "Size", "Key"]
    assert found[1].source == "S3://inventory/two.csv.gz"


async def test_an_athena_manifest_names_the_data_files(objects: Objects, buckets: Buckets) -> None:
    buckets.put("data", "out/1", b'{"n": 1}\n')
    buckets.put("data", "out/2.gz", gzip.compress(b'{"n": 2}\n{"n": 3}\n'))
    buckets.put("data", "q-manifest.csv", b"s3://data/out/1\ns3://data/out/2.gz\n")
    config = {"ManifestType": "ATHENA_DATA", "InputType": "JSONL"}
    found = await read(objects, "getObject", config, Key="q-manifest.csv")
    assert values(found) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert found[2].source == "S3://data/out/2.gz"


async def test_portions_are_small_and_nothing_stays_open(objects: Objects, buckets: Buckets) -> None:
    buckets.put("data", "d.jsonl", b"1\n" * 2000)
    request = DatasetRequest(
        state="M",
        resource=parse_resource("arn:aws:states:::s3:getObject"),
        parameters={"Bucket": "data", "Key": "d.jsonl"},
        config={"InputType": "JSONL"},
        most=0,
    )
    dataset = ItemReader(lambda: objects).open(request)
    portion = await dataset.read()
    assert (len(portion.items), portion.is_last) == (PORTION, False)
    await dataset.close()
    assert (await dataset.read()).is_last


@pytest.mark.parametrize(
    "put, config, parameters, cause",
    [
        (
            None,
            {"InputType": "JSON"},
            {"Key": "d"},
            r"The specified key does not exist\. \(Service: S3, Status Code: 404, ",
        ),
        (None, {"InputType": "JSON"}, {"Key": "d", "Bucket": "none"}, r"The specified bucket does not exist"),
        (None, {"InputType": "JSON"}, {}, "needs the parameter Key"),
        (
            None,
            {"InputType": "JSON"},
            {"Key": "d", "Bucket": 1},
            "needs the parameter Bucket as a string, but it is int",
        ),
        (b"\xff", {"InputType": "JSONL"}, {"Key": "d"}, "S3://data/d is not UTF-8 text"),
        (b"1", {"InputType": "JSON"}, {"Key": "d"}, "Attempting to map over non-iterable node."),
        (b"x", {"InputType": "PARQUET"}, {"Key": "d"}, "not a valid Parquet file"),
        (b"x", {"InputType": "MANIFEST"}, {"Key": "d"}, "not valid JSON"),
        (b"{}", {"InputType": "MANIFEST"}, {"Key": "d"}, "not the manifest of an S3 Inventory report"),
        (b"x", {"ManifestType": "ATHENA_DATA", "InputType": "JSON"}, {"Key": "d"}, "not the URI of an object"),
        (b"[]", {}, {"Key": "d"}, "needs an InputType"),
    ],
)
async def test_what_cannot_be_read_fails_the_reader(
    objects: Objects, buckets: Buckets, put: bytes | None, config: Any, parameters: Any, cause: str
) -> None:
    if put is not None:
        buckets.put("data", "d", put)
    with pytest.raises(Failure, match=cause) as raised:
        await read(objects, "getObject", config, **parameters)
    assert raised.value.error == ITEM_READER_FAILED


@pytest.mark.parametrize("name", ["d.json.gz", "d.json.zst"])
async def test_damaged_compression_fails_the_reader(objects: Objects, buckets: Buckets, name: str) -> None:
    buckets.put("data", name, b"[1, 2]")
    with pytest.raises(Failure, match="cannot be read"):
        await read(objects, "getObject", {"InputType": "JSON"}, Key=name)


@pytest.mark.parametrize(
    "package, name, config", [("pyarrow", "d", {"InputType": "PARQUET"}), ("zstandard", "d.zst", {"InputType": "JSON"})]
)
async def test_a_missing_package_is_named(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch, package: str, name: str, config: Any
) -> None:
    buckets.put("data", name, b"x")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(Failure, match=rf"needs the package {package}; install it with: .*asl-runner\[datasets\]"):
        await read(WorkspaceObjects(buckets, ACCOUNT), "getObject", config, Key=name)


def test_another_account_owns_nothing_here(buckets: Buckets) -> None:
    objects = WorkspaceObjects(buckets, ACCOUNT)
    with pytest.raises(ObjectsRefused, match="Access Denied"):
        objects.open("data", "d", {"ExpectedBucketOwner": "999999999999"})


def test_what_is_written_is_there(objects: Objects, buckets: Buckets, tmp_path: Path) -> None:
    objects.put("data", "a", b"{}")
    (tmp_path / "file").write_bytes(b"[]")
    objects.put("data", "b", tmp_path / "file")
    assert [buckets.path("data", key).read_bytes() for key in ("a", "b")] == [b"{}", b"[]"]
    assert buckets.head("data", "b").content_type == "application/json"
    with pytest.raises(ObjectsRefused, match="The specified bucket does not exist"):
        objects.put("none", "a", b"")
