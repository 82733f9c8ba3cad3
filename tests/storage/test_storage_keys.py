"""Keys and paths: one path per key, one key per path, never outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.storage import InvalidKey, keys

_PIECES = st.sampled_from(
    [
        "a",
        "b",
        "/",
        ".",
        "..",
        "%",
        "%e%",
        "%l%",
        "%z%",
        "%f%",
        "%2F",
        "\x00",
        "\n",
        " ",
        "é",
        "日本",
        "x" * 130,
        "~",
        "+",
    ]
)
any_key = st.one_of(
    st.lists(_PIECES, min_size=1, max_size=9).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
).filter(lambda key: 0 < len(key.encode()) <= 1024)


@given(any_key)
def test_a_key_is_found_again_from_its_path(key: str) -> None:
    names = keys.encode(key)
    assert keys.decode(names) == key
    assert all(name not in ("", ".", "..") and "/" not in name and "\x00" not in name for name in names)
    assert all(len(name.encode()) <= 255 for name in names)


@given(any_key, any_key)
def test_two_keys_have_two_paths(one: str, other: str) -> None:
    assert (one == other) == (keys.encode(one) == keys.encode(other))


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("csv/train.csv", "csv/train.csv"),
        ("100% sure.txt", "100% sure.txt"),
        ("über uns/日本.txt", "über uns/日本.txt"),
        ("folder/", "folder/%e%"),
        ("a//b", "a/%e%/b"),
        ("/etc/passwd", "%e%/etc/passwd"),
        ("../../etc/passwd", "%e%%2E%2E/%e%%2E%2E/etc/passwd"),
        ("./a", "%e%%2E/a"),
        ("a\nb%", "%e%a%0Ab%25"),
        ("%e%x", "%e%%25e%25x"),
        ("%f%", "%e%%25f%25"),
    ],
)
def test_the_path_of_a_key(key: str, path: str) -> None:
    assert "/".join(keys.encode(key)) == path
    assert keys.decode(tuple(path.split("/"))) == key


@pytest.mark.parametrize("key", ["", "x" * 1025, "é" * 513, "\ud800"])
def test_a_key_s3_does_not_accept(key: str) -> None:
    with pytest.raises(InvalidKey):
        keys.encode(key)


@pytest.mark.parametrize("path", ["%e%plain", "%l%begun", "%z%ended", "%e%%2e", "%f%12", "%f%/a", "%e%a\x00"])
def test_a_foreign_name_with_a_marker_is_no_key(path: str) -> None:
    assert keys.decode(tuple(path.split("/"))) is None
