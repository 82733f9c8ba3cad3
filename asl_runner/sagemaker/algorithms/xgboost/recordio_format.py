"""RecordIO-wrapped protobuf, as Amazon's algorithms exchange it: framing, and the few fields of a `Record`.

A frame is the magic number, a length, the payload, and padding to four bytes. A `Record` maps names to tensors:
`features` (field 1) and `label` (field 2); a tensor holds values (1), keys of sparse ones (2) and a shape (3).
Source: developer guide, "Common Data Formats for Training"; the `aialgs.data` protobuf schema published there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

MAGIC = 0xCED7230A
LENGTH_MASK = (1 << 29) - 1

FEATURES, LABEL = 1, 2
TENSOR_TYPES: dict[int, np.dtype[Any]] = {2: np.dtype("<f4"), 3: np.dtype("<f8"), 7: np.dtype("<i4")}
"""Field of `Value` to the type of its tensor's values; int32 values are varints when packed."""


def read_recordio(data: bytes) -> tuple[Any, Any]:
    """Features (numpy array, scipy CSR matrix when sparse) and labels (None without) of all records, float32.

    Raises `ValueError` when `data` is not RecordIO-protobuf.
    """
    rows: list[tuple[Any, Any, int | None]] = []
    labels: list[float] = []
    for payload in frames(data):
        row, label = _record(payload)
        rows.append(row)
        if label is not None:
            labels.append(label)
    if labels and len(labels) != len(rows):
        raise ValueError("only some of the records have a label")
    return _matrix(rows), np.array(labels, np.float32) if labels else None


def frames(data: bytes) -> Iterator[bytes]:
    """The payloads of a RecordIO stream."""
    at = 0
    while at < len(data):
        if len(data) - at < 8:
            raise ValueError("the record is cut off")
        magic, flags = struct.unpack_from("<II", data, at)
        if magic != MAGIC:
            raise ValueError("the record does not start with the RecordIO magic number")
        length = flags & LENGTH_MASK
        if len(data) - at - 8 < length:
            raise ValueError("the record is cut off")
        yield data[at + 8 : at + 8 + length]
        at += 8 + (length + 3) // 4 * 4


def _record(payload: bytes) -> tuple[tuple[Any, Any, int | None], float | None]:
    row: tuple[Any, Any, int | None] | None = None
    label: float | None = None
    for number, entry in _fields(payload):
        if number == FEATURES:
            row = _tensor(_named_value(entry))
        elif number == LABEL:
            values = _tensor(_named_value(entry))[0]
            label = float(values[0])
    if row is None:
        raise ValueError("a record has no features")
    return row, label


def _named_value(entry: bytes) -> bytes:
    """The value of one entry of a map, whose field 1 is its key ("values") and field 2 its value."""
    return next(value for number, value in _fields(entry) if number == 2)


def _tensor(value: bytes) -> tuple[Any, Any, int | None]:
    """Values, keys (None when dense), and the width the shape tells (None without)."""
    for number, content in _fields(value):
        if number in TENSOR_TYPES:
            parts = list(_fields(content))
            values = np.concatenate(
                [_numbers(part, TENSOR_TYPES[number]) for at, part in parts if at == 1] or [np.zeros(0)]
            )
            keys = [key for at, part in parts if at == 2 for key in _varints(part)]
            shape = [size for at, part in parts if at == 3 for size in _varints(part)]
            return values.astype(np.float32), np.array(keys, np.int64) if keys else None, shape[-1] if shape else None
    raise ValueError("a tensor is neither float32, float64 nor int32")


def _numbers(part: bytes, kind: np.dtype[Any]) -> Any:
    if kind.kind == "f":
        return np.frombuffer(part, kind)
    return np.array([number - (1 << 64) if number >> 63 else number for number in _varints(part)])


def _matrix(rows: list[tuple[Any, Any, int | None]]) -> Any:
    if not rows:
        raise ValueError("there are no records")
    if all(keys is None for _, keys, _ in rows):
        return np.stack([values for values, _, _ in rows])
    from scipy import sparse

    indexes = [np.arange(len(values)) if keys is None else keys for values, keys, _ in rows]
    starts = np.cumsum([0, *(len(one) for one in indexes)])
    width = max(max(int(one.max()) + 1, shape or 0) for one, (_, _, shape) in zip(indexes, rows, strict=True))
    content = (np.concatenate([values for values, _, _ in rows]), np.concatenate(indexes), starts)
    return sparse.csr_matrix(content, shape=(len(rows), width))


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Field number and content of each field of a protobuf message; numbers as the bytes they were written in."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 2:
            length, at = _varint(message, at)
        elif wire == 0:
            length = _varint(message, at)[1] - at
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"unknown protobuf wire type {wire}")
        if at + length > len(message):
            raise ValueError("the record is cut off")
        yield number, message[at : at + length]
        at += length


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("the record is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def write_record(labels: dict[str, list[float]]) -> bytes:
    """One framed record whose label map has a float32 tensor per name."""
    payload = b"".join(
        _message(LABEL, _message(1, name.encode()) + _message(2, _message(2, _message(1, _packed(values)))))
        for name, values in labels.items()
    )
    padding = b"\0" * (-len(payload) % 4)
    return struct.pack("<II", MAGIC, len(payload)) + payload + padding


def _packed(values: list[float]) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def _message(number: int, content: bytes) -> bytes:
    return _varint_bytes(number << 3 | 2) + _varint_bytes(len(content)) + content


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
