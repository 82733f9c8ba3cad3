"""Buckets: objects are plain files, whatever their keys, and files put there by hand are objects."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_storage_keys import any_key

from asl_runner.errors import UsageError, WorkspaceError
from asl_runner.storage import (
    BucketNotEmpty,
    Buckets,
    CommonPrefix,
    InvalidBucketName,
    NoSuchBucket,
    NoSuchKey,
    ObjectMetadata,
    parse_uri,
)


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    buckets = Buckets(tmp_path / "s3")
    buckets.create_bucket("data")
    return buckets


def keys_of(buckets: Buckets, prefix: str = "", **options: str) -> list[str]:
    return [info.key for info in buckets.list("data", prefix, **options)]


def test_an_object_is_a_plain_file(buckets: Buckets) -> None:
    buckets.put("data", "csv/train set.csv", b"1,2\n")
    assert (buckets.root / "data/csv/train set.csv").read_bytes() == b"1,2\n"
    assert buckets.path("data", "csv/train set.csv") == buckets.root / "data/csv/train set.csv"
    with buckets.open("data", "csv/train set.csv") as stream:
        assert stream.read() == b"1,2\n"


def test_a_file_put_by_hand_is_an_object(buckets: Buckets) -> None:
    (buckets.root / "by-hand/in").mkdir(parents=True)
    (buckets.root / "by-hand/in/100%.json").write_text("{}")
    head = buckets.head("by-hand", "in/100%.json")
    assert (head.size, head.content_type, head.etag) == (2, "application/json", "99914b932bd37a50b983c5e7c90ae93b")
    assert buckets.buckets() == ["by-hand", "data"]
    assert [info.key for info in buckets.list("by-hand")] == ["in/100%.json"]


def test_metadata_survive_and_go_with_the_file_they_describe(buckets: Buckets) -> None:
    buckets.put("data", "a.bin", b"one", ObjectMetadata(content_type="text/x", user={"who": "me"}, tags={"t": "1"}))
    again = Buckets(buckets.root)
    assert again.head("data", "a.bin").metadata.user == {"who": "me"}
    path = again.path("data", "a.bin")
    path.write_bytes(b"two, by hand")
    assert again.head("data", "a.bin").content_type == "application/octet-stream"


def test_metadata_survive_a_copy_of_the_workspace_once_the_md5_is_known(buckets: Buckets) -> None:
    buckets.put("data", "a.bin", b"one", ObjectMetadata(user={"who": "me"}))
    buckets.head("data", "a.bin")
    os.utime(buckets.path("data", "a.bin"), (1, 1))
    assert buckets.head("data", "a.bin").metadata.user == {"who": "me"}


def test_a_key_that_is_also_a_prefix_in_both_orders(buckets: Buckets) -> None:
    buckets.put("data", "a", b"file first")
    buckets.put("data", "a/b", b"below")
    buckets.put("data", "c/d", b"below")
    buckets.put("data", "c", b"folder first")
    buckets.put("data", "a-b", b"between")
    assert keys_of(buckets) == ["a", "a-b", "a/b", "c", "c/d"]
    assert buckets.path("data", "a").read_bytes() == b"file first"
    assert buckets.path("data", "c").read_bytes() == b"folder first"
    assert buckets.delete("data", "a")
    assert keys_of(buckets) == ["a-b", "a/b", "c", "c/d"]
    assert buckets.delete("data", "c/d")
    assert buckets.path("data", "c").read_bytes() == b"folder first"


@pytest.mark.parametrize(
    "key", ["../../escaped", "/escaped", "a/../../escaped", "..", ".metadata/x", "x/\x00", "a//b/"]
)
def test_a_hostile_key_stays_inside(buckets: Buckets, key: str) -> None:
    buckets.put("data", key, b"kept in")
    assert keys_of(buckets) == [key]
    inside = os.path.realpath(buckets.root / "data")
    assert os.path.realpath(buckets.path("data", key)).startswith(inside + os.sep)
    assert sorted(path.name for path in buckets.root.parent.iterdir()) == ["s3"]


def test_symbolic_links_are_no_objects_and_no_way_out(buckets: Buckets, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (buckets.root / "data/link").symlink_to(outside)
    (buckets.root / "data/file").symlink_to(outside / "secret")
    assert keys_of(buckets) == []
    for key in ("link/secret", "file"):
        with pytest.raises(NoSuchKey):
            buckets.path("data", key)
    with pytest.raises(WorkspaceError, match="symbolic link"):
        buckets.put("data", "link/new", b"")
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]


def test_what_is_missing_is_said_clearly(buckets: Buckets) -> None:
    with pytest.raises(NoSuchBucket, match=r"no bucket 'none'.*data"):
        buckets.head("none", "a")
    with pytest.raises(NoSuchKey, match="s3://data/a b"):
        buckets.open("data", "a b")
    with pytest.raises(InvalidBucketName):
        buckets.create_bucket("../up")
    with pytest.raises(NoSuchBucket):
        buckets.path("..", "data/a")
    with pytest.raises(NoSuchBucket):
        buckets.put("none", "a", b"")
    buckets.put("none", "a", b"", create=True)
    with pytest.raises(BucketNotEmpty):
        buckets.delete_bucket("none")
    buckets.delete("none", "a")
    buckets.delete_bucket("none")
    assert not buckets.exists("none")


def test_a_directory_that_cannot_be_written(buckets: Buckets) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (buckets.root / "data").chmod(0o500)
    with pytest.raises(WorkspaceError, match="may not be written"):
        buckets.put("data", "a/b", b"")


FILL_DISK = """
import resource, signal, sys
from pathlib import Path
from asl_runner.errors import WorkspaceError
from asl_runner.storage.buckets import Buckets
root, source = map(Path, sys.argv[1:])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    Buckets(root).put_file("bucket", "key", source)
except WorkspaceError as error:
    print(error)
"""


def test_a_copy_that_breaks_off_leaves_nothing_and_says_why(buckets: Buckets, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 5000)
    command = [sys.executable, "-c", FILL_DISK, str(buckets.root), str(tmp_path / "large")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Cannot write an object: the file would be larger than this process may write")
    assert not list(buckets.list("bucket"))
    assert not list((buckets.root / ".staging").iterdir())


def test_what_a_killed_process_was_writing_is_removed_a_day_later(buckets: Buckets) -> None:
    staging = buckets.root / ".staging"
    staging.mkdir()
    for name, age in (("abandoned", 2 * 86_400), ("under-way", 60)):
        (staging / name).write_bytes(b"half")
        os.utime(staging / name, (time.time() - age,) * 2)
    buckets.put("data", "key", b"whole")
    assert [path.name for path in staging.iterdir()] == ["under-way"]


def test_listing_by_prefix_place_and_delimiter(buckets: Buckets) -> None:
    for key in ("a.txt", "b/1", "b/2", "b/c/3", "b-x", "d", "é/1", "b/c-"):
        buckets.put("data", key, b"")
    assert keys_of(buckets) == sorted(["a.txt", "b/1", "b/2", "b/c/3", "b-x", "d", "é/1", "b/c-"], key=str.encode)
    assert keys_of(buckets, "b/") == ["b/1", "b/2", "b/c-", "b/c/3"]
    assert keys_of(buckets, "b") == ["b-x", "b/1", "b/2", "b/c-", "b/c/3"]
    assert keys_of(buckets, "b/c") == ["b/c-", "b/c/3"]
    assert keys_of(buckets, "none/") == []
    assert keys_of(buckets, start_after="b/2") == ["b/c-", "b/c/3", "d", "é/1"]

    def grouped(prefix: str, start_after: str = "") -> list[str]:
        items = buckets.list_grouped("data", prefix, delimiter="/", start_after=start_after)
        return [item.prefix if isinstance(item, CommonPrefix) else item.key for item in items]

    assert grouped("") == ["a.txt", "b-x", "b/", "d", "é/"]
    assert grouped("b/") == ["b/1", "b/2", "b/c-", "b/c/"]
    assert grouped("", "b/") == ["d", "é/"]
    assert grouped("", "b/1") == ["b/", "d", "é/"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.sets(any_key, min_size=1, max_size=8))
def test_whatever_is_put_is_listed_in_order_and_read_back(
    tmp_path_factory: pytest.TempPathFactory, some: set[str]
) -> None:
    buckets = Buckets(tmp_path_factory.mktemp("any"))
    buckets.create_bucket("data")
    for key in some:
        buckets.put("data", key, key.encode())
    ordered = sorted(some, key=str.encode)
    assert keys_of(buckets) == ordered
    assert [buckets.path("data", key).read_bytes() for key in ordered] == [key.encode() for key in ordered]
    middle = ordered[len(ordered) // 2]
    assert keys_of(buckets, start_after=middle) == [key for key in ordered if key > middle]
    for cut in range(len(middle) + 1):
        assert keys_of(buckets, middle[:cut]) == [key for key in ordered if key.startswith(middle[:cut])]
    assert all(buckets.delete("data", key) for key in some)
    assert list((buckets.root / "data").rglob("*")) == []


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("csv/train.csv", ["train.csv"]),
        ("in/", ["1.csv", "sub/2.csv"]),
        ("in", ["1.csv", "sub/2.csv"]),
        ("in/s", ["sub/2.csv"]),
        ("in/sub/2.c", ["2.csv"]),
        ("", ["csv/train.csv", "in/1.csv", "in/sub/2.csv"]),
        ("nothing", []),
    ],
)
def test_downloading_a_prefix(buckets: Buckets, tmp_path: Path, prefix: str, expected: list[str]) -> None:
    for key in ("csv/train.csv", "in/1.csv", "in/sub/2.csv"):
        buckets.put("data", key, key.encode())
    written = buckets.download("data", prefix, tmp_path / "channel")
    assert sorted(path.relative_to(tmp_path / "channel").as_posix() for path in written) == expected


def test_a_download_does_not_leave_its_directory(buckets: Buckets, tmp_path: Path) -> None:
    buckets.put("data", "in/../../../evil", b"")
    [path] = buckets.download("data", "in/", tmp_path / "deep/channel")
    assert path.is_relative_to(tmp_path / "deep/channel")


def test_uploading_a_directory_makes_the_bucket(buckets: Buckets, tmp_path: Path) -> None:
    (tmp_path / "out/sub").mkdir(parents=True)
    (tmp_path / "out/a.txt").write_text("a")
    (tmp_path / "out/sub/b c.txt").write_text("b")
    stored = buckets.upload(tmp_path / "out", "results", "run 1")
    assert [info.key for info in stored] == ["run 1/a.txt", "run 1/sub/b c.txt"]
    assert (buckets.root / "results/run 1/sub/b c.txt").read_text() == "b"


def test_taking_a_uri_apart() -> None:
    assert parse_uri("s3://b/k/é a.csv") == ("b", "k/é a.csv")
    assert parse_uri("s3://b") == ("b", "")
    for wrong in ("http://b/k", "s3:///k", "b/k", ""):
        with pytest.raises(UsageError, match="s3://bucket/key"):
            parse_uri(wrong)
