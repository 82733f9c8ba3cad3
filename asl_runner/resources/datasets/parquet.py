"""Rows of Parquet files as items, a few at a time.

Source: developer guide, "ItemReader": the limits of row groups and footers. How types become JSON is silent there:
times are ISO 8601 texts, decimals numbers, bytes Base64, and what JSON has no number for is null.
"""

from __future__ import annotations

import base64
import datetime
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import ITEM_READER_FAILED, Failure
from asl_runner.interpreter.json_items import Item
from asl_runner.resources.datasets.extra import EXTRA

_ROWS = 256
_LARGEST_GROUP = 256 << 20
_LARGEST_FOOTER = 5 << 20


def parquet_items(stream: BinaryIO, source: str) -> Iterator[Item]:
    """The rows of a file. Raises `Failure` `States.ItemReaderFailed`, also while they are read."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as missing:
        cause = f"Reading Parquet needs the package pyarrow; install it with: {EXTRA}"
        raise Failure(ITEM_READER_FAILED, cause) from missing
    try:
        with pyarrow.parquet.ParquetFile(stream, pre_buffer=False) as file:
            _check(file.metadata, source)
            for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
                size = batch.nbytes // max(1, batch.num_rows)
                for row in batch.to_pylist():
                    yield None, _json(row), size
    except (pyarrow.ArrowException, OSError) as problem:
        raise Failure(ITEM_READER_FAILED, f"The dataset {source} is not a valid Parquet file: {problem}") from problem


def _check(metadata: Any, source: str) -> None:
    if metadata.serialized_size > _LARGEST_FOOTER:
        raise Failure(ITEM_READER_FAILED, f"The footer of {source} exceeds the maximum size of 5 MB.")
    sizes = (metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if max(sizes, default=0) > _LARGEST_GROUP:
        raise Failure(ITEM_READER_FAILED, f"A row group of {source} exceeds the maximum size of 256 MB.")


def _json(value: Any) -> Json:
    match value:
        case dict():
            return {str(name): _json(member) for name, member in value.items()}
        case list() | tuple():
            return [_json(element) for element in value]
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case float():
            return value if math.isfinite(value) else None
        case _:
            return value
