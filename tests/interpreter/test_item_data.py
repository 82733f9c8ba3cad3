"""The items of a text: CSV as the service reads it, JSON piece by piece."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.interpreter import csv_items, json_items
from asl_runner.interpreter.errors import ITEM_READER_FAILED, Failure
from asl_runner.interpreter.item_data import all_items


class Dripping(io.StringIO):
    """A text that comes in pieces of a few characters, whatever is asked for."""

    def read(self, size: int | None = -1, /) -> str:
        return super().read(3)


def rows(text: str, **config: Any) -> Any:
    return all_items(text, {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", **config})


def values(text: str) -> list[str]:
    """The fields of one record."""
    (row,) = rows(text, CSVHeaderLocation="GIVEN", CSVHeaders=list("abcdefghi"))
    return [value for _, value in sorted(row.items()) if value]


@pytest.mark.parametrize(
    "record, fields",
    [
        ('abc,"with, comma",x', ["abc", "with, comma", "x"]),
        ('"say ""hi"""', ['say "hi"']),
        ('{""MyKey"":""MyValue""},"[1,2,3]"', ['{"MyKey":"MyValue"}', "[1,2,3]"]),
        ("C:\\\\Program Files\\\\MyApp.exe,6534512", ["C:\\Program Files\\MyApp.exe", "6534512"]),
        ("a\\,b,c\\d", ["a,b", "cd"]),
        ('"quoted \\" mark",x', ['quoted " mark', "x"]),
        ('  "led by space"', ["led by space"]),
        ('inches 5" wide" x,y', ['inches 5" wide" x', "y"]),
        ('"",x', ["x"]),
        ('"two\nlines",x', ["two\nlines", "x"]),
        ('"two\r\nlines"\r\n', ["two\nlines"]),
        ("\\", []),
    ],
)
def test_a_csv_record_has_the_fields_the_guide_says(record: str, fields: list[str]) -> None:
    assert values(record) == fields


def test_what_a_row_lacks_is_empty_and_what_it_has_too_much_is_left_out() -> None:
    assert rows("a,b\n1\n2,3,4\n\n") == [{"a": "1", "b": ""}, {"a": "2", "b": "3"}]


def test_columns_come_in_the_order_of_a_java_hash_map() -> None:
    (row,) = rows("userId,movieId,rating,timestamp\n1,2,3,4\n")
    assert list(row) == ["rating", "movieId", "userId", "timestamp"]
    headers = [f"c{number}" for number in range(30)]
    (wide,) = rows("\n".join([",".join(headers)] * 2))
    assert sorted(wide) == sorted(headers)
    assert all(name == value for name, value in wide.items())


@pytest.mark.parametrize(
    "text, cause",
    [
        ("a,a\n1,2\n", "CSV headers cannot contain duplicates."),
        ("a,b\n", "only CSV headers"),
        ('a,b\n"1,2\n', "has no end"),
        (f"{'x' * 11_000}\n1\n", "10 KB"),
    ],
)
def test_a_file_that_is_no_csv_fails_the_reader(text: str, cause: str) -> None:
    with pytest.raises(Failure, match=cause) as raised:
        rows(text)
    assert raised.value.error == ITEM_READER_FAILED


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\\\r", exclude_categories=["Cs"])), min_size=1)))
def test_what_is_quoted_comes_back(records: list[list[str]]) -> None:
    text = "".join(",".join('"' + field.replace('"', '""') + '"' for field in record) + "\n" for record in records)
    found = [fields for fields, _ in csv_items.plain_records(io.StringIO(text, newline=""))]
    assert found == records


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=6) | st.dictionaries(st.text(), JSON, max_size=6), st.sampled_from([None, 2]))
def test_json_in_pieces_has_the_items_of_the_whole(document: Any, indent: int | None) -> None:
    stream = Dripping(json.dumps(document, indent=indent))
    found = [(key, value) for key, value, _ in json_items.json_items(stream)]
    assert found == (list(document.items()) if isinstance(document, dict) else [(None, item) for item in document])


@given(st.dictionaries(st.text(), JSON, min_size=1, max_size=4), st.data())
def test_a_pointer_passes_over_what_comes_before(document: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(document)))
    document[name] = [[1, 2], {"x": document[name]}]
    pointer = "/" + name.replace("~", "~0").replace("/", "~1") + "/0"
    found = [value for _, value, _ in json_items.json_items(Dripping(json.dumps(document)), pointer)]
    assert found == [1, 2]


@pytest.mark.parametrize("text", ["[1", "[1 2]", "[1,]", '[{"a"}]', "[NaN]", '{"a" 1}', "{1: 2}", '["', "[" * 100_000])
def test_a_text_that_is_no_json_fails_the_reader(text: str) -> None:
    with pytest.raises(Failure, match="not valid JSON") as raised:
        list(json_items.json_items(io.StringIO(text)))
    assert raised.value.error == ITEM_READER_FAILED


def test_an_item_that_is_too_large_fails_the_reader_before_it_is_all_read() -> None:
    class Endless(io.StringIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> str:
            assert size is not None
            self.taken += size
            return '["' + "x" * (size - 2) if self.taken == size else "x" * size

        def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
            return "x" * size

    endless = Endless()
    with pytest.raises(Failure, match="8 MB"):
        list(json_items.json_items(endless))
    assert endless.taken < 8 * json_items.LARGEST_ITEM
    with pytest.raises(Failure, match="8 MB"):
        list(csv_items.lines(endless))


def test_items_are_there_before_the_rest_is_read() -> None:
    def pieces() -> Iterator[str]:
        yield '[{"n": 1}, '
        raise AssertionError("the rest was read")

    class Lazy(io.StringIO):
        more = pieces()

        def read(self, size: int | None = -1, /) -> str:
            return next(self.more)

    items = json_items.json_items(Lazy())
    assert next(items)[:2] == (None, {"n": 1})
