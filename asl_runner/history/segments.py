"""A run of events as one blob of MessagePack, and back.

A blob is the array `[payloads, events]`. An event's payload is its bytes, or, where keeping each different payload
once saves more than it costs, extension 1 with the payload's place in `payloads` (an unsigned little-endian number).
A state's output is usually the next one's input, so with large payloads that halves a segment or better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Raw, msgpack

from asl_runner.history.events import PAYLOADS, Event

MAX_EVENTS = 512
"""Events in one segment at most: what a reader decodes to see one event."""

MAX_BYTES = 4 << 20
"""Bytes of different payloads after which a segment ends."""

_SHARED_FROM = 512
"""Average payload size from which looking for repeated ones pays (SQLite writes some 300 bytes in a microsecond)."""

_SAMPLE_STEP = 7
"""Odd, so that a sample of alternating entered and exited events sees both."""

_REFERENCE = 1
_REFERENCES = [msgpack.Ext(_REFERENCE, place.to_bytes(2, "little")) for place in range(MAX_EVENTS * len(PAYLOADS))]

_encoder = msgpack.Encoder()
_outer = msgpack.Decoder(tuple[list[bytes], Raw])
_plain = msgpack.Decoder(list[Event])


def encode(events: Sequence[Event]) -> Iterator[tuple[int, int, bytes]]:
    """Cuts events into segments: (first id, last id, blob) each. Raises `TypeError` for details that are not data."""
    if _average_payload(events) < _SHARED_FROM:
        for start in range(0, len(events), MAX_EVENTS):
            part = events[start : start + MAX_EVENTS]
            yield part[0].id, part[-1].id, _encoder.encode(((), part))
        return
    payloads: dict[bytes, int] = {}
    rows: list[Event] = []
    size = 0
    for event in events:
        before = len(payloads)
        rows.append(event if event.details is None else _shared(event, event.details, payloads))
        if len(payloads) != before:
            size += sum(len(payload) for payload in _payloads(event))
        if len(rows) == MAX_EVENTS or size >= MAX_BYTES:
            yield rows[0].id, rows[-1].id, _encoder.encode((list(payloads), rows))
            payloads, rows, size = {}, [], 0
    if rows:
        yield rows[0].id, rows[-1].id, _encoder.encode((list(payloads), rows))


def decode(blob: bytes) -> list[Event]:
    """The events of one segment; a repeated payload is one object. Raises `msgspec.MsgspecError` for a damaged blob."""
    payloads, events = _outer.decode(blob)
    if not payloads:
        return _plain.decode(events)

    def resolve(code: int, data: memoryview) -> bytes:
        return payloads[int.from_bytes(data, "little")]

    return msgpack.Decoder(list[Event], ext_hook=resolve).decode(events)


def _payloads(event: Event) -> Iterator[bytes]:
    details = event.details
    if details is not None:
        for key in PAYLOADS:
            if key in details:
                yield details[key]


def _average_payload(events: Sequence[Event]) -> float:
    sample = events[::_SAMPLE_STEP]
    return sum(len(payload) for event in sample for payload in _payloads(event)) / len(sample) if sample else 0.0


def _shared(event: Event, details: dict[str, Any], payloads: dict[bytes, int]) -> Event:
    """The event with its payloads replaced by references; `payloads` learns those it has not seen."""
    replaced = {
        key: _REFERENCES[payloads.setdefault(value, len(payloads))]
        for key, value in details.items()
        if key in PAYLOADS and type(value) is bytes
    }
    if not replaced:
        return event
    return Event(event.id, event.previous, event.time, event.type, details | replaced, event.scope)
