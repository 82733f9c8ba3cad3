"""Rows of a text delimited file as the service reads them.

Quotes and backslashes follow the developer guide, "How Step Functions parses input CSV files": a doubled quote stands
for one also outside of quotes, a backslash escapes a quote, a backslash and the delimiter and is left out otherwise.
What a row lacks is empty, what it has too much is left out (recorded). The columns of an item come in the order of a
Java hash map (recorded, and so in every example of the guide).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TextIO, TypeAlias

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.errors import ITEM_READER_FAILED, Failure
from asl_runner.interpreter.json_items import LARGEST_ITEM

Row: TypeAlias = "tuple[dict[str, str], int]"
"""A row as an object, and about how many characters it took."""

_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}

_LARGEST_HEADER = 10 << 10
"""Characters of the header at most. Source: developer guide, "ItemReader"."""


def csv_items(stream: TextIO, config: Mapping[str, Json]) -> Iterator[Row]:
    """The rows; `config` is the ReaderConfig. Raises `Failure` `States.ItemReaderFailed`."""
    records = _records(stream, _DELIMITERS[config.get("CSVDelimiter", "COMMA")])
    given = config.get("CSVHeaderLocation") == "GIVEN"
    headers: Sequence[str] = config.get("CSVHeaders", ()) if given else next(records, ((), 0))[0]
    if sum(map(len, headers)) > _LARGEST_HEADER:
        raise Failure(ITEM_READER_FAILED, "The CSV headers exceed the maximum size of 10 KB.")
    rows = with_headers(records, headers)
    return rows if given else _some(rows)


def with_headers(records: Iterator[tuple[list[str], int]], headers: Sequence[str]) -> Iterator[Row]:
    """Records as objects. Raises `Failure` `States.ItemReaderFailed`."""
    if len(set(headers)) < len(headers):
        raise Failure(ITEM_READER_FAILED, "CSV headers cannot contain duplicates.")
    order = _hash_order(headers)
    names = [headers[index] for index in order]
    count = len(headers)
    pick = itemgetter(*order) if count > 1 else list
    padding = [""] * count
    return (
        (dict(zip(names, pick(fields if len(fields) >= count else fields + padding), strict=False)), size)
        for fields, size in records
    )


def plain_records(stream: TextIO) -> Iterator[tuple[list[str], int]]:
    """The records of a file with commas, as lists of fields. Raises `Failure` `States.ItemReaderFailed`."""
    return _records(stream, ",")


def lines(stream: TextIO) -> Iterator[str]:
    """The lines, without what ends them. Raises `Failure` `States.ItemReaderFailed` for one that is too long."""
    while line := stream.readline(LARGEST_ITEM + 1):
        if len(line) > LARGEST_ITEM:
            raise Failure(ITEM_READER_FAILED, "The dataset has an item that exceeds the maximum size of 8 MB.")
        yield line[:-1] if line.endswith("\n") else line


def _some(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows, of which there must be one (reported)."""
    first = next(rows, None)
    if first is None:
        raise Failure(ITEM_READER_FAILED, "The dataset contains only CSV headers.")
    yield first
    yield from rows


def _records(stream: TextIO, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """The fields of each record; lines with nothing in them are none."""
    rest = lines(stream)
    for line in rest:
        if '"' in line or "\\" in line:
            yield _fields(line, rest, delimiter)
        elif line:
            yield line.split(delimiter), len(line)


def _fields(line: str, rest: Iterator[str], delimiter: str) -> tuple[list[str], int]:
    """The fields of a record with quotes or backslashes, which may go on in the lines that follow."""
    reading = _Record(delimiter)
    size = len(line)
    while not reading.line(line):
        following = next(rest, None)
        if following is None:
            raise Failure(ITEM_READER_FAILED, "The dataset is not valid CSV: the last quoted field has no end.")
        size += len(following)
        if size > LARGEST_ITEM:
            raise Failure(ITEM_READER_FAILED, "The dataset has an item that exceeds the maximum size of 8 MB.")
        line = following
    return reading.fields, size


class _Record:
    """One record under way."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._escapable = ('"', "\\", delimiter)
        self.fields: list[str] = []
        self._field: list[str] = []
        self._quoted = False
        """Inside quotes."""
        self._begun = False
        """Inside a field, where a doubled quote stands for one."""

    def line(self, line: str) -> bool:
        """Takes a line; whether it ends the record."""
        at, end = 0, len(line)
        while at < end:
            char = line[at]
            following = line[at + 1] if at + 1 < end else ""
            if char == "\\":
                if following in self._escapable and following:
                    self._field.append(following)
                    at += 1
            elif char == '"':
                at += self._quote(line[at - 1] if at else "", following)
            elif char == self._delimiter and not self._quoted:
                self._close()
            else:
                self._field.append(char)
                self._begun = True
            at += 1
        if self._quoted:
            self._field.append("\n")
            return False
        self._close()
        return True

    def _quote(self, before: str, following: str) -> int:
        """A quote between two characters; how many more were taken with it."""
        if following == '"' and (self._quoted or self._begun):
            self._field.append('"')
            return 1
        if before not in ("", self._delimiter) and following not in ("", self._delimiter):
            # In the middle of text it is kept; space before the first quote is not.
            if "".join(self._field).strip():
                self._field.append('"')
            else:
                self._field.clear()
        self._quoted = not self._quoted
        self._begun = self._quoted
        return 0

    def _close(self) -> None:
        self.fields.append("".join(self._field))
        self._field.clear()
        self._begun = False


def _hash_order(names: Sequence[str]) -> list[int]:
    """The places of different names in the order a `java.util.HashMap` with its default capacity has them."""
    capacity = 16
    while len(names) > capacity * 3 // 4:
        capacity *= 2
    return sorted(range(len(names)), key=lambda index: _spread(names[index]) & (capacity - 1))


def _spread(name: str) -> int:
    """`String.hashCode` with its high bits mixed into the low ones, as the map does it."""
    units = name.encode("utf-16-be", "surrogatepass")
    code = 0
    for at in range(0, len(units), 2):
        code = (31 * code + int.from_bytes(units[at : at + 2], "big")) & 0xFFFFFFFF
    return code ^ (code >> 16)
