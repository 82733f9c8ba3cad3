"""The items of a dataset, from its text: what an ItemReader makes of an object it has read.

Source: reference section 11, ItemReader; recorded outputs for CSV.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import ITEM_READER_FAILED, Failure

_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}


def reads(config: Mapping[str, Json]) -> bool:
    """Whether `items_in` knows the `InputType` of a ReaderConfig; the listing of a bucket has none and is JSON."""
    return config.get("InputType", "JSON") in _READERS


def items_in(text: str, config: Mapping[str, Json]) -> Json:
    """The items: an array, or for JSON also an object. Raises `Failure` `States.ItemReaderFailed`."""
    return _READERS[config.get("InputType", "JSON")](text, config)


def pointed(value: Json, pointer: str) -> Json:
    """What a JSON Pointer (RFC 6901) points at. Raises `Failure` `States.ItemReaderFailed` where there is nothing."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            raise Failure(ITEM_READER_FAILED, f"The ItemsPointer {pointer} does not point to anything in the dataset.")
    return value


def checked_items(value: Json) -> Json:
    """The same value. Raises `Failure` `States.ItemReaderFailed` unless it can be iterated (recorded)."""
    if not isinstance(value, list | dict):
        raise Failure(ITEM_READER_FAILED, "Attempting to map over non-iterable node.")
    return value


def _json(text: str, config: Mapping[str, Json]) -> Json:
    value = _parsed(text)
    return checked_items(value) if "ItemsPointer" not in config else value


def _json_lines(text: str, config: Mapping[str, Json]) -> Json:
    return [_parsed(line) for line in text.splitlines() if line.strip()]


def _parsed(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise Failure(ITEM_READER_FAILED, f"The dataset is not valid JSON: {problem}") from problem


def _csv(text: str, config: Mapping[str, Json]) -> Json:
    """Rows as objects of strings: what a row lacks is empty, what it has too much is left out (recorded)."""
    rows = _rows(text, _DELIMITERS[config.get("CSVDelimiter", "COMMA")])
    given = config.get("CSVHeaderLocation") == "GIVEN"
    headers: Sequence[str] = config.get("CSVHeaders", ()) if given else next(rows, ())
    if len(set(headers)) < len(headers):
        raise Failure(ITEM_READER_FAILED, "CSV headers cannot contain duplicates.")
    return [dict(zip(headers, [*row, *[""] * len(headers)], strict=False)) for row in rows]


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    try:
        yield from (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row)
    except csv.Error as problem:
        raise Failure(ITEM_READER_FAILED, f"The dataset is not valid CSV: {problem}") from problem


_READERS: dict[str, Callable[[str, Mapping[str, Json]], Json]] = {
    "CSV": _csv,
    "JSON": _json,
    "JSONL": _json_lines,
}
