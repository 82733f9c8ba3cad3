"""The items of a dataset, from its text: what an ItemReader makes of an object it has read.

Source: reference section 11, ItemReader; recorded outputs for CSV.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.csv_items import csv_items, lines
from asl_runner.interpreter.json_items import Item, json_items, parsed


def reads(config: Mapping[str, Json]) -> bool:
    """Whether `items_in` knows the `InputType` of a ReaderConfig; the listing of a bucket has none and is JSON."""
    return config.get("InputType", "JSON") in _READERS


def items_in(stream: TextIO, config: Mapping[str, Json]) -> Iterator[Item]:
    """The items, read as they are asked for. Raises `Failure` `States.ItemReaderFailed`, also while they are."""
    return _READERS[config.get("InputType", "JSON")](stream, config)


def all_items(text: str, config: Mapping[str, Json]) -> Json:
    """The items of a small text: an array, or for a JSON object an object. Raises `Failure` as `items_in` does."""
    found = list(items_in(io.StringIO(text, newline=None), config))
    if found and found[0][0] is not None:
        return {key: value for key, value, _ in found}
    return [value for _, value, _ in found]


def _json(stream: TextIO, config: Mapping[str, Json]) -> Iterator[Item]:
    return json_items(stream, config.get("ItemsPointer", ""))


def _json_lines(stream: TextIO, config: Mapping[str, Json]) -> Iterator[Item]:
    return ((None, parsed(line), len(line)) for line in lines(stream) if not line.isspace() and line)


def _csv(stream: TextIO, config: Mapping[str, Json]) -> Iterator[Item]:
    return ((None, row, size) for row, size in csv_items(stream, config))


_READERS: dict[str, Callable[[TextIO, Mapping[str, Json]], Iterator[Item]]] = {
    "CSV": _csv,
    "JSON": _json,
    "JSONL": _json_lines,
}
